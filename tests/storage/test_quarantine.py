import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from storage.errors import AlreadyDecided, BadInput, NotHeld
from storage.quarantine import Choice, Quarantine
from storage.receipt import Outcome
from tests.storage.material import instance
from tests.storage.shelf import Shelf, origin


def changed(dataset: Dataset, **attributes: object) -> Dataset:
    other = copy.deepcopy(dataset)
    for keyword, value in attributes.items():
        setattr(other, keyword, value)
    return other


@pytest.fixture
def quarantine(shelf: Shelf) -> Quarantine:
    return Quarantine(shelf.pool, shelf.objects)


def seen(shelf: Shelf, made: Dataset) -> dict[str, Any]:
    """What every reader has of an instance: rows, as far as they may change."""
    ((series, identity, name, digest, json_after, contested),) = shelf.rows(
        "select i.series_id, i.identity_id, d.patient_name, o.digest, i.json_after, s.contested"
        " from instance i"
        " join object o on o.id = i.object_id join identity d on d.id = i.identity_id"
        " join series r on r.id = i.series_id join study s on s.id = r.study_id where i.uid = %s",
        made.SOPInstanceUID,
    )
    return {
        "series": series, "identity": identity, "name": name, "digest": digest, "json": json_after,
        "contested": contested,
    }  # fmt: skip


def test_what_was_kept_first_stays_and_the_study_is_contested_no_longer(
    shelf: Shelf, quarantine: Quarantine
) -> None:
    made = instance()
    shelf.send(made)
    first = seen(shelf, made)
    shelf.send(changed(made, SeriesDescription="other"))
    (waiting,) = quarantine.waiting()
    assert (waiting.outcome, waiting.study_uid) == ("different content", made.StudyInstanceUID)
    assert [one.tag for one in waiting.differences] == ["0008103E"]
    assert seen(shelf, made)["contested"]

    settled = quarantine.decide(waiting.id, Choice.KEEP, "a co-ordinator")

    assert (settled.decision, settled.decided_by) == (Choice.KEEP, "a co-ordinator")
    assert seen(shelf, made) == first
    assert quarantine.waiting() == []


def test_the_other_content_becomes_current_and_the_first_a_version(
    shelf: Shelf, quarantine: Quarantine
) -> None:
    made = instance()
    shelf.send(made)
    first = seen(shelf, made)
    shelf.send(changed(made, PatientName="Other^Name", ImageComments="newer"))
    (waiting,) = quarantine.waiting()

    quarantine.decide(waiting.id, Choice.TAKE, "a co-ordinator")
    taken = seen(shelf, made)

    assert (taken["name"], taken["contested"]) == ("other^name", False)
    assert b"newer" in taken["json"]
    assert len(shelf.rows("select from version")) == 1
    assert shelf.rows("select kind from change order by number") == [("kept",), ("kept",)]

    quarantine.undo(waiting.id, "somebody else")

    assert seen(shelf, made) == first | {"contested": True}
    assert [each.id for each in quarantine.waiting()] == [waiting.id]
    assert shelf.rows("select decision, by from quarantine_decision order by id") == [
        ("take", "a co-ordinator"),
        ("undo", "somebody else"),
    ]


def test_what_was_decided_is_not_asked_again_when_the_same_comes_again(
    shelf: Shelf, quarantine: Quarantine
) -> None:
    made = instance()
    other = changed(made, SeriesDescription="other")
    shelf.send(made)
    shelf.send(other)
    quarantine.decide(quarantine.waiting()[0].id, Choice.KEEP, "a co-ordinator")
    keys = shelf.keys()

    assert shelf.send(other).outcome is Outcome.DIFFERENT  # and its sender hears so
    assert quarantine.waiting() == []
    assert not seen(shelf, made)["contested"]
    assert shelf.keys() == keys


def test_after_the_other_was_taken_the_first_again_contests_nothing(
    shelf: Shelf, quarantine: Quarantine
) -> None:
    made = instance()
    other = changed(made, SeriesDescription="other")
    shelf.send(made)
    shelf.send(other)
    quarantine.decide(quarantine.waiting()[0].id, Choice.TAKE, "a co-ordinator")

    assert shelf.send(other).outcome is Outcome.ALREADY_KEPT
    assert shelf.send(made).outcome is Outcome.DIFFERENT
    assert quarantine.waiting() == []


def test_a_study_is_contested_until_the_last_is_decided(shelf: Shelf, quarantine: Quarantine) -> None:
    made = instance()
    shelf.send(made)
    for number in range(2):
        shelf.send(changed(made, SeriesDescription=f"other {number}"))
    first, second = quarantine.waiting()

    quarantine.decide(first.id, Choice.KEEP, "a co-ordinator")
    assert seen(shelf, made)["contested"]
    quarantine.decide(second.id, Choice.TAKE, "a co-ordinator")
    assert not seen(shelf, made)["contested"]


def test_only_other_content_of_a_kept_instance_can_become_current(
    shelf: Shelf, quarantine: Quarantine
) -> None:
    made = instance()
    shelf.send(made)
    shelf.send(changed(made, StudyInstanceUID=generate_uid(), SeriesInstanceUID=generate_uid()))
    (waiting,) = quarantine.waiting()
    assert waiting.outcome == "other study"

    with pytest.raises(BadInput, match="sent again with right UIDs"):
        quarantine.decide(waiting.id, Choice.TAKE, "a co-ordinator")
    assert quarantine.decide(waiting.id, Choice.KEEP, "a co-ordinator").decision is Choice.KEEP


def test_a_decision_is_made_once(shelf: Shelf, quarantine: Quarantine) -> None:
    made = instance()
    shelf.send(made)
    shelf.send(changed(made, SeriesDescription="other"))
    (waiting,) = quarantine.waiting()

    with pytest.raises(AlreadyDecided):
        quarantine.undo(waiting.id, "a co-ordinator")
    quarantine.decide(waiting.id, Choice.KEEP, "a co-ordinator")
    with pytest.raises(AlreadyDecided):
        quarantine.decide(waiting.id, Choice.TAKE, "somebody else")
    with pytest.raises(NotHeld):
        quarantine.decide(waiting.id + 1, Choice.KEEP, "a co-ordinator")


def test_a_newer_choice_must_be_undone_first(shelf: Shelf, quarantine: Quarantine) -> None:
    made = instance()
    shelf.send(made)
    for number in range(2):
        shelf.send(changed(made, SeriesDescription=f"other {number}"))
    first, second = quarantine.waiting()
    quarantine.decide(first.id, Choice.TAKE, "a co-ordinator")
    quarantine.decide(second.id, Choice.TAKE, "a co-ordinator")

    with pytest.raises(AlreadyDecided, match="no longer current"):
        quarantine.undo(first.id, "a co-ordinator")


def test_a_trust_sees_what_it_sent(shelf: Shelf, quarantine: Quarantine) -> None:
    made = instance()
    shelf.send(made)
    shelf.send(changed(made, SeriesDescription="other"), origin=origin("RBL"))

    assert len(quarantine.waiting("RBL")) == 1
    assert quarantine.waiting("RBN") == []


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from([*Choice, None])), max_size=8))
def test_whatever_is_decided_and_undone_nothing_is_lost_and_all_undone_is_as_before(
    shelf: Shelf, quarantine: Quarantine, steps: list[tuple[int, Choice | None]]
) -> None:
    made = instance()
    shelf.send(made)
    first = seen(shelf, made)
    for number in range(3):
        shelf.send(changed(made, SeriesDescription=f"other {number}"))
    mine = [each.id for each in quarantine.waiting() if each.sop_instance_uid == made.SOPInstanceUID]
    objects = shelf.keys()
    taken: list[int] = []
    for index, choice in steps:
        number = mine[index]
        try:
            if choice is None:
                quarantine.undo(number, "a person")
                taken = [each for each in taken if each != number]
            else:
                quarantine.decide(number, choice, "a person")
                taken += [number] if choice is Choice.TAKE else []
        except AlreadyDecided:
            pass
    for number in [*reversed(taken), *(each for each in mine if each not in taken)]:
        if quarantine.aside(number).decision is not None:
            quarantine.undo(number, "a person")

    assert seen(shelf, made) == first | {"contested": True}
    assert shelf.keys() == objects
