"""What uploads leave in the object store, and what takes it away."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from storage.errors import AlreadyDecided, ObjectsUnavailable
from storage.keys import fresh_piece_key
from storage.origin import Origin
from storage.part10 import write_meta
from storage.rebuild import rebuild
from storage.receiving import Receiving
from storage.sweep import Swept, sweep
from storage.upload import Named, Piece, State, TakenOver, Uploader, UploadSettings, WrongOffset
from storage.upload_pieces import forget_stale, pieces_of
from storage.upload_writing import write
from storage.uploads import Uploads
from tests.storage.shelf import Shelf

ROBIN = Uploader("account", "robin", "RBS", "RBS", "RBS")
AGELESS = timedelta(0)


@pytest.fixture
def uploads(shelf: Shelf) -> Uploads:
    return Uploads(shelf.pool, shelf.objects, UploadSettings())


def send(uploads: Uploads, content: bytes, length: int | None = None) -> Receiving:
    begun = uploads.begin(ROBIN, length or len(content), Named("file"))
    receiving = Receiving(write(uploads, begun.id, 0), begun.length, ())
    receiving.take(iter([content]))
    return receiving


def test_the_sweep_leaves_pieces_alone_and_takes_what_no_upload_knows(shelf: Shelf, uploads: Uploads) -> None:
    receiving = send(uploads, b"abc", length=6)
    known = shelf.keys()
    assert len(known) == 1
    shelf.objects.put(fresh_piece_key(datetime.now(UTC)), [b"left over"])

    assert sweep(shelf.objects, shelf.pool, AGELESS) == Swept(objects=1, bytes=9, unfinished=0)
    assert shelf.keys() == known
    uploads.remove(receiving.writing.number)
    assert shelf.keys() == set()
    assert sweep(shelf.objects, shelf.pool, AGELESS) == Swept(0, 0, 0)


def test_a_piece_on_its_way_is_no_orphan(shelf: Shelf, uploads: Uploads) -> None:
    writing = write(uploads, uploads.begin(ROBIN, 10, Named("file")).id, 0)
    key = writing.announce()
    shelf.objects.put(key, [b"abc"])

    assert sweep(shelf.objects, shelf.pool, AGELESS).objects == 0
    with shelf.pool.connection() as connection:
        connection.execute("update upload_piece set created_at = now() - interval '2 days'")
    with pytest.raises(TakenOver):
        writing.count([Piece(key, 3)])  # the upkeep may be deleting it by now
    forget_stale(shelf.pool, shelf.objects)
    assert shelf.keys() == set()
    with pytest.raises(TakenOver):
        writing.count([Piece(key, 3)])
    assert write(uploads, writing.number, 0).offset == 0


def test_a_piece_that_says_it_is_ours_is_not_indexed_by_a_rebuild(shelf: Shelf, uploads: Uploads) -> None:
    forged = Origin("CT1", "RBS", "RBS", "10.0.0.1", "IMX", datetime(2026, 1, 1, tzinfo=UTC))
    send(uploads, write_meta("1.2", "1.2.3", "1.2.840.10008.1.2.1", forged) + b"\x08\0\x18\0UI\x04\x001.2\0")

    assert list(rebuild(shelf.ingest, shelf.pool)) == []


def test_a_store_that_fails_leaves_the_offset_where_it_was(
    shelf: Shelf, uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = uploads.begin(ROBIN, 3, Named("file"))

    def fails(*_: object) -> int:
        raise ObjectsUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(type(shelf.objects), "put", fails)
        with pytest.raises(ObjectsUnavailable):
            Receiving(write(uploads, begun.id, 0), 3, ()).take(iter([b"abc"]))
    assert uploads.find(ROBIN, begun.id).received == 0
    assert Receiving(write(uploads, begun.id, 0), 3, ()).take(iter([b"abc"])) == 3
    assert uploads.find(ROBIN, begun.id).state is State.WHOLE


def test_who_comes_later_takes_over(uploads: Uploads) -> None:
    begun = uploads.begin(ROBIN, 6, Named("file"))
    first, second = write(uploads, begun.id, 0), write(uploads, begun.id, 0)

    def bytes_of(text: bytes) -> Iterator[bytes]:
        yield text

    with pytest.raises(TakenOver):
        Receiving(first, 6, ()).take(bytes_of(b"first"))
    assert Receiving(second, 6, ()).take(bytes_of(b"second")) == 6
    with pytest.raises(WrongOffset):
        write(uploads, begun.id, 0)


def test_a_case_said_before_the_last_byte_waits_for_it(shelf: Shelf, uploads: Uploads) -> None:
    begun = uploads.begin(ROBIN, 3, Named("file"))
    assert uploads.say_case(begun.id, {"title": "x"}).state is State.RECEIVING
    Receiving(write(uploads, begun.id, 0), 3, ()).take(iter([b"abc"]))

    found = uploads.find(ROBIN, begun.id)
    assert (found.state, found.of_case) == (State.WAITING, {"title": "x"})
    with shelf.pool.connection() as connection:
        connection.execute("update upload set state = 'converting'")
    with pytest.raises(AlreadyDecided):
        uploads.say_case(begun.id, {})
    with pytest.raises(AlreadyDecided):
        uploads.remove(begun.id)
    assert len(pieces_of(shelf.pool, begun.id)) == 1
