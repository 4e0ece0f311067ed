"""A pull on a real database, from a source in memory."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from psycopg_pool import ConnectionPool

from dicom_router.pulling.jobs import Job, Pulls, Reckoning
from dicom_router.pulling.pace import Limits, Pace
from dicom_router.pulling.run import Run
from dicom_router.pulling.source import Source, Way
from dicom_router.pulling.taking import Sender, Taking
from dicom_router.pulling.window import Window
from exchange.registry import PostgresRegistry
from exchange.trusts import Trust
from storage.files import FileObjects
from tests.storage.shelf import Shelf

TRUST = Trust("RBT", "Mid Cheshire", "RBT")


@dataclass
class Pulling:
    """Runs of one job, on one archive."""

    shelf: Shelf
    told: list[str] = field(default_factory=list)

    @property
    def pulls(self) -> Pulls:
        return Pulls(self.shelf.pool)

    def job(self, window: Window) -> Job:
        return self.pulls.job(Way.GET, "PACS", TRUST.ods_code, window, "somebody")

    def run(self, source: Source, window: Window | None = None, **options: float) -> Run:
        stop = threading.Event()
        pace = Pace(Limits(), stop)
        take = Taking(self.shelf.ingest, Sender("PACS", "RBT", "RBT", "10.0.0.9"), pace)
        return Run(
            source, self.pulls, self.job(window or Window()), self.shelf.pool, take, pace, stop,
            self.told.append, **options,
        )  # fmt: skip

    def whole(self, source: Source, window: Window | None = None) -> list[Reckoning]:
        """List and fetch, as the command does."""
        run = self.run(source, window)
        run.list_all()
        return list(run.fetch_all())

    def kept(self) -> set[str]:
        return {uid for (uid,) in self.shelf.rows("select uid from instance")}


Pull = Callable[..., Pulling]


@pytest.fixture
def pulling(database: str, tmp_path: Path) -> Iterator[Pulling]:
    with ConnectionPool(database, min_size=1, max_size=6, timeout=60) as pool:
        PostgresRegistry(pool).add_trust(TRUST)
        yield Pulling(Shelf(pool, FileObjects(tmp_path / "objects", watermark_bytes=0)))
