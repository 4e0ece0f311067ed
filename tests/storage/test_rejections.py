"""Rejection notes: what they hide, from whom, in whatever order they come; and that they can be undone."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from storage.archive import Archive
from storage.changes import BEGINNING, ChangeFeed
from storage.connecting import open_pool
from storage.elements import DEFLATED
from storage.errors import BadInput, NotHeld
from storage.query import Exactly, Level, Path, Query
from storage.receipt import Outcome
from storage.rejections import Rejections, Standing
from storage.stored import Resource
from storage.verify import Condition, verify
from tests.storage.material import instance
from tests.storage.notes import note
from tests.storage.shelf import Shelf, origin

T = TypeVar("T")

STUDY: Path = (0x0020000D,)
PATIENT_ID: Path = (0x00100020,)
MODALITIES: Path = (0x00080061,)
ASKED = frozenset(
    {MODALITIES, (0x00201204,), (0x00201206,), (0x00201208,), (0x00201209,), (0x00080018,), PATIENT_ID}
)


@dataclass
class Reader:
    """What anybody sees."""

    database: str

    def search(self, level: Level, matches: dict[Path, Any]) -> list[dict[str, Any]]:
        async def ask(archive: Archive) -> list[dict[str, Any]]:
            answer = await archive.search(Query(level, matches, ASKED))
            return [dict(found.members) async for page in answer.pages for found in page]

        return self._ask(ask)

    def shown(self, study: str) -> set[str]:
        """The instances of a study, by search and by retrieve; both, and every count, must agree."""
        found = self.search(Level.INSTANCE, {STUDY: Exactly(study)})
        uids = {each["00080018"]["Value"][0] for each in found}
        assert uids == self.retrieved(study)
        series = self.search(Level.SERIES, {STUDY: Exactly(study)})
        assert all(each["00201209"]["Value"][0] > 0 for each in series)
        assert sum(each["00201209"]["Value"][0] for each in series) == len(uids)
        studies = self.search(Level.STUDY, {STUDY: Exactly(study)})
        assert len(studies) == bool(uids)
        for each in studies:
            assert each["00201206"]["Value"] == [len(series)]
            assert each["00201208"]["Value"] == [len(uids)]
        return uids

    def retrieved(self, study: str) -> set[str]:
        async def ask(archive: Archive) -> set[str]:
            try:
                return {each.uid for each in await archive.stored(Resource(study))}
            except NotHeld:
                return set()

        return self._ask(ask)

    def _ask(self, question: Callable[[Archive], Coroutine[Any, Any, T]]) -> T:
        async def run() -> T:
            pool = open_pool(self.database, 1, 5)
            await pool.open()
            try:
                return await question(Archive(pool))
            finally:
                await pool.close()

        return asyncio.run(run())


@pytest.fixture
def reader(database: str) -> Reader:
    return Reader(database)


@pytest.fixture
def rejections(shelf: Shelf) -> Rejections:
    return Rejections(shelf.pool)


def study_of(count: int, **attributes: object) -> list[Dataset]:
    """Instances of one study in two series."""
    study, series = generate_uid(), (generate_uid(), generate_uid())
    return [
        instance(
            StudyInstanceUID=study,
            SeriesInstanceUID=series[number % 2],
            Modality=("CT", "SR")[number % 2],
            InstanceNumber=str(number),
            **attributes,
        )
        for number in range(count)
    ]


def uids(*instances: Dataset) -> set[str]:
    return {each.SOPInstanceUID for each in instances}


@pytest.mark.parametrize("is_note_first", [True, False])
@pytest.mark.parametrize("code", ["113001", "113037", "113038"])
def test_a_note_hides_what_it_names_and_shows_itself(
    shelf: Shelf, reader: Reader, code: str, is_note_first: bool
) -> None:
    made = study_of(4)
    rejecting = note(code, made[:2])
    for each in [rejecting, *made] if is_note_first else [*made, rejecting]:
        assert shelf.send(each).outcome is Outcome.KEPT

    assert reader.shown(made[0].StudyInstanceUID) == uids(*made[2:], rejecting)


def test_a_study_of_which_nothing_shows_is_not_there(shelf: Shelf, reader: Reader) -> None:
    made = study_of(2)
    for each in (*made, note("113039", made)):  # hides itself too
        shelf.send(each)

    assert reader.shown(made[0].StudyInstanceUID) == set()
    for level in (Level.PATIENT, Level.STUDY):
        assert reader.search(level, {PATIENT_ID: Exactly("123456")}) == []


def test_a_patient_whose_every_picture_is_hidden_is_not_found(shelf: Shelf, reader: Reader) -> None:
    made = study_of(2)
    wrong = instance(
        StudyInstanceUID=made[0].StudyInstanceUID, PatientID="WRONG", SeriesInstanceUID=generate_uid()
    )
    rejecting = note("113038", [wrong], PatientID="123456")
    for each in (*made, wrong, rejecting):
        shelf.send(each)

    for level in Level:
        assert reader.search(level, {PATIENT_ID: Exactly("WRONG")}) == []
        assert reader.search(level, {PATIENT_ID: Exactly("123456")})
    assert reader.search(Level.PATIENT, {STUDY: Exactly(made[0].StudyInstanceUID)})[0]["00201204"][
        "Value"
    ] == [3]
    found = reader.search(Level.STUDY, {STUDY: Exactly(made[0].StudyInstanceUID)})
    assert [each["00100020"]["Value"] for each in found] == [["123456"]]


def test_a_modality_that_is_hidden_is_neither_found_nor_told(shelf: Shelf, reader: Reader) -> None:
    made = study_of(4)
    for each in (*made, note("113039", made[1::2])):
        shelf.send(each)

    assert reader.search(Level.STUDY, {MODALITIES: Exactly("SR")}) == []
    assert reader.search(Level.STUDY, {MODALITIES: Exactly("KO")}) == []
    assert [
        each["00080061"]["Value"] for each in reader.search(Level.STUDY, {MODALITIES: Exactly("CT")})
    ] == [["CT"]]


def test_what_is_hidden_is_kept_and_verified(shelf: Shelf) -> None:
    made = study_of(2)
    for each in (*made, note("113037", made)):
        shelf.send(each)
    shelf.move()

    assert [each.condition for each in verify(shelf.objects, shelf.pool)] == [Condition.SOUND] * 3
    assert shelf.one("select count(*) from tombstone") == 0


def test_a_note_is_undone_and_accepted_again(shelf: Shelf, reader: Reader, rejections: Rejections) -> None:
    made = study_of(2)
    rejecting = note("113037", made)
    for each in (*made, rejecting):
        shelf.send(each)
    [noted] = rejections.notes()
    assert (noted.standing, noted.named, noted.hidden) == (Standing.IN_FORCE, 2, 2)

    undone = rejections.undo(noted.id, "ann")

    assert (undone.standing, undone.decided_by, undone.hidden) == (Standing.UNDONE, "ann", 0)
    assert reader.shown(made[0].StudyInstanceUID) == uids(*made, rejecting)
    assert rejections.accept(noted.id, "bob").standing is Standing.ACCEPTED
    assert reader.shown(made[0].StudyInstanceUID) == uids(rejecting)
    assert shelf.rows("select decision, by from rejection_decision order by id") == [
        ("undo", "ann"),
        ("accept", "bob"),
    ]


def test_another_trusts_instances_wait_for_a_person(
    shelf: Shelf, reader: Reader, rejections: Rejections
) -> None:
    made = study_of(2)
    for each in made:
        shelf.send(each)
    rejecting = note("113038", made)
    shelf.send(rejecting, origin=origin("REM"))
    [noted] = rejections.notes()

    assert (noted.standing, noted.foreign, noted.hidden) == (Standing.TO_DECIDE, 2, 0)
    assert reader.shown(made[0].StudyInstanceUID) == uids(*made, rejecting)

    rejections.accept(noted.id, "ann")

    assert reader.shown(made[0].StudyInstanceUID) == uids(rejecting)


def test_an_heir_may_reject_what_it_took_over(shelf: Shelf, reader: Reader) -> None:
    for code, heir in (("RNEW", None), ("RBN", "RNEW")):
        shelf.rows(
            "insert into trust (ods_code, name, issuer, successor) values (%s, 'T', %s, %s) returning 1",
            code,
            code,
            heir,
        )
    made = study_of(2)
    rejecting = note("113001", made)
    for each in made:
        shelf.send(each)
    shelf.send(rejecting, origin=origin("RNEW"))

    assert reader.shown(made[0].StudyInstanceUID) == uids(rejecting)


def test_a_note_that_is_mistaken_about_the_study_hides_nothing(
    shelf: Shelf, reader: Reader, rejections: Rejections
) -> None:
    [made] = study_of(1)
    shelf.send(made)
    mistaken = instance(SOPInstanceUID=made.SOPInstanceUID)
    shelf.send(note("113037", [mistaken]))

    assert rejections.notes()[0].standing is Standing.TO_DECIDE
    assert rejections.notes()[0].elsewhere == 1
    assert reader.shown(made.StudyInstanceUID) == uids(made)


@pytest.mark.parametrize("code", ["113001", "113037", "113038"])
def test_what_is_sent_again_stays_hidden(shelf: Shelf, reader: Reader, code: str) -> None:
    made = study_of(2)
    rejecting = note(code, made)
    for each in (*made, rejecting):
        shelf.send(each)

    assert [shelf.send(each).outcome for each in made] == [Outcome.ALREADY_KEPT] * 2
    assert reader.shown(made[0].StudyInstanceUID) == uids(rejecting)


def test_what_is_sent_again_after_its_retention_shows(
    shelf: Shelf, reader: Reader, rejections: Rejections
) -> None:
    made = study_of(2)
    for each in (*made, note("113039", made)):
        shelf.send(each)
    shelf.send(made[0], origin=origin("REM"))  # no business of another trust
    assert reader.shown(made[0].StudyInstanceUID) == set()

    assert shelf.send(made[0]).outcome is Outcome.ALREADY_KEPT

    assert reader.shown(made[0].StudyInstanceUID) == uids(made[0])
    assert rejections.notes()[0].sent_again == 1


def test_a_view_is_settable(shelf: Shelf, reader: Reader, rejections: Rejections) -> None:
    made = study_of(3)
    rejecting = note("113001", made[:1])
    for each in (*made[:2], rejecting):
        shelf.send(each)

    view = rejections.change_view("113001", hides_instances=False, hides_note=True, by="ann")

    assert (view.settled, view.changed_by) == (True, "ann")
    assert reader.shown(made[0].StudyInstanceUID) == uids(*made[:2])
    rejections.change_view("113001", hides_instances=True, hides_note=True, by="ann")
    assert reader.shown(made[0].StudyInstanceUID) == uids(made[1])
    with pytest.raises(BadInput):
        rejections.change_view("113030", hides_instances=True, hides_note=True, by="ann")


def test_a_view_that_was_changed_when_the_process_died_is_settled_later(
    shelf: Shelf, reader: Reader, rejections: Rejections
) -> None:
    made = study_of(2)
    for each in (*made, note("113001", made)):
        shelf.send(each)
    shelf.rows(
        "update rejection_view set hides_instances = false, settled = false, changed_at = now() returning 1"
    )

    assert rejections.settle_views() > 0
    assert uids(*made) <= reader.shown(made[0].StudyInstanceUID)
    assert rejections.settle_views() == 0


def test_followers_hear_of_it(shelf: Shelf, rejections: Rejections) -> None:
    made = study_of(2)
    rejecting = note("113037", made[:1])
    for each in (*made, rejecting):
        shelf.send(each)
    rejections.undo(rejections.notes()[0].id, "ann")

    heard = [(each.kind.value, each.instance_uid) for each in ChangeFeed(shelf.pool).after(BEGINNING)]

    assert heard[-2:] == [("withdrawn", made[0].SOPInstanceUID), ("kept", made[0].SOPInstanceUID)]


@pytest.mark.parametrize("syntax", [DEFLATED, "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"])
def test_a_note_may_name_thousands(shelf: Shelf, rejections: Rejections, syntax: str) -> None:
    made = study_of(1)
    many = [
        instance(StudyInstanceUID=made[0].StudyInstanceUID, SeriesInstanceUID="1.2.3") for _ in range(3000)
    ]
    shelf.send(note("113001", made + many), syntax)

    assert rejections.notes()[0].named == 3001
    assert rejections.notes()[0].missing == 3001


def test_another_key_object_selection_rejects_nothing(shelf: Shelf, rejections: Rejections) -> None:
    made = study_of(2)
    for each in (*made, note("113030", made)):
        shelf.send(each)

    assert rejections.notes() == []


def test_a_note_that_is_replaced_rejects_what_it_now_names(
    shelf: Shelf, reader: Reader, rejections: Rejections
) -> None:
    made = study_of(3)
    first = note("113037", made[:1])
    for each in (*made, first):
        shelf.send(each)
    second = note("113037", made[1:], SOPInstanceUID=first.SOPInstanceUID)
    second.SeriesInstanceUID = first.SeriesInstanceUID

    assert shelf.send(second, may_replace=True).outcome is Outcome.REPLACED
    assert reader.shown(made[0].StudyInstanceUID) == uids(made[0], first)

    harmless = note("113030", made, SOPInstanceUID=first.SOPInstanceUID)
    harmless.SeriesInstanceUID = first.SeriesInstanceUID
    assert shelf.send(harmless, may_replace=True).outcome is Outcome.REPLACED
    assert reader.shown(made[0].StudyInstanceUID) == uids(*made, first)


def test_notes_and_instances_at_once(shelf: Shelf, reader: Reader) -> None:
    """Whoever comes first, the note is in force once all have their answer."""
    made = study_of(12)
    notes = [note("113037", made[:4]), note("113038", made[2:6]), note("113001", made[4:8])]
    for _ in range(3):
        with ThreadPoolExecutor(15) as senders:
            outcomes = {receipt.outcome for receipt in senders.map(shelf.send, [*made, *notes])}
        assert outcomes <= {Outcome.KEPT, Outcome.ALREADY_KEPT}
        assert reader.shown(made[0].StudyInstanceUID) == uids(*made[8:], *notes)


@dataclass
class Model:
    """Who is seen, told in a few lines."""

    kept: set[int] = field(default_factory=set)
    notes: dict[int, tuple[str, frozenset[int]]] = field(default_factory=dict)
    undone: set[int] = field(default_factory=set)
    lifted: set[tuple[int, int]] = field(default_factory=set)  # by note and instance

    def send(self, number: int) -> None:
        if number in self.kept:
            self.lifted |= {(each, number) for each, (code, _) in self.notes.items() if code == "113039"}
        self.kept.add(number)

    def shown(self) -> set[int]:
        return {
            number
            for number in self.kept
            if not any(
                number in named and each not in self.undone and (each, number) not in self.lifted
                for each, (_, named) in self.notes.items()
            )
        }


Event = tuple[str, int]
CODES = ("113001", "113037", "113038", "113039")


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[tuple[str, frozenset[int]]], list[Event]]:
    """Notes over four instances, and everything that happens, in any order."""
    notes = draw(
        st.lists(st.tuples(st.sampled_from(CODES), st.frozensets(st.integers(0, 3), min_size=1)), max_size=3)
    )
    events: list[Event] = [("send", number) for number in range(4)] * 2
    events += [(what, number) for number in range(len(notes)) for what in ("note", "note", "undo")]
    return notes, draw(st.permutations(events).map(lambda all_of: all_of[: draw(st.integers(1, 16))]))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories())
def test_any_order_comes_to_the_same(
    shelf: Shelf, reader: Reader, rejections: Rejections, history: tuple[Any, list[Event]]
) -> None:
    notes, events = history
    made = study_of(4)
    written = [note(code, [made[number] for number in sorted(named)]) for code, named in notes]
    model = Model()
    for what, number in events:
        if what == "send":
            shelf.send(made[number])
            model.send(number)
        elif what == "note":
            shelf.send(written[number])
            model.notes.setdefault(number, notes[number])
        elif number in model.notes:
            uid = written[number].SOPInstanceUID
            [noted] = [each for each in rejections.notes() if each.uid == uid]
            rejections.undo(noted.id, "ann")
            model.undone.add(number)

    visible_notes = {
        written[number].SOPInstanceUID
        for number, (code, _) in model.notes.items()
        if code != "113039" or number in model.undone
    }
    assert reader.shown(made[0].StudyInstanceUID) == visible_notes | {
        made[number].SOPInstanceUID for number in model.shown()
    }
