"""One report told twice: one where that is certain, two where it is only likely; in every order."""

import random
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from exchange.people.person import Said
from exchange.reports.reading import report_with_uid, reports_of
from exchange.reports.report import Content, Report, ReportSource, ReportStatus, Section
from exchange.reports.retelling import Telling, told_again
from exchange.reports.versions import Version
from storage.stored import Resource
from storage.withdrawals import Withdrawals
from tests.exchange.hl7.documents_material import mdm
from tests.exchange.hl7.reports_material import radiology
from tests.exchange.reports.conftest import Region
from tests.exchange.reports.documents_material import pdf, structured
from tests.exchange.reports.material import AT
from tests.exchange.reports.test_documents import reports, send
from tests.storage.shelf import origin

LONG = "There is no fracture of the left wrist, and no other bony injury is seen."
FINAL, DRAFT = ReportStatus.FINAL, ReportStatus.PRELIMINARY
_SOURCES = tuple(ReportSource)


def telling(
    id: int, source: ReportSource, text: str = LONG, *, number: str = "A1", at: datetime = AT,
    status: ReportStatus = FINAL, uid: str = "", names: str = "", trust: str = "RBL", heading: str = "",
) -> Telling:  # fmt: skip
    content = Content(
        accessions=(number,) if number else (),
        issued=at,
        sections=(Section(heading, text),) if text else (),
        document_uids=(names,) if names else (),
    )
    return Telling(id, trust, source, [Version(status, Said(at, "1"), content, b"", uid)])


LATER = AT.replace(minute=45)
HL7, MDM, SR, PDF = ReportSource.HL7, ReportSource.MDM, ReportSource.SR, ReportSource.PDF


@pytest.mark.parametrize(
    ("tellings", "expected"),
    [
        ([telling(1, SR), telling(2, HL7)], {2: 1}),
        ([telling(1, HL7), telling(2, MDM)], {2: 1}),
        ([telling(1, SR), telling(2, HL7), telling(3, MDM)], {2: 1, 3: 1}),
        ([telling(1, SR, heading="Findings"), telling(2, HL7, f"FINDINGS:\n{LONG}")], {2: 1}),
        ([telling(1, SR, at=LATER), telling(2, HL7)], {2: 1}),
        # Named by the message, whatever it says.
        ([telling(1, SR, number="", uid="1.9"), telling(2, HL7, "", at=LATER, names="1.9")], {2: 1}),
        # A PDF has no text: by its number and the second in which it was completed.
        ([telling(1, PDF, ""), telling(2, HL7)], {2: 1}),
        ([telling(1, PDF, "", at=LATER), telling(2, HL7)], {}),
        ([telling(1, PDF, "", status=DRAFT), telling(2, HL7)], {}),
        # Few words prove nothing of themselves.
        ([telling(1, SR, "No fracture."), telling(2, HL7, "No fracture.")], {2: 1}),
        ([telling(1, SR, "No fracture.", at=LATER), telling(2, HL7, "No fracture.")], {}),
        # Another number, another text, another trust, the same kind of source.
        ([telling(1, SR, number="A2"), telling(2, HL7)], {}),
        ([telling(1, SR, number=""), telling(2, HL7, number="")], {}),
        ([telling(1, SR, f"{LONG} But see below."), telling(2, HL7)], {}),
        ([telling(1, SR, trust="REM"), telling(2, HL7)], {}),
        ([telling(1, HL7), telling(2, HL7)], {}),
        ([telling(1, SR), telling(2, PDF, "")], {}),
        # Two with which it could as well be one.
        ([telling(1, SR), telling(2, HL7), telling(3, HL7)], {}),
        ([telling(1, SR, uid="1.9"), telling(2, HL7, names="1.9"), telling(3, HL7, names="1.9")], {}),
        # A third that would make one of two results.
        (
            [
                telling(1, SR, uid="1.9"),
                telling(2, HL7, "Other.", names="1.9"),
                telling(3, MDM),
                telling(4, HL7),
            ],
            {2: 1},
        ),
        # Its name goes before what it says.
        ([telling(1, SR, uid="1.9"), telling(2, HL7, names="1.9"), telling(3, HL7)], {2: 1}),
    ],
)
def test_what_is_certain(tellings: list[Telling], expected: dict[int, int]) -> None:
    for order in permutations(tellings):
        assert told_again(order) == expected


@st.composite
def tellings(draw: st.DrawFn) -> list[Telling]:
    found = []
    for id in range(draw(st.integers(1, 5))):
        source = draw(st.sampled_from(_SOURCES))
        found.append(
            telling(
                id,
                source,
                draw(st.sampled_from(["", "No fracture.", LONG])),
                number=draw(st.sampled_from(["", "A1", "A2"])),
                at=draw(st.sampled_from([AT, LATER])),
                uid="" if source.is_message else draw(st.sampled_from(["1.8", "1.9"])),
                names=draw(st.sampled_from(["", "1.8", "1.9"])) if source.is_message else "",
                trust=draw(st.sampled_from(["RBL", "REM"])),
            )
        )
    return found


@given(tellings(), st.randoms())
def test_every_order_finds_the_same(told: list[Telling], chance: random.Random) -> None:
    shuffled = list(told)
    chance.shuffle(shuffled)
    found = told_again(told)
    assert found == told_again(shuffled)
    by_id = {each.id: each for each in told}
    for id, first in found.items():
        assert first < id
        assert first not in found
        assert by_id[id].trust == by_id[first].trust
    for of in set(found.values()):
        sources = [by_id[id].source for id in (of, *(each for each in found if found[each] == of))]
        assert len(sources) == len(set(sources))


def document(**about: object) -> Dataset:
    made = structured(text=LONG)
    for keyword, value in about.items():
        setattr(made, keyword, value)
    return made


def oru(result: str = "F", control_id: str = "1", *, text: str = LONG, at: str = "20260302120000") -> bytes:
    """Of text alone, so that a structured report can say the same."""
    raw = radiology(result, control_id, text=text, at=at).decode()
    return "\r".join(each for each in raw.split("\r") if "&IMP" not in each).encode()


def one(region: Region) -> Report:
    found: Sequence[Report] = reports(region)
    assert len(found) == 1
    return found[0]


TOLD: Sequence[Callable[[Region], object]] = (
    lambda region: region.shelf.send(document(), origin=origin("RBL")),
    lambda region: region.hear(oru()),
    lambda region: region.hear(mdm(control_id="9", number="D1", text=LONG, order="", at="20260302110000")),
)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_report_told_three_times_is_one_with_every_form(region: Region, order: Sequence[int]) -> None:
    region.keep()
    for each in order:
        TOLD[each](region)
        reports(region)
    report = one(region)
    assert (report.source, report.number, report.status) == (ReportSource.HL7, "R77", FINAL)
    assert {each.number for each in report.also} == {"1.9.1", "D1"}
    assert [each.instance_uid for each in report.content.forms] == ["1.9.1"]
    assert [each.text for each in report.content.sections] == [LONG]
    with region.pool.connection() as connection:
        for (uid,) in connection.execute("select uid from report").fetchall():
            assert report_with_uid(connection, uid) == report


def test_a_correction_leaves_the_form_that_says_otherwise(region: Region) -> None:
    region.keep()
    send(region, document())
    region.hear(oru())
    id = one(region).id
    outbox = len(region.rows("select from outbox"))
    region.hear(oru("C", "2", text="There is a fracture of the scaphoid after all.", at="20260303"))
    report = one(region)
    assert (report.id, report.status, report.content.forms) == (id, ReportStatus.CORRECTED, ())
    assert len(report.also) == 1
    assert len(region.rows("select from outbox")) > outbox


def test_a_withdrawn_document_leaves_what_the_message_said(region: Region) -> None:
    region.keep()
    send(region, document())
    region.hear(oru())
    assert one(region).content.forms
    withdrawals = Withdrawals(region.pool, region.shelf.objects)
    asked = withdrawals.ask(Resource("1.2.1", "1.2.1.9", "1.9.1"), "unreadable", "ann")
    withdrawals.approve(asked.id, "bob")
    report = one(region)
    assert (report.status, report.content.forms) == (FINAL, ())
    assert [each.text for each in report.content.sections] == [LONG]


def test_a_message_that_withdraws_a_report_withdraws_it(region: Region) -> None:
    region.keep()
    send(region, document())
    region.hear(oru())
    assert one(region).status is FINAL
    region.hear(radiology("F", "2", at="20260303", observed="W"))
    assert one(region).status is ReportStatus.ENTERED_IN_ERROR


def test_what_goes_elsewhere_is_two_again(region: Region) -> None:
    region.keep()
    send(region, document())
    region.hear(oru())
    first = one(region)
    region.keep("1.2.2", AccessionNumber="RBL0009")
    moved = oru("F", "2", at="20260303").decode().replace("RBL0001", "RBL0009")
    region.hear(moved.encode())
    reports(region)
    with region.pool.connection() as connection:
        found = reports_of(connection, ["1.2.1", "1.2.2"])
    assert [each.source for each in found["1.2.1"]] == [ReportSource.SR]
    assert [each.source for each in found["1.2.2"]] == [ReportSource.HL7]
    assert found["1.2.1"][0].id == first.id
    assert region.rows("select from report where same_as is not null") == []


def test_a_message_without_text_that_names_its_document(region: Region) -> None:
    region.keep()
    send(region, document())
    named = oru(text="").decode() + "OBX|1|HD|^SR Instance UID||1.9.1||||||F\r"
    region.hear(named.encode())
    report = one(region)
    assert (report.source, report.status) == (ReportSource.HL7, FINAL)
    assert [each.text for each in report.content.sections] == [LONG]
    assert [each.instance_uid for each in report.content.forms] == ["1.9.1"]


def test_what_is_only_announced_hides_nothing(region: Region) -> None:
    region.keep()
    send(region, document())
    named = oru("I", text="", at="20260303").decode() + "OBX|1|HD|^SR Instance UID||1.9.1||||||I\r"
    region.hear(named.encode())
    report = one(region)
    assert (report.source, report.status, len(report.also)) == (ReportSource.SR, FINAL, 1)
    assert [each.text for each in report.content.sections] == [LONG]


def test_what_its_sender_changed_is_not_read_from_its_document(region: Region) -> None:
    region.keep()
    send(region, document())
    region.hear(mdm(text=LONG))
    assert one(region).content.forms
    region.hear(mdm("T07", "2", at="20260302110000+0000"))
    report = one(region)
    assert (report.status, report.content.sections) == (ReportStatus.REGISTERED, ())


def test_a_pdf_completed_in_the_same_second(region: Region) -> None:
    region.keep()
    made = pdf(title="CT report", VerificationFlag="VERIFIED")
    made.ContentDate, made.ContentTime = "20260302", "120000"
    send(region, made)
    region.hear(oru())
    report = one(region)
    assert [each.content_type for each in report.content.forms] == ["application/pdf"]
