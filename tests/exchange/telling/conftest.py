"""A region, and a small care record that listens."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg_pool import ConnectionPool

from imx.demo.record.server import RecordServer
from storage.files import FileObjects
from tests.exchange.telling.region import Region
from tests.storage.shelf import Shelf


@pytest.fixture
def region(pool: ConnectionPool, tmp_path: Path) -> Region:
    return Region(Shelf(pool, FileObjects(tmp_path / "objects", watermark_bytes=0)))


@pytest.fixture
def record() -> Iterator[RecordServer]:
    with RecordServer().serving() as server:
        yield server
