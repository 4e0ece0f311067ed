import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storage.elements import EXPLICIT_LITTLE
from storage.errors import Unavailable
from storage.index import Answer, PostgresIndex
from storage.ingest import Incoming, Ingest
from storage.keys import fresh_key
from storage.receipt import Outcome
from storage.sweep import Swept, sweep
from tests.storage.material import instance
from tests.storage.shelf import Shelf, origin
from tests.storage.strategies import write

AGELESS = timedelta(0)


def leave(shelf: Shelf, content: bytes = b"left over") -> str:
    """What a crash between the bytes and the row leaves."""
    key = fresh_key(datetime.now(UTC))
    shelf.objects.put(key, [content])
    return key


def test_what_no_row_knows_goes_and_what_a_row_knows_stays(shelf: Shelf) -> None:
    shelf.send(instance())
    shelf.send_bytes(Incoming("1.2", "1.2.3", EXPLICIT_LITTLE), [b"\x01\x02\x03"])
    known = shelf.keys()
    leave(shelf)

    assert sweep(shelf.objects, shelf.pool, AGELESS) == Swept(objects=1, bytes=9, unfinished=0)
    assert shelf.keys() == known
    assert sweep(shelf.objects, shelf.pool, AGELESS) == Swept(0, 0, 0)


def test_what_is_young_stays(shelf: Shelf) -> None:
    key = leave(shelf)

    assert sweep(shelf.objects, shelf.pool, timedelta(hours=1)).objects == 0
    assert shelf.keys() == {key}


def test_versions_and_what_waits_aside_stay(shelf: Shelf) -> None:
    made = instance()
    shelf.send(made)
    made.StudyDescription = "replaced"
    assert shelf.send(made, may_replace=True).outcome is Outcome.REPLACED
    made.StudyDescription = "aside"
    assert shelf.send(made).outcome is Outcome.DIFFERENT

    assert sweep(shelf.objects, shelf.pool, AGELESS).objects == 0
    assert len(shelf.keys()) == 3


def test_many_go_in_batches(shelf: Shelf) -> None:
    for _ in range(450):
        leave(shelf)

    assert sweep(shelf.objects, shelf.pool, AGELESS).objects == 450
    assert shelf.keys() == set()


def test_unfinished_puts_go_too(shelf: Shelf, tmp_path: Path) -> None:
    key = leave(shelf)
    path = tmp_path / "objects" / key
    unfinished = path.with_name(path.name + ".0123abcd.part")
    path.rename(unfinished)
    os.utime(unfinished, (1, 1))

    assert sweep(shelf.objects, shelf.pool, AGELESS) == Swept(0, 0, 1)


def test_a_sender_whose_bytes_were_swept_hears_try_again(shelf: Shelf) -> None:
    """The sweep came between the bytes and the row."""
    swept: list[Swept] = []

    class Sweeping(PostgresIndex):
        def keep(self, *asked: Any) -> Answer:
            swept.append(sweep(shelf.objects, shelf.pool, AGELESS))
            return PostgresIndex.keep(self, *asked)

    unlucky = Ingest(shelf.objects, Sweeping(shelf.pool))
    made = instance(Rows=1200, Columns=1200, PixelData=bytes(2 * 1200 * 1200))
    incoming = Incoming(made.SOPClassUID, made.SOPInstanceUID, EXPLICIT_LITTLE)
    data = write(made, EXPLICIT_LITTLE).data
    pieces = [data[start : start + 65536] for start in range(0, len(data), 65536)]
    with pytest.raises(Unavailable):
        unlucky.accept(incoming, pieces, origin())

    assert sum(each.objects for each in swept) == 1
    assert shelf.one("select count(*) from instance") == 0
    assert shelf.outcomes() == ["try again"]
    assert shelf.send(made).outcome is Outcome.KEPT


def test_objects_from_before_this_database_stay(shelf: Shelf) -> None:
    """An empty or restored database knows nothing of what was kept: that is for `imx rebuild`."""
    key = leave(shelf)
    with shelf.pool.connection() as connection:
        connection.execute("update feed set opened_at = now() + interval '1 second'")

    assert sweep(shelf.objects, shelf.pool, AGELESS).objects == 0
    assert shelf.keys() == {key}
