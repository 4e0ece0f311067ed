"""What every test may use: a real PostgreSQL, one a session, and a fresh database for each test."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hypothesis import settings

from exchange import audit, passwords
from imx.postgres.binaries import find_binaries
from imx.postgres.cluster import cluster_in
from imx.postgres.process import Postgres, start
from tests.databases import Databases

# On a busy machine an example may take long, which is no fault. CI tries the same examples every time; at
# home they are new in each run, and what they find becomes an example of its own.
settings.register_profile("home", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "home")


@pytest.fixture(autouse=True, scope="session")
def quick_passwords() -> Iterator[None]:
    """Hashing that takes no time: how long it takes is argon2's own business."""
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", quick)
        patch.setattr(passwords, "_NOBODYS", quick.hash("nobody's"))
        yield


@pytest.fixture(autouse=True, scope="session")
def one_stretch() -> Iterator[None]:
    """No test runs while one stretch of the audit ends and the next begins."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit, "WINDOW_S", 1e12)
        yield


@pytest.fixture(scope="session")
def postgres_folder() -> Iterator[Path]:
    """A short folder that every user may pass through, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="imx-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(postgres_folder: Path) -> Iterator[Postgres]:
    """The embedded PostgreSQL of this session, as `imx serve` runs it, but that it does not flush.

    Tests of durability start their own.
    """
    cluster = cluster_in(postgres_folder, find_binaries(), None)
    running = start(cluster, overrides={"fsync": "off", "full_page_writes": "off", "max_connections": "300"})
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.stop(patience_s=5)


@pytest.fixture(scope="session")
def database_url(postgres: Postgres) -> str:
    """Conninfo of the `postgres` database of that server: for tests that make databases of their own."""
    return postgres.cluster.conninfo("postgres")


@pytest.fixture(scope="session")
def databases(database_url: str) -> Databases:
    """Migrated databases of that server."""
    return Databases.of(database_url, "migrated")


@pytest.fixture(scope="session")
def template_database(databases: Databases) -> str:
    """The name of a migrated database, to be copied."""
    return databases.template


@pytest.fixture
def database(databases: Databases) -> Iterator[str]:
    """Conninfo of a migrated database as good as new, taken back from whoever is still connected."""
    with databases.one() as conninfo:
        yield conninfo
