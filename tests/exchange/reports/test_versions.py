"""What stands of all that was said: the same, whatever order it came in."""

import random
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from exchange.people.person import Said
from exchange.reports.report import (
    OF_FLAGS,
    OF_OBSERVATION,
    OF_RESULT,
    Content,
    ReportStatus,
    Section,
)
from exchange.reports.versions import Version, in_order, standing
from tests.exchange.reports.material import AT

_STATUSES = st.sampled_from(ReportStatus)


@st.composite
def versions(draw: st.DrawFn) -> Version:
    number = draw(st.integers(0, 10**6))
    text = draw(st.sampled_from(["", "one", "two"]))
    uid = draw(st.sampled_from(["", "1.1", "1.2", "1.3"]))
    before = tuple(draw(st.sets(st.sampled_from(["1.1", "1.2", "1.3"]), max_size=2))) if uid else ()
    content = Content(sections=(Section("", text),) if text else (), predecessors=before)
    said = Said(AT + timedelta(seconds=draw(st.integers(0, 3))), str(draw(st.integers(0, 2))))
    return Version(draw(_STATUSES), said, content, number.to_bytes(4), uid, draw(st.booleans()))


@given(st.lists(versions(), min_size=1, max_size=6, unique_by=lambda each: each.digest), st.randoms())
def test_every_order_comes_to_the_same_end(said: list[Version], chance: random.Random) -> None:
    shuffled = list(said)
    chance.shuffle(shuffled)
    assert standing(said) == standing(shuffled)
    assert sorted(map(id, in_order(said))) == sorted(map(id, said))


def version(status: ReportStatus, seconds: int, text: str = "", uid: str = "", before: str = "") -> Version:
    content = Content(sections=(Section("", text),) if text else (), predecessors=(before,) if before else ())
    return Version(status, Said(AT + timedelta(seconds=seconds), "1"), content, bytes([seconds]), uid)


def test_a_status_alone_leaves_the_text() -> None:
    found = standing([version(ReportStatus.PRELIMINARY, 1, "No fracture."), version(ReportStatus.FINAL, 2)])
    assert (found.status, found.content.sections[0].text) == (ReportStatus.FINAL, "No fracture.")


def test_a_short_withdrawal_stays_with_the_study() -> None:
    first = version(ReportStatus.FINAL, 1, "No fracture.")
    first = replace(first, content=replace(first.content, accessions=("A1", "R1"), study_uid="1.2"))
    last = version(ReportStatus.ENTERED_IN_ERROR, 2)
    last = replace(last, content=replace(last.content, accessions=("R1",)))
    found = standing([last, first])
    assert (found.content.study_uid, set(found.content.accessions)) == ("1.2", {"A1", "R1"})


def test_what_is_cancelled_after_somebody_could_read_it_was_an_error() -> None:
    cancelled = version(ReportStatus.CANCELLED, 2)
    assert standing([cancelled]).status is ReportStatus.CANCELLED
    assert standing([version(ReportStatus.REGISTERED, 1), cancelled]).status is ReportStatus.CANCELLED
    assert standing([version(ReportStatus.FINAL, 1, "x"), cancelled]).status is ReportStatus.ENTERED_IN_ERROR


def test_a_document_replaces_its_predecessor_whatever_their_times_say() -> None:
    first = version(ReportStatus.FINAL, 9, "first", "1.1")
    second = version(ReportStatus.FINAL, 1, "second", "1.2", before="1.1")
    for said in ([first, second], [second, first]):
        found = standing(said)
        assert (found.status, found.instance_uid) == (ReportStatus.AMENDED, "1.2")
    assert standing([second]).status is ReportStatus.FINAL


def test_codes_that_say_a_status_say_a_known_one() -> None:
    for table in (OF_RESULT, OF_OBSERVATION, OF_FLAGS):
        assert set(table.values()) <= set(ReportStatus)
    assert OF_FLAGS["COMPLETE", "UNVERIFIED"] is ReportStatus.PRELIMINARY
