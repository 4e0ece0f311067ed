"""What tests of the archive may use beyond a database: a real S3, one a session."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg_pool import ConnectionPool
from pydicom import config

from storage.files import FileObjects
from tests.databases import Databases
from tests.seaweed import Seaweed, running
from tests.storage.shelf import Shelf


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    """SeaweedFS with its S3 gateway, every bucket set to flush. Tests take a bucket each."""
    folder: Path = tmp_path_factory.mktemp("seaweed")
    with running(folder) as server:
        yield server


@pytest.fixture(autouse=True, scope="session")
def pydicom_makes_anything() -> Iterator[None]:
    """Tests make values that no standard allows, as peers do."""
    before = config.settings.reading_validation_mode, config.settings.writing_validation_mode
    config.settings.reading_validation_mode = config.settings.writing_validation_mode = config.IGNORE
    yield
    config.settings.reading_validation_mode, config.settings.writing_validation_mode = before


@pytest.fixture
def shelf(database: str, tmp_path: Path) -> Iterator[Shelf]:
    """An archive's writing side on local files."""
    with ConnectionPool(database, min_size=1, max_size=20, timeout=60) as pool:
        yield Shelf(pool, FileObjects(tmp_path / "objects", watermark_bytes=0))


@pytest.fixture(scope="module")
def shelf_of_module(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """The same, for all examples of a property: each sweeps its own rows away."""
    with (
        databases.one() as database,
        ConnectionPool(database, min_size=4, max_size=4, timeout=60) as pool,
    ):
        pool.wait()  # a pool that grows draws random numbers, which Hypothesis would take for a strategy's
        yield Shelf(pool, FileObjects(tmp_path_factory.mktemp("objects"), watermark_bytes=0))
