"""What messages say of reports."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.hl7.errors import BadField, BadMessage
from exchange.hl7.message import Message, read_message
from exchange.hl7.namespace import Namespace
from exchange.hl7.observations import Brought, reports_in
from exchange.people.person import Identifier
from exchange.reports.report import (
    OF_OBSERVATION,
    OF_RESULT,
    Discipline,
    Part,
    ReportKey,
    ReportSource,
    ReportStatus,
    Section,
)
from exchange.reports.sureness import together
from tests.exchange.hl7.material import PID, header, joined
from tests.exchange.hl7.reports_material import PDF, echocardiogram, histopathology, radiology

WIRRAL = Namespace("RBL", "RBL")
NOW = datetime(2026, 3, 6, tzinfo=UTC)


def one(raw: bytes) -> Brought:
    [found] = reports_in(read_message(raw), WIRRAL, NOW)
    return found


def test_a_radiology_report() -> None:
    told = one(radiology()).told
    content = told.content
    assert told.key == ReportKey("RBL", ReportSource.HL7, "CRIS", "R77")
    assert (told.status, told.said.by) == (ReportStatus.FINAL, "1")
    assert content.patients == (Identifier("123456", "RBL"), Identifier.nhs("9990000018"))
    assert (content.birth_date, content.accessions[0], content.accession_issuer) == (
        "19500102",
        "RBL0001",
        "RBL",
    )
    assert [(code.value, code.scheme) for code in content.codes] == [("XWRIL", "NICIP"), ("241083002", "SCT")]
    assert (content.discipline, content.category) == (Discipline.RADIOLOGY, "CR")
    assert content.issued == datetime(2026, 3, 2, 9, 15).astimezone()
    assert content.effective == datetime(2026, 3, 2, 8, 30).astimezone()
    assert content.sections == (
        Section("", "No fracture."),
        Section("Impression", "Normal & aligned.\nNothing acute."),
    )
    first, second = content.performers
    assert (first.name, first.part, first.identifier) == (
        "Dr Margaret Grey", Part.RESPONSIBLE, Identifier("C1234567", "GMC"),
    )  # fmt: skip
    assert (second.name, second.part) == ("Dr Tom Ash", Part.ASSISTANT)


def test_several_specimens_of_one_case_are_one_report() -> None:
    found = one(histopathology())
    content = found.told.content
    assert found.told.key.number == "26H000123"
    assert content.discipline is Discipline.PATHOLOGY
    assert content.sections == (
        Section("Histology: Macroscopy (A)", "Core 14 mm\nin formalin."),
        Section("Histology: Microscopy (A)", "Adenocarcinoma."),
        Section("Histology: Macroscopy (B)", "Core 9 mm."),
        Section("Histology: Microscopy (B)", "Benign."),
        Section("Histology: Comment", "Deeper levels examined."),
        Section(
            "Synoptic report", "Gleason grade group: Grade group 2\nInvolvement: 35 per cent (normal <5) [H]"
        ),
        Section("Synoptic report: Pathology report final diagnosis", "Adenocarcinoma, grade group 2."),
    )
    assert content.conclusion == "Adenocarcinoma, grade group 2."
    [form] = content.forms
    assert (form.content_type, form.title, form.size) == ("application/pdf", "Histology report", len(PDF))
    assert found.documents == {form.digest: PDF}


def test_an_echocardiogram() -> None:
    told = one(echocardiogram()).told
    content = told.content
    assert (told.status, content.discipline) == (ReportStatus.PRELIMINARY, Discipline.CARDIOLOGY)
    assert content.study_uid == "1.2.826.0.1.5"
    assert content.sections == (
        Section("", "LV ejection fraction: 55 %\nLVIDd: 4.8 cm"),
        Section("Conclusion", "Good LV function ? café."),
    )
    assert content.conclusion == "Good LV function ? café."
    assert [each.url for each in content.forms] == ["https://cvis.example/e55"]


def test_lines_numbered_by_their_sub_id_are_one_text() -> None:
    lines = [f"OBX|{at}|ST|R^Report^L|{at}|line {at}||||||F" for at in (1, 2, 3)]
    raw = joined([header("ORU^R01"), PID, "OBR|1||R1|X^X ray^L|||||||||||||||||||||F", *lines])
    assert one(raw).told.content.sections == (Section("Report", "line 1\nline 2\nline 3"),)


def test_several_reports_and_patients_in_one_message() -> None:
    results = [f"OBR|1||R{at}|X^X ray^L|||||||||||||||||||||F" for at in (1, 2)]
    other = PID.replace("123456", "777").replace("9990000018", "9990000026")
    raw = joined([header("ORU^R01"), PID, *results, other, results[0].replace("R1", "R3")])
    found = reports_in(read_message(raw), WIRRAL, NOW)
    assert [each.told.key.number for each in found] == ["R1", "R2", "R3"]
    assert found[2].told.content.patients[0].value == "777"


@pytest.mark.parametrize(
    ("result", "observed", "expected"),
    [
        ("F", "FFF", ReportStatus.FINAL),
        ("F", "FP", ReportStatus.PRELIMINARY),
        ("F", "FI", ReportStatus.PARTIAL),
        ("F", "FC", ReportStatus.CORRECTED),
        ("C", "FF", ReportStatus.CORRECTED),
        ("F", "FW", ReportStatus.CORRECTED),
        ("F", "WW", ReportStatus.ENTERED_IN_ERROR),
        ("C", "DD", ReportStatus.ENTERED_IN_ERROR),
        ("F", "FX", ReportStatus.FINAL),
        ("P", "FF", ReportStatus.PRELIMINARY),
        ("R", "", ReportStatus.PRELIMINARY),
        ("X", "F", ReportStatus.CANCELLED),
        ("", "FB", ReportStatus.APPENDED),
        ("F", "NO", ReportStatus.FINAL),
    ],
)
def test_a_report_is_no_surer_than_its_parts(result: str, observed: str, expected: ReportStatus) -> None:
    lines = [f"OBX|1|TX|R^R^L||text||||||{code}" for code in observed]
    raw = joined([header("ORU^R01"), PID, f"OBR|1||R1|X^X ray^L|||||||||||||||||||||{result}", *lines])
    assert one(raw).told.status is expected


def test_what_was_taken_back_is_not_read() -> None:
    raw = joined(
        [header("ORU^R01"), PID, "OBR|1||R1|X^X^L|||||||||||||||||||||C", "OBX|1|TX|A^A^L||wrong||||||W",
         "OBX|2|TX|B^B^L||right||||||C"]
    )  # fmt: skip
    assert one(raw).told.content.sections == (Section("B", "right"),)


@given(st.sets(st.sampled_from(ReportStatus), min_size=1))
def test_parts_together_are_some_status_and_only_sure_where_all_are(parts: set[ReportStatus]) -> None:
    found = together(parts)
    if found is ReportStatus.FINAL:
        assert parts <= {ReportStatus.FINAL, ReportStatus.CANCELLED}
    if ReportStatus.PRELIMINARY in parts:
        assert found is ReportStatus.PRELIMINARY


RESULT = "OBR|1||R1|X|||||||||||||||||||||F"


def test_what_is_said_of_the_future_would_stand_for_ever() -> None:
    with pytest.raises(BadField, match="MSH-7"):
        one(radiology(at="20270101"))


BROKEN = base64.b64encode(b"GIF89a").decode()


@pytest.mark.parametrize(
    ("segments", "place"),
    [
        ([PID], "OBR"),
        (["OBR|1||R1|X"], "OBR"),
        ([PID, "OBX|1|TX|A||text||||||F"], "OBX"),
        ([PID, "OBR|1|||X|||||||||||||||||||||F"], "OBR-3"),
        ([PID, "OBR|1||R1|X|||||||||||||||||||||Q"], "OBR-25"),
        ([PID, "OBR|1||R1|X"], "OBR-25"),
        ([PID, RESULT, "OBX|1|TX|A||text||||||Q"], "OBX-11"),
        ([PID, RESULT, "OBX|1|ED|A||^AP^PDF^Base64^%%%%||||||F"], "OBX-5"),
        ([PID, RESULT, f"OBX|1|ED|A||^AP^PDF^Base64^{BROKEN}||||||F"], "OBX-5"),
        ([PID, RESULT, "OBX|1|ED|A||^AP^PDF^A^x||||||F"], "OBX-5"),
        (["PID|1", RESULT], "PID-3"),
        ([PID, RESULT, PID.replace("123456", "777"), RESULT], "PID-3"),
        ([PID, f"OBR|1||{'9' * 300}|X|||||||||||||||||||||F"], "OBR-3"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(segments: list[str], place: str) -> None:
    with pytest.raises(BadField) as raised:
        reports_in(read_message(joined([header("ORU^R01"), *segments])), WIRRAL, NOW)
    assert str(raised.value.where) == place


@given(st.lists(st.text("|^~\\&AOBXRPIDTEDF0123456789\"' .", max_size=60), max_size=12))
def test_whatever_is_sent_is_read_or_refused(segments: list[str]) -> None:
    try:
        message: Message = read_message(joined([header("ORU^R01"), PID, *segments]))
        reports_in(message, WIRRAL, NOW)
    except BadMessage:
        pass


@given(st.permutations(sorted(OF_OBSERVATION)), st.sampled_from(sorted(OF_RESULT)))
def test_the_order_of_observations_does_not_count(codes: list[str], result: str) -> None:
    def status(order: list[str]) -> ReportStatus:
        lines = [f"OBX|1|TX|R^R^L||text||||||{code}" for code in order[:4]]
        raw = joined([header("ORU^R01"), PID, f"OBR|1||R1|X|||||||||||||||||||||{result}", *lines])
        return one(raw).told.status

    assert status(codes) == status(codes[:4][::-1])
