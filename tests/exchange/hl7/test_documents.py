"""What messages about documents say."""

import base64
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.hl7.documents import EVENTS, documents_in
from exchange.hl7.errors import BadField, BadMessage
from exchange.hl7.message import read_message
from exchange.hl7.namespace import Namespace
from exchange.hl7.observations import Brought
from exchange.people.person import Identifier
from exchange.reports.notice import Act, Availability, Notice
from exchange.reports.report import (
    OF_COMPLETION,
    Discipline,
    Part,
    ReportKey,
    ReportSource,
    ReportStatus,
    Section,
)
from tests.exchange.hl7.documents_material import mdm
from tests.exchange.hl7.material import PID, header, joined
from tests.exchange.hl7.reports_material import PDF

WIRRAL = Namespace("RBL", "RBL")
NOW = datetime(2026, 3, 6, tzinfo=UTC)
D1 = Identifier("D1", "CRIS")


def one(raw: bytes) -> Brought:
    return documents_in(read_message(raw), WIRRAL, NOW)


def test_an_original_with_its_content() -> None:
    told = one(mdm()).told
    content = told.content
    assert told.key == ReportKey("RBL", ReportSource.MDM, "CRIS", "D1")
    assert (told.status, told.said.by) == (ReportStatus.FINAL, "1")
    assert content.notice == Notice(D1, Act.ORIGINAL)
    assert content.patients == (Identifier("123456", "RBL"), Identifier.nhs("9990000018"))
    assert (content.birth_date, content.accession_issuer) == ("19500102", "RBL")
    assert content.accessions == ("RBL0001", "E77")
    assert (content.discipline, content.category) == (Discipline.RADIOLOGY, "RAD")
    assert [(each.value, each.scheme) for each in content.codes] == [("XWRIL", "NICIP")]
    assert content.sections == (Section("Report", "No fracture."),)
    assert content.issued == datetime(2026, 3, 2, 9, 15).astimezone()
    assert content.effective == datetime(2026, 3, 2, 8, 30).astimezone()
    assert [(each.name, each.part) for each in content.performers] == [
        ("Dr Margaret Grey", Part.RESPONSIBLE), ("Dr Tom Ash", Part.AUTHOR),
    ]  # fmt: skip


def test_a_document_without_an_order() -> None:
    content = one(mdm(order="", kind="CD", completion="IP")).told.content
    assert (content.accessions, content.discipline) == (("RBL0001",), Discipline.CARDIOLOGY)
    assert content.effective == datetime(2026, 3, 2, 8, 30).astimezone()


def test_a_pdf_in_a_document() -> None:
    data = base64.b64encode(PDF).decode()
    found = one(mdm(text="", more=f"OBX|1|ED|PDF^CT report^L||^AP^PDF^Base64^{data}||||||F"))
    [form] = found.told.content.forms
    assert (form.content_type, form.title, form.size) == ("application/pdf", "CT report", len(PDF))
    assert found.documents == {form.digest: PDF}


@pytest.mark.parametrize(
    ("completion", "observed", "expected"),
    [
        *((completion, "", status) for completion, status in OF_COMPLETION.items()),
        ("AU", "F", ReportStatus.FINAL),
        ("AU", "P", ReportStatus.PRELIMINARY),
        ("LA", "C", ReportStatus.CORRECTED),
        ("AU", "W", ReportStatus.ENTERED_IN_ERROR),
    ],
)
def test_a_document_is_no_surer_than_its_observations(
    completion: str, observed: str, expected: ReportStatus
) -> None:
    assert one(mdm(completion=completion, observed=observed)).told.status is expected


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_says_what_was_done(event: str) -> None:
    act, has_content = EVENTS[event]
    told = one(mdm(event, number="D2", parent="D1", more="OBX|9|TX|A^A^L||x||||||F")).told
    assert told.content.notice is not None
    assert told.content.notice.act is act
    assert (told.content.notice.parent == D1) is (act in (Act.ADDENDUM, Act.REPLACEMENT))
    assert told.content.is_empty is not has_content
    assert (told.status is ReportStatus.ENTERED_IN_ERROR) is (act is Act.CANCEL)


def test_availability() -> None:
    for said in Availability:
        notice = one(mdm(availability=said.value)).told.content.notice
        assert notice is not None
        assert notice.availability is said
    assert one(mdm(availability="")).told.content.notice == Notice(D1, Act.ORIGINAL)
    assert one(mdm(availability="CA")).told.status is ReportStatus.ENTERED_IN_ERROR


def test_a_replacement_under_its_own_number_is_an_edit() -> None:
    assert one(mdm("T10", parent="D1")).told.content.notice == Notice(D1, Act.EDIT)


def test_a_cancellation_need_not_say_how_complete_it_was() -> None:
    assert one(mdm("T11", completion="")).told.status is ReportStatus.ENTERED_IN_ERROR


TXA = "TXA|1|DI|TX|||||||||D1|||||AU||AV"


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (mdm("T06"), "TXA-13"),
        (mdm("T09"), "TXA-13"),
        (mdm("T06", parent="D1"), "TXA-12"),
        (mdm(number="", completion="AU").replace(b"|^CRIS|", b"||"), "TXA-12"),
        (mdm(number="9" * 300), "TXA-12"),
        (mdm(completion="XX"), "TXA-17"),
        (mdm(completion=""), "TXA-17"),
        (mdm(availability="XX"), "TXA-19"),
        (mdm(kind="DS"), "TXA-2"),
        (mdm(kind=""), "TXA-2"),
        (mdm(observed="Q"), "OBX-11"),
        (mdm(at="20270101"), "MSH-7"),
        (mdm(pid="PID|1"), "PID-3"),
        (joined([header("MDM^T02"), PID]), "TXA"),
        (joined([header("MDM^T02"), TXA]), "PID"),
        (joined([header("MDM^T02"), PID, TXA, TXA]), "TXA"),
        (joined([header("MDM^T02"), PID, PID, TXA]), "PID"),
    ],
)
def test_what_is_wrong_is_named(raw: bytes, place: str) -> None:
    with pytest.raises(BadField) as raised:
        one(raw)
    assert str(raised.value.where) == place


@given(
    st.sampled_from(sorted(EVENTS)),
    st.lists(st.text("|^~\\&AOBXRPIDTEDF0123456789\"' .", max_size=60), max_size=12),
)
def test_whatever_is_sent_is_read_or_refused(event: str, segments: list[str]) -> None:
    with suppress(BadMessage):
        documents_in(read_message(joined([header(f"MDM^{event}"), PID, TXA, *segments])), WIRRAL, NOW)


def test_the_same_number_of_another_system_is_another_document() -> None:
    theirs = one(mdm().replace(b"D1^CRIS", b"D1^WINPATH")).told
    assert replace(theirs.key, assigner="CRIS") == one(mdm()).told.key
    assert theirs.key != one(mdm()).told.key
