"""The intake for what was wrapped: the original first, then every object, all of it or what failed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from psycopg_pool import ConnectionPool

from ologies.wrapping import Wrapping
from storage.errors import ObjectsUnavailable, Unavailable
from storage.files import FileObjects
from storage.ingest import Door, Incoming
from storage.objects import Bytes
from storage.origin import Origin
from storage.originals import Originals
from storage.receipt import Outcome, Receipt
from tests.ologies.material import PDF, a_case, wrap_here
from tests.storage.shelf import Shelf, origin
from viewer_api.keeping import Given, Keeping


@pytest.fixture
def shelf(database: str, tmp_path: Path) -> Iterator[Shelf]:
    with ConnectionPool(database, min_size=1, max_size=4, timeout=60) as pool:
        yield Shelf(pool, FileObjects(tmp_path / "objects", watermark_bytes=0))


@pytest.fixture
def keeping(shelf: Shelf) -> Keeping:
    return Keeping(shelf.ingest, Originals(shelf.objects, shelf.pool))


def two_letters(folder: Path) -> tuple[Wrapping, Given]:
    """One file of which two objects were made, as of a slide with two levels."""
    file = folder / "letters.pdf"
    file.write_bytes(PDF)
    first, second = (wrap_here(file, a_case(title=title)) for title in ("One", "Two"))
    other = second.objects[0]
    data_set = b"".join(other.data_set()).replace(
        other.sop_instance_uid.encode(), other.sop_instance_uid[:-1].encode() + b"0"
    )
    other.file.write_bytes(other.file.read_bytes()[: other.data_set_at] + data_set)
    other = replace(other, sop_instance_uid=other.sop_instance_uid[:-1] + "0")
    case = a_case(encounter__accession="A1")
    given = Given(file=file, name="letters.pdf", case=case, by="ann", origin=origin())
    return replace(first, objects=(*first.objects, other)), given


@dataclass
class Dying:
    """A door before which the process dies, or a part goes away, after so many objects."""

    door: Door
    after: int
    error: BaseException

    def accept(self, incoming: Incoming, chunks: Iterable[Bytes], origin: Origin) -> Receipt:
        if not self.after:
            raise self.error
        self.after -= 1
        return self.door.accept(incoming, chunks, origin)

    def turn_away(self, incoming: Incoming, origin: Origin, outcome: Outcome, because: str) -> None:
        self.door.turn_away(incoming, origin, outcome, because)


def test_the_original_and_every_object_are_kept_and_once_is_enough(
    shelf: Shelf, keeping: Keeping, tmp_path: Path
) -> None:
    wrapping, given = two_letters(tmp_path)
    kept = keeping.keep(wrapping, given)

    assert kept.outcome is Outcome.KEPT
    assert [each.outcome for each in kept.receipts] == [Outcome.KEPT] * 2
    [held] = keeping.originals.of_study(wrapping.study_uid)
    assert held.instance_uids == [each.sop_instance_uid for each in wrapping.objects]
    assert (held.kept_by, held.name, held.kind) == ("ann", "letters.pdf", "document in PDF")
    assert b"".join(keeping.originals.read(held)) == PDF
    assert shelf.rows("select identifier, issuer, nhs_number, accession, visit from encounter") == [
        ("123", "RBT", "9990000018", "A1", "V1")
    ]
    assert keeping.keep(wrapping, given).outcome is Outcome.ALREADY_KEPT
    assert len(shelf.keys()) == 3


@pytest.mark.parametrize("after", [0, 1])
def test_wherever_it_dies_the_next_try_adds_what_is_missing(
    shelf: Shelf, keeping: Keeping, tmp_path: Path, after: int
) -> None:
    wrapping, given = two_letters(tmp_path)
    for error in (SystemExit(), ObjectsUnavailable("away")):
        dying = replace(keeping, door=Dying(keeping.door, after, error))
        with pytest.raises((SystemExit, Unavailable)):
            dying.keep(wrapping, given)
        assert shelf.one("select count(*) from original") == 1, "nothing is here without its original"
        assert shelf.one("select count(*) from instance") == after

    assert keeping.keep(wrapping, given).outcome is Outcome.KEPT
    assert shelf.one("select count(*) from instance") == 2
    assert len(shelf.keys()) == 3


def test_what_is_refused_is_named_and_is_not_called_kept(
    shelf: Shelf, keeping: Keeping, tmp_path: Path
) -> None:
    wrapping, given = two_letters(tmp_path)
    first = wrapping.objects[0]
    content = first.file.read_bytes()
    first.file.write_bytes(content.replace(b"One ", b"Onf ").replace(b"One", b"Onf"))
    keeping.keep(replace(wrapping, objects=wrapping.objects[:1]), given)
    first.file.write_bytes(content)
    kept = keeping.keep(wrapping, given)

    assert kept.outcome is Outcome.DIFFERENT
    assert kept.because.startswith("object 1 of 2: ")
    assert len(kept.receipts) == 1


def test_a_file_that_is_still_being_written_is_not_kept(
    shelf: Shelf, keeping: Keeping, tmp_path: Path
) -> None:
    wrapping, given = two_letters(tmp_path)
    with given.file.open("ab") as file:
        file.write(b"more")
    kept = keeping.keep(wrapping, given)

    assert not kept.outcome.is_kept
    assert "has changed" in kept.because
    assert shelf.keys() == set()
