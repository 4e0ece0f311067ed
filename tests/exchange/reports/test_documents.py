"""Documents of the archive that are reports, and those that are none."""

from datetime import UTC, datetime
from itertools import permutations

import pytest
from pydicom.dataset import Dataset

from exchange.reports.documents import Kept, report_in
from exchange.reports.following import follow_documents
from exchange.reports.reading import reports_of
from exchange.reports.report import Report, ReportSource, ReportStatus, Section, Told
from storage.changes import ChangeFeed, follow
from storage.errors import Unreadable
from storage.stored import Resource
from storage.withdrawals import Withdrawals
from tests.exchange.reports.conftest import Region
from tests.exchange.reports.documents_material import (
    BasicTextSRStorage,
    ComprehensiveSRStorage,
    EnhancedSRStorage,
    code,
    item,
    number,
    pdf,
    structured,
)
from tests.storage.notes import note
from tests.storage.shelf import origin


def send(region: Region, *documents: Dataset) -> list[Report]:
    """Into Wirral's archive; the reports of the study then."""
    for each in documents:
        region.shelf.send(each, origin=origin("RBL"))
    return reports(region)


def told_of(document: Dataset) -> Told | None:
    uid, sop_class = str(document.SOPInstanceUID), str(document.SOPClassUID)
    kept = Kept(uid, sop_class, "1.2.1.9", "1.2.1", "RBL", datetime(2026, 3, 2, tzinfo=UTC), "CT")
    return report_in(document.to_json_dict(), kept)


def reports(region: Region) -> list[Report]:
    objects = region.shelf.objects
    follow(
        ChangeFeed(region.pool), "documents", lambda changes: follow_documents(region.pool, objects, changes)
    )
    region.settle()
    with region.pool.connection() as connection:
        return list(reports_of(connection, ["1.2.1"]).get("1.2.1", ()))


def test_a_structured_report_is_read(region: Region) -> None:
    region.keep()
    [report] = send(region, structured())
    content = report.content
    assert (report.source, report.number, report.status) == (ReportSource.SR, "1.9.1", ReportStatus.FINAL)
    assert content.sections == (
        Section("Findings", "A nodule\nin the left lung.\nDiameter: 12.5 mm"),
        Section("Impressions", "Follow up <in> 3 months."),
    )
    assert content.conclusion == "Follow up <in> 3 months."
    [performer] = content.performers
    assert (performer.name, performer.identifier and performer.identifier.value) == ("Dr Meg Grey", "1234567")
    [form] = content.forms
    assert (form.content_type, form.series_uid, form.instance_uid) == ("text/html", "1.2.1.9", "1.9.1")
    assert (content.category, content.accessions) == ("CT", ("RBL0001",))
    assert content.issued is not None
    assert content.issued.isoformat() == "2026-03-02T11:00:00+00:00"
    assert content.codes[0].value == "18748-4"


DOSE = code("113701", "DCM", "X-Ray Radiation Dose Report")
MEASURED = code("126000", "DCM", "Imaging Measurement Report")
ECHO = code("125200", "DCM", "Adult Echocardiography Procedure Report")
VASCULAR = code("46375-2", "LN", "US Artery Report")
NUMBERS = [number("Diameter", str(each)) for each in range(3)]
ANGIOGRAPHY = code("1", "99L", "Angiography Report")
SYNOPTIC = code("60568-3", "LN", "Pathology Synoptic report")
LETTER = code("51845-6", "LN", "Outpatient Consult note")


@pytest.mark.parametrize(
    "document",
    [
        structured(sop_class="1.2.840.10008.5.1.4.1.1.88.67", title=DOSE),
        structured(sop_class="1.2.840.10008.5.1.4.1.1.88.50"),
        structured(sop_class="1.2.840.10008.5.1.4.1.1.88.40"),
        structured(sop_class=EnhancedSRStorage, title=DOSE),
        structured(sop_class=ComprehensiveSRStorage, title=MEASURED, template="1500"),
        structured(sop_class=ComprehensiveSRStorage, title=MEASURED),
        structured(sop_class=ComprehensiveSRStorage, title=ECHO, template="5200"),
        structured(sop_class=ComprehensiveSRStorage, title=VASCULAR, template="5100"),
        structured(sop_class=ComprehensiveSRStorage, title=VASCULAR, tree=NUMBERS),
        structured(title=code("1", "99L", "Chest CAD findings")),
        structured(sop_class=ComprehensiveSRStorage, title=code("1", "99L", "Key images")),
        pdf(title="ECG", concept=code("11524-6", "LN", "EKG study")),
        pdf(title="ECG report"),
        pdf(title="Consent form"),
        pdf(title="Clinic letter", concept=LETTER),
        pdf(title="CT dose report"),
    ],
    ids=lambda each: str(each.get("DocumentTitle") or each.ConceptNameCodeSequence[0].CodeMeaning),
)  # fmt: skip
def test_what_is_dosed_marked_or_measured_is_no_report(document: Dataset) -> None:
    assert told_of(document) is None


@pytest.mark.parametrize(
    ("document", "status"),
    [
        (structured(flags=("COMPLETE", "UNVERIFIED")), ReportStatus.PRELIMINARY),
        (structured(flags=("PARTIAL", "UNVERIFIED")), ReportStatus.PRELIMINARY),
        (structured(flags=("PARTIAL", "VERIFIED")), ReportStatus.PARTIAL),
        (structured(title=code("1", "99L", "Consultant opinion")), ReportStatus.FINAL),
        (structured(sop_class=EnhancedSRStorage, template="2000"), ReportStatus.FINAL),
        (structured(sop_class=EnhancedSRStorage, title=ANGIOGRAPHY), ReportStatus.FINAL),
        (pdf(), ReportStatus.PRELIMINARY),
        (pdf(VerificationFlag="VERIFIED"), ReportStatus.FINAL),
        (pdf(title="PDF", concept=SYNOPTIC), ReportStatus.PRELIMINARY),
    ],
)  # fmt: skip
def test_unverified_is_preliminary(document: Dataset, status: ReportStatus) -> None:
    told = told_of(document)
    assert told is not None
    assert told.status is status


def test_what_replaces_a_report_is_the_same_report_whatever_comes_first(region: Region) -> None:
    for at, order in enumerate(permutations([1, 2, 3])):
        study = f"1.2.7.{at}"
        uids = {each: f"1.8.{at}.{each}" for each in order}
        region.keep(study)
        for which in order:
            made = structured(
                uids[which], text=f"text {which}", replaces=[uids[which - 1]] if which > 1 else []
            )
            made.StudyInstanceUID, made.SeriesInstanceUID = study, f"{study}.9"
            send(region, made)
        with region.pool.connection() as connection:
            [report] = reports_of(connection, [study])[study]
        assert (report.status, report.version) == (ReportStatus.AMENDED, 3)
        assert report.content.sections == (Section("Finding", "text 3"),)
        assert report.content.forms[0].instance_uid == uids[3]


def test_a_report_that_its_sender_rejects_was_an_error_until_it_is_there_again(region: Region) -> None:
    region.keep()
    made = structured()
    [report] = send(region, made)
    send(region, note("113001", [made], StudyDate="20260302"))
    [rejected] = reports(region)
    assert (rejected.id, rejected.status) == (report.id, ReportStatus.ENTERED_IN_ERROR)


def test_a_report_that_two_people_withdraw_comes_back_when_they_undo_it(region: Region) -> None:
    region.keep()
    send(region, structured())
    withdrawals = Withdrawals(region.pool, region.shelf.objects)
    asked = withdrawals.ask(Resource("1.2.1", "1.2.1.9", "1.9.1"), "the wrong patient", "ann")
    withdrawals.approve(asked.id, "bob")
    [report] = reports(region)
    assert report.status is ReportStatus.ENTERED_IN_ERROR
    undoing = withdrawals.ask_undo(asked.id, "it was right", "bob")
    withdrawals.approve(undoing.id, "ann")
    [report] = reports(region)
    assert report.status is ReportStatus.FINAL


def test_a_document_of_somebody_else_in_a_study_waits_for_a_person(region: Region) -> None:
    region.keep()
    other = structured()
    other.PatientID = "777"
    assert send(region, other) == []
    assert region.places() == [("1.9.1", "doubt", None)]


def test_other_content_under_its_uid_is_what_the_report_says(region: Region) -> None:
    region.keep()
    region.shelf.send(structured(text="wrong"), origin=origin("RBL"))
    reports(region)
    region.shelf.send(structured(text="right"), origin=origin("RBL"), may_replace=True)
    [report] = reports(region)
    assert report.content.sections == (Section("Finding", "right"),)


def test_a_tree_beyond_all_sense_is_left() -> None:
    deepest = made = item("CONTAINER", code("1", "99L", "0"))
    for _ in range(40):
        made.ContentSequence = [item("CONTAINER", code("1", "99L", "1"))]
        [made] = made.ContentSequence
    with pytest.raises(Unreadable):
        told_of(structured(sop_class=BasicTextSRStorage, tree=[deepest]))
