"""Folders and databases for tests that start, kill and start again."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from imx.main import COMMANDS, build
from imx.postgres.binaries import find_binaries
from imx.postgres.cluster import cluster_in
from imx.postgres.process import Postgres, lay_out, start

Imx = Callable[..., Result]


@pytest.fixture
def imx(database: str, tmp_path: Path) -> Imx:
    """Runs a command on a fresh database and data folder, as `imx` would."""
    environment = {"IMX_DATABASE_URL": database, "IMX_DATA": str(tmp_path / "data")}

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(build(COMMANDS), list(arguments), env=environment)

    return run


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short data folder that every user may pass through."""
    path = Path(tempfile.mkdtemp(prefix="imx-test-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def laid_out() -> Iterator[Path]:
    """A data folder with a cluster in it that was never started: copied, it saves an initdb."""
    path = Path(tempfile.mkdtemp(prefix="imx-test-"))
    path.chmod(0o711)
    lay_out(cluster_in(path, find_binaries(), None))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def copy_cluster(laid_out: Path, folder: Path) -> None:
    """With its owners, which shutil.copytree does not keep."""
    source, target = laid_out / "postgres", folder / "postgres"
    shutil.copytree(source, target)
    owner = source.stat()
    for path in (target, *target.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
        shutil.copymode(source / path.relative_to(target), path)


Starter = Callable[[Path], Postgres]


@pytest.fixture
def start_postgres() -> Iterator[Starter]:
    """Starts PostgreSQL on a folder; whatever still runs afterwards is stopped."""
    started: list[Postgres] = []

    def start_on(path: Path) -> Postgres:
        postgres = start(cluster_in(path, find_binaries(), None))
        started.append(postgres)
        postgres.wait_until_ready()
        return postgres

    yield start_on
    for postgres in started:
        with suppress(ProcessLookupError):
            postgres.stop(patience_s=5)
