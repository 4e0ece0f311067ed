"""A correction is recorded, found, and undone: searches match what is current, and undoing restores all."""

import asyncio
from functools import partial
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from storage.archive import Archive
from storage.changes import ChangeFeed, ChangeKind, follow
from storage.connecting import open_pool
from storage.correcting import (
    CannotBeCorrected,
    NewCorrection,
    NoSuchCorrection,
    Reason,
    keep_current,
    record,
    recorded,
    undo,
)
from storage.corrections import Member
from storage.errors import NotHeld
from storage.facts import Facts, identity_of, series_of, study_of
from storage.query import Exactly, Level, Path, Query, Wildcard
from tests.storage.shelf import Shelf, origin

STUDY = "1.2.3"
_OF_STUDY = "study_id = (select id from study where uid = %s)"
_numbers = count(1)
CURRENT = {
    "study": "study_date, study_time, accession, accession_issuer, study_id, description, referring,"
    " modalities",
    "series": "modality, series_number, description, body_part, series_date, performed_date, performed_time",
    "identity": "patient_id, patient_name, birth_date, sex",
}


def an_instance(uid: str = "1.2.3.1.1", series: str = "1.2.3.1", **others: Any) -> Dataset:
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = CTImageStorage, uid
    made.StudyInstanceUID, made.SeriesInstanceUID = STUDY, series
    made.PatientID, made.PatientName, made.PatientBirthDate = "123456", "Wrong^Name", "19500102"
    made.AccessionNumber, made.StudyDescription, made.Modality = "A1", "CT Head", "CT"
    for keyword, value in others.items():
        setattr(made, keyword, value)
    return made


def current(shelf: Shelf, study: str = STUDY) -> dict[str, list[tuple[Any, ...]]]:
    of_study = {"study": "uid = %s", **dict.fromkeys(("series", "identity"), _OF_STUDY)}
    return {
        table: shelf.rows(f"select {columns} from {table} where {of_study[table]} order by id", study)
        for table, columns in CURRENT.items()
    }


def correct(
    shelf: Shelf, attributes: dict[str, Member], identity_id: int | None = None, study: str = STUDY
) -> int:
    with shelf.pool.connection() as connection:
        new = NewCorrection(study, attributes, Reason.CORRECT, "a person", identity_id)
        return record(connection, new)


def take_back(shelf: Shelf, number: int, study: str = STUDY) -> None:
    with shelf.pool.connection() as connection:
        assert undo(connection, number, "another") == study


def found(shelf: Shelf, **matches: str) -> list[dict[str, Any]]:
    """Studies by one key each, as a search answers them."""
    tags: dict[str, Path] = {
        "patient": (0x00100020,), "issuer": (0x00100021,), "name": (0x00100010,), "accession": (0x00080050,),
        "description": (0x00081030,),
    }  # fmt: skip
    query = Query(
        Level.STUDY,
        {tags[key]: Wildcard(text) if "*" in text else Exactly(text) for key, text in matches.items()},
        include=frozenset(tags.values()),
    )

    async def ask() -> list[dict[str, Any]]:
        async with open_pool(str(shelf.pool.conninfo), 2, 5) as pool:
            answer = await Archive(pool).search(query)
            return [dict(each.members) async for page in answer.pages for each in page]

    return asyncio.run(ask())


NEW: dict[str, Member] = {
    "00080050": {"vr": "SH", "Value": ["B2"]},
    "00080051": {"vr": "SQ", "Value": [{"00400031": {"vr": "UT", "Value": ["RBL"]}}]},
    "00081030": {"vr": "LO", "Value": ["CT Chest"]},
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Right^Name"}]},
    "00100020": {"vr": "LO", "Value": ["9990000018"]},
    "00100021": {"vr": "LO", "Value": ["NHS"]},
    "00180015": {"vr": "CS", "Value": ["CHEST"]},
    "00080060": {"vr": "CS", "Value": ["PT"]},
}


def test_a_search_matches_what_is_current(shelf: Shelf) -> None:
    shelf.send(an_instance())

    correct(shelf, NEW)

    for key, text in {
        "patient": "9990000018", "issuer": "NHS", "name": "right*", "accession": "B2",
        "description": "CT Chest",
    }.items():  # fmt: skip
        (study,) = found(shelf, **{key: text})
        assert study["00100020"]["Value"] == ["9990000018"]
        assert study["00081030"]["Value"] == ["CT Chest"]
    for key, text in {
        "patient": "123456",
        "name": "wrong*",
        "accession": "A1",
        "description": "CT Head",
    }.items():
        assert found(shelf, **{key: text}) == []
    assert shelf.one("select accession_issuer from study") == "RBL"
    assert shelf.rows("select modality, body_part from series") == [("PT", "CHEST")]
    assert shelf.one("select modalities from study") == ["PT"]


def test_undoing_restores_all_in_whatever_order(shelf: Shelf) -> None:
    shelf.send(an_instance())
    shelf.send(an_instance("1.2.3.2.1", "1.2.3.2", Modality="SR", PatientName="Wrong^Nam"))
    before = current(shelf)
    first = correct(shelf, NEW)
    of_first = current(shelf)
    second = correct(shelf, {"00100020": {"vr": "LO"}, "00081030": {"vr": "LO"}})

    assert found(shelf, patient="9990000018") == []
    take_back(shelf, first)
    take_back(shelf, second)
    assert current(shelf) == before

    again = correct(shelf, NEW)
    assert current(shelf) == of_first
    take_back(shelf, again)
    assert current(shelf) == before
    with pytest.raises(NoSuchCorrection):
        take_back(shelf, again)


def test_the_issuer_that_an_accession_number_came_under_is_restored(shelf: Shelf) -> None:
    shelf.send(an_instance(), origin=origin("RBN"))

    number = correct(shelf, {"00080051": NEW["00080051"]})
    assert shelf.one("select accession_issuer from study") == "RBL"
    take_back(shelf, number)
    assert shelf.one("select accession_issuer from study") == "RBN"


def test_a_correction_of_one_identity_leaves_the_other(shelf: Shelf) -> None:
    shelf.send(an_instance())
    shelf.send(an_instance("1.2.3.1.2", PatientID="777"))
    (first, second) = [number for (number,) in shelf.rows("select id from identity order by id")]

    correct(shelf, {"00100020": {"vr": "LO", "Value": ["888"]}}, second)

    identifiers = shelf.rows(
        "select i.id, p.identifier from identity i join patient p on p.id = i.patient_id order by i.id"
    )
    assert identifiers == [(first, "123456"), (second, "888")]


def test_what_comes_later_is_found_as_corrected_too(shelf: Shelf) -> None:
    shelf.send(an_instance())
    correct(shelf, NEW)
    shelf.send(an_instance("1.2.3.2.1", "1.2.3.2", PatientName="Wrong^Spelling"))

    follow(ChangeFeed(shelf.pool), "corrections", partial(keep_current, shelf.pool))

    names = shelf.rows("select distinct patient_name from identity")
    assert names == [("right^name",)]
    assert shelf.rows("select distinct modality from series") == [("PT",)]


def test_it_is_told_and_written_down(shelf: Shelf) -> None:
    shelf.send(an_instance())
    number = correct(shelf, {"00081030": {"vr": "LO"}})
    take_back(shelf, number)

    kinds = [change.kind for change in ChangeFeed(shelf.pool).after(ChangeFeed(shelf.pool).place_of("x"))]
    assert kinds == [ChangeKind.KEPT, ChangeKind.CORRECTED, ChangeKind.CORRECTED]
    with shelf.pool.connection() as connection:
        (one,) = recorded(connection, STUDY)
    assert (one.id, one.reason, one.made_by, one.undone_by) == (number, Reason.CORRECT, "a person", "another")
    assert one.attributes == {"00081030": {"vr": "LO"}}


@pytest.mark.parametrize(
    "tag", ["0020000D", "0020000E", "00080018", "00080016", "00080005", "00280010", "04000561"]
)
def test_what_says_what_an_object_is_cannot_be_corrected(shelf: Shelf, tag: str) -> None:
    shelf.send(an_instance())

    with pytest.raises(CannotBeCorrected):
        correct(shelf, {tag: {"vr": "LO", "Value": ["1"]}})
    assert shelf.one("select count(*) from correction") == 0


def test_only_a_study_that_is_held_is_corrected(shelf: Shelf) -> None:
    with pytest.raises(NotHeld):
        correct(shelf, NEW, study="1.2.9")


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0\\^="), max_size=12)
_MEMBERS = st.fixed_dictionaries(
    {},
    optional={
        "PatientID": _TEXT | st.sampled_from(["UNKNOWN", " ", "123456"]),
        "PatientName": st.lists(_TEXT, max_size=3).map("^".join),
        "PatientBirthDate": st.sampled_from(["", "19500102", "1950.01.02", "nonsense"]),
        "IssuerOfPatientID": _TEXT,
        "AccessionNumber": _TEXT,
        "StudyDescription": _TEXT,
        "StudyDate": st.sampled_from(["", "20260102", "2026"]),
        "SeriesNumber": st.sampled_from(["", "3"]),
        "BodyPartExamined": st.sampled_from(["", "HEAD", "head "]),
        "ReferringPhysicianName": _TEXT,
    },
)


@given(sent=st.lists(_MEMBERS, min_size=1, max_size=3))
def test_the_columns_made_again_are_those_made_at_first(
    shelf_of_module: Shelf, sent: list[dict[str, str]]
) -> None:
    shelf, study = shelf_of_module, f"1.2.3.{next(_numbers)}"
    for number, values in enumerate(sent):
        data_set = an_instance(
            f"{study}.1.{number}",
            f"{study}.{number % 2}",
            SpecificCharacterSet="ISO_IR 192",
            StudyInstanceUID=study,
        )
        for keyword, value in values.items():
            setattr(data_set, keyword, value)
        shelf.send(data_set)
    before = current(shelf, study)

    take_back(shelf, correct(shelf, NEW, study=study), study)

    assert current(shelf, study) == before


def test_facts_are_read_from_ready_attributes() -> None:
    members: dict[str, Any] = {
        **NEW, "0020000D": {"vr": "UI", "Value": ["1.2"]}, "0020000E": {"vr": "UI", "Value": ["1.3"]}
    }  # fmt: skip

    facts = Facts(members, [])
    assert identity_of(facts).identifier == "9990000018"
    assert study_of(facts).accession_issuer == "RBL"
    assert series_of(facts).body_part == "CHEST"
