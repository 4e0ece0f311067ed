"""A report (FHIR DiagnosticReport): what was said about a study, by whom, and how sure they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

from exchange.people.person import Identifier, Said
from exchange.record.study import Coded
from exchange.reports.notice import Notice


class ReportStatus(Enum):
    """FHIR R4 diagnostic-report-status."""

    REGISTERED = "registered"  # it is to come
    PARTIAL = "partial"
    PRELIMINARY = "preliminary"  # nobody has verified it
    FINAL = "final"
    AMENDED = "amended"  # changed after it was final
    CORRECTED = "corrected"  # amended, because it was wrong
    APPENDED = "appended"  # amended by something that was added
    CANCELLED = "cancelled"  # there will be none
    ENTERED_IN_ERROR = "entered-in-error"  # withdrawn after somebody could have read it

    @property
    def is_released(self) -> bool:
        """Whether somebody could read it, and act on it."""
        return self in _RELEASED

    @property
    def is_readable(self) -> bool:
        """Whether what it says may be shown as a report."""
        return self is not ReportStatus.ENTERED_IN_ERROR and self is not ReportStatus.CANCELLED


_RELEASED = frozenset(
    {
        ReportStatus.PARTIAL,
        ReportStatus.PRELIMINARY,
        ReportStatus.FINAL,
        ReportStatus.AMENDED,
        ReportStatus.CORRECTED,
        ReportStatus.APPENDED,
    }
)

#: OBR-25, Result Status (HL7 Table 0123). Y and Z answer a query: they are no report's.
OF_RESULT: Mapping[str, ReportStatus] = {
    "O": ReportStatus.REGISTERED, "I": ReportStatus.REGISTERED, "S": ReportStatus.REGISTERED,
    "N": ReportStatus.REGISTERED, "A": ReportStatus.PARTIAL, "P": ReportStatus.PRELIMINARY,
    "R": ReportStatus.PRELIMINARY, "M": ReportStatus.PRELIMINARY, "F": ReportStatus.FINAL,
    "C": ReportStatus.CORRECTED, "X": ReportStatus.CANCELLED,
}  # fmt: skip

#: OBX-11, Observation Result Status (HL7 Table 0085). N (not asked) and O (order detail) say nothing of it.
OF_OBSERVATION: Mapping[str, ReportStatus] = {
    "I": ReportStatus.REGISTERED, "S": ReportStatus.PARTIAL, "P": ReportStatus.PRELIMINARY,
    "R": ReportStatus.PRELIMINARY, "F": ReportStatus.FINAL, "U": ReportStatus.FINAL, "V": ReportStatus.FINAL,
    "A": ReportStatus.AMENDED, "B": ReportStatus.APPENDED, "C": ReportStatus.CORRECTED,
    "X": ReportStatus.CANCELLED, "D": ReportStatus.ENTERED_IN_ERROR, "W": ReportStatus.ENTERED_IN_ERROR,
}  # fmt: skip

#: TXA-17, Document Completion Status (HL7 Table 0271): authenticated, legally or not, or not yet.
OF_COMPLETION: Mapping[str, ReportStatus] = {
    "DI": ReportStatus.PRELIMINARY, "DO": ReportStatus.PRELIMINARY, "IP": ReportStatus.PRELIMINARY,
    "IN": ReportStatus.PRELIMINARY, "PA": ReportStatus.PRELIMINARY, "AU": ReportStatus.FINAL,
    "LA": ReportStatus.FINAL,
}  # fmt: skip

#: Completion Flag (0040,A491) and Verification Flag (0040,A493), PS3.3 §C.17.2.
OF_FLAGS: Mapping[tuple[str, str], ReportStatus] = {
    ("COMPLETE", "VERIFIED"): ReportStatus.FINAL,
    ("PARTIAL", "VERIFIED"): ReportStatus.PARTIAL,
    ("COMPLETE", "UNVERIFIED"): ReportStatus.PRELIMINARY,
    ("PARTIAL", "UNVERIFIED"): ReportStatus.PRELIMINARY,
}


class ReportSource(Enum):
    """What it came as."""

    HL7 = "HL7"  # a result: ORU
    MDM = "MDM"  # a document that a message tells of
    SR = "SR"  # a DICOM structured report in the archive
    PDF = "PDF"  # a PDF in DICOM
    CDA = "CDA"  # an HL7 clinical document in DICOM

    @property
    def is_message(self) -> bool:
        """Whether it came by HL7 v2; otherwise it is a document of the archive."""
        return self in (ReportSource.HL7, ReportSource.MDM)


class Discipline(Enum):
    """Of which of the ologies it is: HL7 Table 0074 (OBR-24) where that has one."""

    RADIOLOGY = "RAD"
    PATHOLOGY = "SP"
    CARDIOLOGY = "CUS"
    OPHTHALMOLOGY = "OPH"  # none of that table
    OTHER = "OTH"


class Part(Enum):
    """What somebody had to do with it."""

    RESPONSIBLE = "responsible"  # OBR-32, Principal Result Interpreter; who verified an SR
    ASSISTANT = "assistant"  # OBR-33
    AUTHOR = "author"


@dataclass(frozen=True, slots=True)
class Performer:
    """Who wrote or verified it. The issuer of an identifier is GMC, GMP, SDS or whoever gave it out."""

    name: str  # as people read it
    part: Part
    identifier: Identifier | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """Text under a heading. Lines are parted by line feeds."""

    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class Form:
    """The report as a document: one that a message brought, an instance of the archive, or somewhere else."""

    content_type: str
    title: str = ""
    size: int = 0  # bytes; 0 where it is not known
    digest: str = ""  # SHA-256, hexadecimal, of what a message brought
    series_uid: str = ""
    instance_uid: str = ""  # where it lies in the archive
    url: str = ""  # where its sender keeps it


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What was said."""

    patients: tuple[Identifier, ...] = ()  # whom it names, each with its issuer
    birth_date: str = ""  # YYYYMMDD
    patient_name: str = ""  # as a DICOM person name: nothing is decided by it
    study_uid: str = ""  # that it names itself
    accessions: tuple[str, ...] = ()
    accession_issuer: str = ""
    discipline: Discipline = Discipline.OTHER
    category: str = ""  # OBR-24 or a DICOM modality, as sent
    codes: tuple[Coded, ...] = ()  # of what was done (OBR-4), or the title of the document
    issued: datetime | None = None
    effective: datetime | None = None  # when what it is about was done
    performers: tuple[Performer, ...] = ()
    sections: tuple[Section, ...] = ()
    conclusion: str = ""
    forms: tuple[Form, ...] = ()
    predecessors: tuple[str, ...] = ()  # SOP Instance UIDs that it replaces
    document_uids: tuple[str, ...] = ()  # SOP Instance UIDs of documents that a message names as itself
    notice: Notice | None = None  # of which document a message tells

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to read."""
        return not (self.sections or self.conclusion or self.forms)


@dataclass(frozen=True, slots=True)
class ReportKey:
    """How its source calls it. A number counts with the system of the trust that gave it out."""

    trust: str  # ODS code
    source: ReportSource
    assigner: str  # the application or authority (OBR-3, TXA-12); "" for what bears a UID
    number: str  # the filler's number, the document's, or the SOP Instance UID


@dataclass(frozen=True, slots=True)
class Told:
    """What one message, or one document, says of one report."""

    key: ReportKey
    status: ReportStatus
    said: Said
    content: Content


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report as it stands."""

    id: UUID  # its FHIR id: says nothing of anybody
    study_uid: str  # to which it belongs, "" while it belongs to none
    source: ReportSource
    trust: str  # ODS code
    assigner: str
    number: str
    status: ReportStatus
    content: Content
    version: int  # how many times something was said of it
    changed_at: datetime
    said_at: datetime  # when what stands was said
    also: tuple["Report", ...] = ()  # the same report, as others told it

    @property
    def document_uid(self) -> str:
        """SOP Instance UID of the document that says what stands; "" for what came as a message."""
        return next((each.instance_uid for each in self.content.forms if each.instance_uid), "")

    @property
    def accession(self) -> str:
        """The first that it names."""
        return self.content.accessions[0] if self.content.accessions else ""
