"""Documents of the archive: structured reports, PDFs, and what looks like reports and is none."""

from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.uid import (
    BasicTextSRStorage,
    ComprehensiveSRStorage,
    EncapsulatedPDFStorage,
    EnhancedSRStorage,
)

from tests.exchange.hl7.reports_material import PDF

__all__ = ["BasicTextSRStorage", "ComprehensiveSRStorage", "EnhancedSRStorage"]


def code(value: str, scheme: str, meaning: str) -> list[Dataset]:
    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = value, scheme, meaning
    return [made]


def item(kind: str, concept: list[Dataset], relationship: str = "CONTAINS", **values: object) -> Dataset:
    made = Dataset()
    made.RelationshipType, made.ValueType, made.ConceptNameCodeSequence = relationship, kind, concept
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def number(concept: str, value: str) -> Dataset:
    measured = Dataset()
    measured.NumericValue, measured.MeasurementUnitsCodeSequence = value, code("mm", "UCUM", "mm")
    return item("NUM", code("1", "99L", concept), MeasuredValueSequence=[measured])


FINDINGS, IMPRESSIONS = code("121070", "DCM", "Findings"), code("121072", "DCM", "Impressions")
FINDING, IMPRESSION = code("121071", "DCM", "Finding"), code("121073", "DCM", "Impression")

TREE = [
    item("CODE", code("121049", "DCM", "Language"), "HAS CONCEPT MOD",
         ConceptCodeSequence=code("en", "RFC5646", "English")),
    item("CONTAINER", FINDINGS, ContentSequence=[
        item("TEXT", FINDING, TextValue="A nodule\r\nin the left lung."), number("Diameter", "12.5"),
    ]),
    item("CONTAINER", IMPRESSIONS, ContentSequence=[
        item("TEXT", IMPRESSION, TextValue="Follow up <in> 3 months."),
    ]),
]  # fmt: skip


def document(uid: str, sop_class: str, patient: str = "123456", study: str = "1.2.1") -> Dataset:
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    made.SOPClassUID, made.SOPInstanceUID = sop_class, uid
    made.StudyInstanceUID, made.SeriesInstanceUID = study, f"{study}.9"
    made.Modality = "DOC" if sop_class == EncapsulatedPDFStorage else "SR"
    made.PatientID, made.PatientName, made.PatientBirthDate = patient, "O'Neil^Zoë", "19500102"
    made.PatientSex = "F"
    made.StudyDate, made.AccessionNumber = "20260302", "RBL0001"
    made.ContentDate, made.ContentTime = "20260302", "1000"
    return made


def structured(
    uid: str = "1.9.1",
    sop_class: str = BasicTextSRStorage,
    title: list[Dataset] | None = None,
    flags: tuple[str, str] = ("COMPLETE", "VERIFIED"),
    template: str = "",
    tree: Sequence[Dataset] = TREE,
    replaces: Sequence[str] = (),
    text: str = "",
) -> Dataset:
    """An SR."""
    made = document(uid, sop_class)
    made.CompletionFlag, made.VerificationFlag = flags
    made.ConceptNameCodeSequence = title or code("18748-4", "LN", "Diagnostic Imaging Report")
    if template:
        named = Dataset()
        named.MappingResource, named.TemplateIdentifier = "DCMR", template
        made.ContentTemplateSequence = [named]
    made.ContentSequence = [item("TEXT", FINDING, TextValue=text)] if text else list(tree)
    if flags[1] == "VERIFIED":
        observer = Dataset()
        observer.VerifyingObserverName, observer.VerificationDateTime = "Grey^Meg^^Dr", "20260302110000+0000"
        observer.VerifyingOrganization = "Wirral"
        observer.VerifyingObserverIdentificationCodeSequence = code("1234567", "GMC", "Grey")
        made.VerifyingObserverSequence = [observer]
    if replaces:
        series, study = Dataset(), Dataset()
        series.SeriesInstanceUID = f"{made.StudyInstanceUID}.9"
        series.ReferencedSOPSequence = [reference(each, sop_class) for each in replaces]
        study.StudyInstanceUID, study.ReferencedSeriesSequence = made.StudyInstanceUID, [series]
        made.PredecessorDocumentsSequence = [study]
    return made


def reference(uid: str, sop_class: str) -> Dataset:
    made = Dataset()
    made.ReferencedSOPClassUID, made.ReferencedSOPInstanceUID = sop_class, uid
    return made


def pdf(
    uid: str = "1.9.9", title: str = "Echo report", concept: list[Dataset] | None = None, **flags: str
) -> Dataset:
    """A PDF in DICOM."""
    made = document(uid, EncapsulatedPDFStorage)
    made.DocumentTitle, made.ConceptNameCodeSequence = title, concept or []
    made.MIMETypeOfEncapsulatedDocument, made.BurnedInAnnotation = "application/pdf", "YES"
    made.EncapsulatedDocument = PDF + b"\0" * (len(PDF) % 2)
    for keyword, value in flags.items():
        setattr(made, keyword, value)
    return made
