"""What tests of the archive may use beyond a database: a real S3, one a session."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import config

from tests.seaweed import Seaweed, running


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
