"""Documents as encapsulated objects (PS3.3 §A.45): every byte of them is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedCDAStorage, EncapsulatedPDFStorage

from ologies.case import DocumentOf, moment_text
from ologies.cda import read_header
from ologies.dataset import code_item, start
from ologies.errors import Asked, Damaged
from ologies.recognition import Kind
from ologies.settled import Said, Settled

#: A document in memory; what is longer is no letter.
DOCUMENT_LIMIT_BYTES = 512 * 1024 * 1024

#: What each kind is, as MIME Type of Encapsulated Document (0042,0012) says it.
_MEDIA_TYPES: Mapping[Kind, str] = {Kind.PDF: "application/pdf", Kind.CDA: "text/XML"}
DOCUMENT_KINDS = frozenset(_MEDIA_TYPES)

_CLASSES: Mapping[str, str] = {
    "application/pdf": EncapsulatedPDFStorage,
    "text/XML": EncapsulatedCDAStorage,
}

#: What a document is of an ECG where it is of one.
OF_ECG = frozenset({DocumentOf.ECG, DocumentOf.ECG_WITHOUT_SIGNAL})


@dataclass(frozen=True, slots=True)
class Document:
    """What is encapsulated."""

    content: bytes
    media_type: str
    conversion: str = "WSD"  # Conversion Type (0008,0064), PS3.3 §C.8.6.1: workstation; SD: scanned
    notes: tuple[str, ...] = ()
    said: Said = Said()  # noqa: RUF009 -- frozen
    title: str = ""  # its own
    identifier: str = ""  # HL7 Instance Identifier, of a CDA


def read_document(path: Path, kind: Kind) -> Document:
    """Raises Damaged for one that is cut off, or too long."""
    if path.stat().st_size > DOCUMENT_LIMIT_BYTES:
        raise Damaged(f"it is longer than a document is taken to be ({DOCUMENT_LIMIT_BYTES:,} bytes)")
    content = path.read_bytes()
    if kind is Kind.PDF and b"%%EOF" not in content[-2048:]:
        raise Damaged("the PDF is cut off: its end is missing")
    if kind is not Kind.CDA:
        return Document(content, _MEDIA_TYPES[kind])
    if not content.rstrip().endswith(b">"):
        raise Damaged("the CDA is cut off: its end is missing")
    header = read_header(content)
    return Document(
        content, _MEDIA_TYPES[kind], said=header.said, title=header.title, identifier=header.identifier
    )


def encapsulated(document: Document, settled: Settled, digest: str) -> tuple[Dataset, tuple[str, ...]]:
    """The object, whole but for its file meta, and notes. Raises Asked where nobody gave it a title."""
    case = settled.case
    title = case.title or document.title
    if not title:
        raise Asked(["title"], [])
    is_ecg = case.document in OF_ECG
    modality, series = ("ECG", "ecg documents") if is_ecg else ("DOC", "documents")
    dataset = start(settled, _CLASSES[document.media_type], modality, series, digest)
    dataset.ConversionType = document.conversion
    dataset.BurnedInAnnotation = "YES"  # a letter names its patient
    encapsulate(dataset, document.content, document.media_type, title, settled)
    if document.identifier:
        dataset.HL7InstanceIdentifier = document.identifier
    if not is_ecg:
        return dataset, document.notes
    dataset.ConceptNameCodeSequence = [code_item("11524-6", "LN", "EKG study")]
    note = "an ECG without its signal: wrap the recording itself where its recorder gives it"
    return dataset, (*document.notes, note)


def encapsulate(dataset: Dataset, content: bytes, media_type: str, title: str, settled: Settled) -> None:
    """The Encapsulated Document module (PS3.3 §C.24.2), without what only letters say."""
    day, time, offset = moment_text(settled.at)
    dataset.AcquisitionDateTime = f"{day}{time}{offset or ''}"
    dataset.DocumentTitle = title
    dataset.ConceptNameCodeSequence = []
    dataset.MIMETypeOfEncapsulatedDocument = media_type
    dataset.EncapsulatedDocumentLength = len(content)
    dataset.EncapsulatedDocument = content + b"\0" * (len(content) % 2)
