"""What stands of documents that replace one another and are added to one another, in every order."""

import random
from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.people.person import Identifier, Said
from exchange.reports.chains import standing_of_documents
from exchange.reports.notice import Act, Availability, Notice
from exchange.reports.report import Content, ReportStatus, Section
from exchange.reports.versions import Standing, Version
from tests.exchange.reports.material import AT, NUMBER, OF_WIRRAL

FINAL, DRAFT, WRONG = ReportStatus.FINAL, ReportStatus.PRELIMINARY, ReportStatus.ENTERED_IN_ERROR
UN, OB = Availability.UNAVAILABLE, Availability.OBSOLETE
_NUMBERS = [Identifier(each, "CRIS") for each in ("D1", "D2", "D3")]


@st.composite
def versions(draw: st.DrawFn) -> Version:
    digest = draw(st.integers(0, 10**6)).to_bytes(4)
    act = draw(st.sampled_from(Act))
    text = "" if act is Act.CANCEL else draw(st.sampled_from(["", "one", "two"]))
    has_parent = act in (Act.ADDENDUM, Act.REPLACEMENT)
    parent = draw(st.sampled_from(_NUMBERS)) if has_parent else None
    notice = Notice(draw(st.sampled_from(_NUMBERS)), act, parent, draw(st.sampled_from(Availability)))
    patients = draw(st.sampled_from([(OF_WIRRAL,), (OF_WIRRAL, NUMBER), (Identifier("7", "RBL"),)]))
    content = Content(patients=patients, sections=(Section("", text),) if text else (), notice=notice)
    status = WRONG if act is Act.CANCEL else draw(st.sampled_from([FINAL, DRAFT]))
    said = Said(AT + timedelta(seconds=draw(st.integers(0, 3))), str(draw(st.integers(0, 2))))
    return Version(status, said, content, digest)


@given(st.lists(versions(), min_size=1, max_size=7, unique_by=lambda each: each.digest), st.randoms())
def test_every_order_comes_to_the_same_end(said: list[Version], chance: random.Random) -> None:
    shuffled = list(said)
    chance.shuffle(shuffled)
    found = standing_of_documents(said)
    assert found == standing_of_documents(shuffled)
    if all(each.status is WRONG for each in said):
        assert found.status is WRONG
    if found.status is FINAL:
        assert any(each.status is FINAL for each in said)
    if found.status is ReportStatus.REGISTERED:
        assert all(each.text.startswith("(Announced") for each in found.content.sections)


def said(
    act: Act, at: int, text: str = "", number: str = "D1", parent: str = "", status: ReportStatus = FINAL,
    availability: Availability = Availability.AVAILABLE, patient: Identifier = OF_WIRRAL,
    conclusion: str = "",
) -> Version:  # fmt: skip
    notice = Notice(
        Identifier(number, "CRIS"), act, Identifier(parent, "CRIS") if parent else None, availability
    )
    sections = (Section("", text),) if text else ()
    content = Content(patients=(patient,), sections=sections, conclusion=conclusion, notice=notice)
    status = WRONG if act is Act.CANCEL else status
    return Version(status, Said(AT + timedelta(minutes=at), str(at)), content, f"{at}{number}".encode())


def stands(*told: Version) -> tuple[ReportStatus, list[tuple[str, str]]]:
    """The same in every order."""
    found: list[Standing] = []
    for order in permutations(told):
        one = standing_of_documents(order)
        assert not found or one == found[0]
        found.append(one)
    content = found[0].content
    return found[0].status, [(each.heading, each.text) for each in content.sections]


ORIGINAL = said(Act.ORIGINAL, 1, "No fracture.")
DRAFTED = said(Act.ORIGINAL, 1, "No fracture.", status=DRAFT)
READ = [("", "No fracture.")]


@pytest.mark.parametrize(
    ("told", "status", "sections"),
    [
        ([ORIGINAL], FINAL, READ),
        ([said(Act.ORIGINAL, 1)], ReportStatus.REGISTERED, []),
        ([DRAFTED, said(Act.STATUS, 2)], FINAL, READ),
        ([DRAFTED, said(Act.STATUS, 2, "A fracture.")], FINAL, [("", "A fracture.")]),
        ([said(Act.STATUS, 2)], ReportStatus.REGISTERED, []),
        # An edit of what was final corrects it; of a draft it does not; of what is not known it may.
        ([ORIGINAL, said(Act.EDIT, 2, "A fracture.")], ReportStatus.CORRECTED, [("", "A fracture.")]),
        ([DRAFTED, said(Act.EDIT, 2, "A fracture.")], FINAL, [("", "A fracture.")]),
        ([said(Act.EDIT, 2, "A fracture.")], ReportStatus.CORRECTED, [("", "A fracture.")]),
        ([ORIGINAL, said(Act.EDIT, 2, "A", status=DRAFT)], DRAFT, [("", "A")]),
        # What was changed without being sent is not shown as it was.
        ([ORIGINAL, said(Act.EDIT, 2)], ReportStatus.REGISTERED, []),
        ([ORIGINAL, said(Act.EDIT, 2), said(Act.STATUS, 3, "B")], ReportStatus.CORRECTED, [("", "B")]),
        ([ORIGINAL, said(Act.REPLACEMENT, 2, "", "D2", "D1")], ReportStatus.REGISTERED, []),
        ([ORIGINAL, said(Act.REPLACEMENT, 2, "B", "D2", "D1")], ReportStatus.CORRECTED, [("", "B")]),
        ([DRAFTED, said(Act.REPLACEMENT, 2, "B", "D2", "D1")], FINAL, [("", "B")]),
        # Whatever was said last of what was replaced.
        (
            [ORIGINAL, said(Act.REPLACEMENT, 2, "B", "D2", "D1"), said(Act.STATUS, 3, availability=OB)],
            ReportStatus.CORRECTED, [("", "B")],
        ),
        (
            [ORIGINAL, said(Act.REPLACEMENT, 2, "B", "D2", "D1"),
             said(Act.REPLACEMENT, 3, "C", "D3", "D2", status=DRAFT)],
            DRAFT, [("", "C")],
        ),
        # A replacement that is taken back brings nothing back, until its sender says so.
        ([ORIGINAL, said(Act.REPLACEMENT, 2, "B", "D2", "D1"), said(Act.CANCEL, 3, "", "D2")], WRONG, None),
        (
            [ORIGINAL, said(Act.REPLACEMENT, 2, "B", "D2", "D1"), said(Act.CANCEL, 3, "", "D2"),
             said(Act.STATUS, 4)],
            FINAL, READ,
        ),
        ([ORIGINAL, said(Act.CANCEL, 2)], WRONG, None),
        ([said(Act.CANCEL, 2)], WRONG, None),
        ([ORIGINAL, said(Act.CANCEL, 2), said(Act.ADDENDUM, 3, "More.", "D2", "D1")], WRONG, None),
        # Addenda.
        (
            [ORIGINAL, said(Act.ADDENDUM, 2, "More.", "D2", "D1")],
            ReportStatus.APPENDED, [*READ, ("Addendum", "More.")],
        ),
        (
            [ORIGINAL, said(Act.ADDENDUM, 2, "More.", "D2", "D1"), said(Act.ADDENDUM, 3, "Yet.", "D3", "D2")],
            ReportStatus.APPENDED, [*READ, ("Addendum", "More."), ("Addendum", "Yet.")],
        ),
        (
            [ORIGINAL, said(Act.ADDENDUM, 2, "More.", "D2", "D1", DRAFT)],
            DRAFT, [*READ, ("Addendum, not verified", "More.")],
        ),
        (
            [ORIGINAL, said(Act.ADDENDUM, 2, "", "D2", "D1")],
            ReportStatus.PARTIAL, [*READ, ("Addendum", "(Announced; its text has not been sent.)")],
        ),
        (
            [ORIGINAL, said(Act.ADDENDUM, 2, "More.", "D2", "D1"), said(Act.REPLACEMENT, 3, "N", "D3", "D2")],
            ReportStatus.CORRECTED, [*READ, ("Addendum", "N")],
        ),
        (
            [ORIGINAL, said(Act.ADDENDUM, 2, "More.", "D2", "D1"), said(Act.CANCEL, 3, "", "D2")],
            ReportStatus.CORRECTED, READ,
        ),
        ([said(Act.ADDENDUM, 2, "M", "D2", "D1")], ReportStatus.PARTIAL, [("Addendum", "M")]),
        # Not for patient care.
        ([said(Act.ORIGINAL, 1, "x", availability=UN)], ReportStatus.REGISTERED, []),
        ([said(Act.ORIGINAL, 1, "x", availability=UN), said(Act.STATUS, 2)], FINAL, [("", "x")]),
        ([ORIGINAL, said(Act.STATUS, 2, availability=UN)], WRONG, None),
        ([ORIGINAL, said(Act.STATUS, 2, availability=OB)], WRONG, None),
        ([said(Act.STATUS, 2, availability=OB)], ReportStatus.CANCELLED, None),
    ],
)  # fmt: skip
def test_what_stands(
    told: list[Version], status: ReportStatus, sections: list[tuple[str, str]] | None
) -> None:
    found = stands(*told)
    assert found[0] is status
    if sections is not None:
        assert found[1] == sections


def test_nobody_reads_a_conclusion_without_its_addendum() -> None:
    first = said(Act.ORIGINAL, 1, "No fracture.", conclusion="No fracture.")
    found = standing_of_documents([first, said(Act.ADDENDUM, 2, "A fracture after all.", "D2", "D1")])
    assert found.content.conclusion == "No fracture.\n\nAddendum: A fracture after all."


def test_an_addendum_of_somebody_else_leaves_nobody_named() -> None:
    added = said(Act.ADDENDUM, 2, "More.", "D2", "D1", patient=Identifier("7", "RBL"))
    assert standing_of_documents([ORIGINAL, added]).content.patients == ()
