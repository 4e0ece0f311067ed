"""What becomes of a dialogue, however it ends."""

import json

import pytest

from conformance.dialogues.verdicts import (
    Broken,
    Dialogue,
    NotAsked,
    NotOffered,
    Verdict,
    as_json,
    as_text,
    converse,
    hold,
    is_sound,
)
from conformance.peer import DIMSE_DIALOGUES, WEB_DIALOGUES


def ending(error: Exception | None) -> Dialogue[str]:
    def run(_peer: str) -> None:
        if error is not None:
            raise error

    return Dialogue("something", "PS3.4 §A", run)


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (None, Verdict.HOLDS),
        (Broken("why"), Verdict.BROKEN),
        (NotOffered("why"), Verdict.NOT_OFFERED),
        (NotAsked("why"), Verdict.NOT_ASKED),
        (KeyError("Smith^John"), Verdict.BROKEN),
        (TimeoutError(), Verdict.BROKEN),
    ],
)
def test_each_says_for_itself(error: Exception | None, verdict: Verdict) -> None:
    (found,) = converse("peer", [ending(error)], (OSError,), may_write=True)

    assert found.verdict is verdict
    assert "Smith" not in found.because
    assert is_sound([found]) is (verdict is not Verdict.BROKEN)


def test_without_leave_nothing_is_written() -> None:
    def run(_peer: str) -> None:
        raise AssertionError("it was asked")

    (found,) = converse("peer", [Dialogue("store", "PS3.4 §B", run, writes=True)], (), may_write=False)

    assert found.verdict is Verdict.NOT_ASKED


def test_a_report_is_for_people_and_for_programs() -> None:
    found = converse("peer", [ending(None), ending(Broken("so"))], (), may_write=True)

    assert as_text("peer", found).splitlines()[-1] == "1 holds, 1 BROKEN, 0 not offered, 0 not asked"
    assert [each["verdict"] for each in json.loads(as_json("peer", found))["findings"]] == ["holds", "BROKEN"]


def test_what_does_not_hold_is_broken() -> None:
    with pytest.raises(Broken, match="otherwise"):
        hold([], "otherwise")


@pytest.mark.parametrize("dialogues", [WEB_DIALOGUES, DIMSE_DIALOGUES])
def test_every_dialogue_has_a_name_of_its_own_and_a_section(dialogues: tuple[Dialogue[object], ...]) -> None:
    assert len({each.name for each in dialogues}) == len(dialogues)
    assert all("§" in each.section or "Table" in each.section for each in dialogues)
