"""What rules coerce holds for the instances it was made for, at every level, in every form, until undone."""

import asyncio
from io import BytesIO
from typing import Any

import orjson
import pytest
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from storage.archive import Archive
from storage.changes import BEGINNING, ChangeFeed, ChangeKind
from storage.coercing import Coerced, record_coerced
from storage.connecting import open_pool
from storage.correcting import NewCorrection, Reason, record, undo
from storage.corrections import Member, correct_bytes
from storage.metadata import Whereabouts
from storage.query import Exactly, Level, Path, Query, Wildcard
from storage.sent import read_sent
from storage.stored import Resource
from tests.storage.material import instance
from tests.storage.shelf import Shelf

STUDY = "1.2.3"
BODY_PART: Path = (0x00180015,)
ACCESSION: Path = (0x00080050,)
NAME: Path = (0x00100010,)
#: An instance's UID, what becomes what, and what text is read as.
Wanted = tuple[str, dict[str, Member], dict[str, Member]]


def an_instance(uid: str, series: str, **others: Any) -> Dataset:
    return instance(SOPInstanceUID=uid, SeriesInstanceUID=series, StudyInstanceUID=STUDY, **others)


def text(vr: str, value: str) -> Member:
    return {"vr": vr, "Value": [value]}


def coerce(shelf: Shelf, *coerced: Wanted, of: str = "") -> int:
    """By instance UID; `of` more that were looked at."""
    ids = dict(shelf.rows("select uid, id from instance"))
    with shelf.pool.connection() as connection:
        return record_coerced(
            connection,
            STUDY,
            [ids[uid] for uid in (*(uid for uid, _, _ in coerced), *filter(None, [of]))],
            [Coerced(ids[uid], "site 7", attributes, read_as) for uid, attributes, read_as in coerced],
        )


def found(shelf: Shelf, level: Level, path: Path, sought: str) -> list[Any]:
    """What answers show of an attribute."""
    match = Wildcard(sought) if "*" in sought else Exactly(sought)

    async def ask() -> list[Any]:
        async with open_pool(str(shelf.pool.conninfo), 2, 5) as pool:
            answer = await Archive(pool).search(Query(level, {path: match}))
            rows = [each async for page in answer.pages for each in page]
            return [each.members[f"{path[0]:08X}"].get("Value", [None])[0] for each in rows]

    return asyncio.run(ask())


def leaves(shelf: Shelf, uid: str) -> tuple[Dataset, dict[str, Any]]:
    """An instance's bytes, read, and its metadata."""

    async def ask() -> tuple[Dataset, dict[str, Any]]:
        async with open_pool(str(shelf.pool.conninfo), 2, 5) as pool:
            archive = Archive(pool)
            (stored,) = [each for each in await archive.stored(Resource(STUDY)) if each.uid == uid]
            corrections = (await archive.corrections_of([stored])).get(stored.id, ())
            received = shelf.objects.read(stored.key, stored.data_offset)
            raw = b"".join(correct_bytes(received, stored.transfer_syntax, corrections))
            ((metadata,),) = [page async for page in archive.metadata([stored], "")]
            return read_dataset(BytesIO(raw), False, True), orjson.loads(metadata.json or b"{}")

    return asyncio.run(ask())


def as_sent(shelf: Shelf, uid: str, character_set: str | None = None) -> Any:
    key, offset, syntax = shelf.rows(
        "select key, data_offset, transfer_syntax from object o join instance n on n.object_id = o.id"
        " where n.uid = %s",
        uid,
    )[0]
    return read_sent(Whereabouts(shelf.objects, key, offset, syntax).source, syntax, character_set)


def test_each_instance_is_given_its_own(shelf: Shelf) -> None:
    shelf.send(an_instance("1.1", "1.2.3.1", BodyPartExamined="KOPF", AccessionNumber="0007"))
    shelf.send(an_instance("1.2", "1.2.3.2", BodyPartExamined="HAND", AccessionNumber="0007"))
    accession = {"00080050": text("SH", "7")}

    new = coerce(shelf, ("1.1", accession | {"00180015": text("CS", "HEAD")}, {}), ("1.2", accession, {}))

    assert new == 2
    assert found(shelf, Level.STUDY, ACCESSION, "7") == ["7"]
    assert found(shelf, Level.STUDY, ACCESSION, "0007") == []
    assert found(shelf, Level.SERIES, BODY_PART, "HEAD") == ["HEAD"]
    assert found(shelf, Level.SERIES, BODY_PART, "HAND") == ["HAND"]
    assert found(shelf, Level.SERIES, BODY_PART, "KOPF") == []
    assert found(shelf, Level.INSTANCE, ACCESSION, "7") == ["7", "7"]
    for uid, part in (("1.1", "HEAD"), ("1.2", "HAND")):
        data_set, metadata = leaves(shelf, uid)
        assert (data_set.AccessionNumber, data_set.BodyPartExamined) == ("7", part)
        assert metadata["00080050"]["Value"] == ["7"]
        (original,) = data_set.OriginalAttributesSequence
        assert original.ReasonForTheAttributeModification == "COERCE"
        assert original.ModifiedAttributesSequence[0].AccessionNumber == "0007"


def test_the_same_again_changes_nothing_and_an_undoing_stays(shelf: Shelf) -> None:
    shelf.send(an_instance("1.1", "1.2.3.1", AccessionNumber="0007"))
    before = leaves(shelf, "1.1")
    wanted: Wanted = ("1.1", {"00080050": text("SH", "7")}, {})

    assert [coerce(shelf, wanted), coerce(shelf, wanted)] == [1, 0]
    with shelf.pool.connection() as connection:
        undo(connection, shelf.one("select id from correction"), "a person")
    assert coerce(shelf, wanted) == 0

    assert leaves(shelf, "1.1") == before
    assert found(shelf, Level.STUDY, ACCESSION, "0007") == ["0007"]
    kinds = [change.kind for change in ChangeFeed(shelf.pool).after(BEGINNING)]
    assert kinds == [ChangeKind.KEPT, ChangeKind.CORRECTED, ChangeKind.CORRECTED]
    shelf.send(an_instance("1.2", "1.2.3.1", AccessionNumber="0007"))
    coerce(shelf, ("1.2", wanted[1], {}))
    assert leaves(shelf, "1.2")[0].AccessionNumber == "0007"


def test_what_a_person_corrected_stands_above_what_comes_later(shelf: Shelf) -> None:
    shelf.send(an_instance("1.1", "1.2.3.1", AccessionNumber="0007"))
    with shelf.pool.connection() as connection:
        record(connection, NewCorrection(STUDY, {"00080050": text("SH", "B2")}, Reason.CORRECT, "a person"))

    coerce(shelf, ("1.1", {"00080050": text("SH", "7")}, {}))

    assert leaves(shelf, "1.1")[0].AccessionNumber == "B2"
    assert found(shelf, Level.STUDY, ACCESSION, "B2") == ["B2"]


def test_what_was_replaced_loses_what_it_was_given(shelf: Shelf) -> None:
    shelf.send(an_instance("1.1", "1.2.3.1", AccessionNumber="0007"))
    coerce(shelf, ("1.1", {"00080050": text("SH", "7")}, {}))

    coerce(shelf, of="1.1")

    assert leaves(shelf, "1.1")[0].AccessionNumber == "0007"


@pytest.mark.parametrize(
    ("declared", "really", "name", "sought", "comments"),
    [
        ("ISO_IR 100", "ISO_IR 192", "Müller^Zoë", "müll*", "Übergröße"),
        ("ISO_IR 100", "GB18030", "Wang^XiaoDong=王^小东", "王*", "头部"),
        ("ISO_IR 192", "ISO_IR 101", "Łoś^Jan", "łoś*", "głowa"),
        (None, "ISO_IR 100", "Müller^Zoë", "müll*", "Übergröße"),
    ],
)
def test_a_wrong_character_set_is_read_as_what_it_is(
    shelf: Shelf, declared: str | None, really: str, name: str, sought: str, comments: str
) -> None:
    right = an_instance(
        "1.1", "1.2.3.1", SpecificCharacterSet=really, PatientName=name, StudyDescription=None
    )
    right.ImageComments = comments
    stream = BytesIO()
    right.save_as(stream, implicit_vr=False, little_endian=True)
    raw = stream.getvalue()
    start = raw.index(b"\x08\x00\x05\x00CS")
    stop = start + 8 + int.from_bytes(raw[start + 6 : start + 8], "little")
    wrong = b"" if declared is None else b"\x08\x00\x05\x00CS\x0a\x00" + declared.encode()
    shelf.send(right, chunks=[raw[:start] + wrong + raw[stop:]])
    sent = as_sent(shelf, "1.1", really)
    assert sent.declared == (declared or "")
    assert found(shelf, Level.STUDY, NAME, sought) == []

    assert sent.read_as is not None
    coerce(shelf, ("1.1", {"00080005": text("CS", really)}, sent.read_as))

    data_set, metadata = leaves(shelf, "1.1")
    assert (data_set.SpecificCharacterSet, data_set.PatientName) == (really, name)
    assert data_set.ImageComments == comments
    assert metadata["00204000"]["Value"] == [comments]
    assert metadata["00080005"]["Value"] == ["ISO_IR 192"]
    assert found(shelf, Level.STUDY, NAME, sought)[0]["Alphabetic"] == name.split("=")[0]
    (original,) = data_set.OriginalAttributesSequence
    assert original.ModifiedAttributesSequence[0].get("SpecificCharacterSet") == declared
    # Undone, every byte is as it was.
    with shelf.pool.connection() as connection:
        undo(connection, shelf.one("select id from correction"), "a person")
    assert "OriginalAttributesSequence" not in leaves(shelf, "1.1")[0]
    assert found(shelf, Level.STUDY, NAME, sought) == []


def test_a_coercion_after_a_reread_is_written_in_that_character_set(shelf: Shelf) -> None:
    sent = an_instance("1.1", "1.2.3.1", SpecificCharacterSet="ISO_IR 192", StudyDescription="a")
    raw = BytesIO()
    sent.save_as(raw, implicit_vr=False, little_endian=True)
    shelf.send(sent, chunks=[raw.getvalue().replace(b"ISO_IR 192", b"ISO_IR 100")])
    read = as_sent(shelf, "1.1", "ISO_IR 192")

    coerce(
        shelf,
        ("1.1", {"00080005": text("CS", "ISO_IR 192"), "00081030": text("LO", "頭")}, read.read_as),
    )

    data_set, metadata = leaves(shelf, "1.1")
    assert data_set.StudyDescription == "頭"
    assert metadata["00081030"]["Value"] == ["頭"]
    assert data_set.PatientName == "Müller^Zoë"
