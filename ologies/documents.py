"""Documents as encapsulated objects (PS3.3 §A.45): every byte of them is kept."""

from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedCDAStorage, EncapsulatedPDFStorage

from ologies.case import moment_text
from ologies.dataset import start
from ologies.errors import Asked, Damaged
from ologies.recognition import Kind
from ologies.settled import Settled

#: A document in memory; what is longer is no letter.
DOCUMENT_LIMIT_BYTES = 512 * 1024 * 1024

DOCUMENT_KINDS = frozenset({Kind.PDF, Kind.CDA})

_CLASSES = {
    Kind.PDF: (EncapsulatedPDFStorage, "application/pdf"),
    Kind.CDA: (EncapsulatedCDAStorage, "text/XML"),
}


def read_document(path: Path, kind: Kind) -> bytes:
    """Raises Damaged for one that is cut off, or too long."""
    if path.stat().st_size > DOCUMENT_LIMIT_BYTES:
        raise Damaged(f"it is longer than a document is taken to be ({DOCUMENT_LIMIT_BYTES:,} bytes)")
    content = path.read_bytes()
    if kind is Kind.PDF and b"%%EOF" not in content[-2048:]:
        raise Damaged("the PDF is cut off: its end is missing")
    if kind is Kind.CDA and not content.rstrip().endswith(b">"):
        raise Damaged("the CDA is cut off: its end is missing")
    return content


def encapsulated(content: bytes, kind: Kind, settled: Settled, digest: str) -> Dataset:
    """The object, whole but for its file meta. Raises Asked where nobody gave it a title."""
    if not settled.case.title:
        raise Asked(["title"], [])
    sop_class, media_type = _CLASSES[kind]
    dataset = start(settled, sop_class, "DOC", "documents", digest)
    dataset.ConversionType = "WSD"  # PS3.3 §C.8.6.1: workstation
    day, time, offset = moment_text(settled.at)
    dataset.AcquisitionDateTime = f"{day}{time}{offset or ''}"
    dataset.BurnedInAnnotation = "YES"  # a letter names its patient
    dataset.DocumentTitle = settled.case.title
    dataset.ConceptNameCodeSequence = []
    dataset.MIMETypeOfEncapsulatedDocument = media_type
    dataset.EncapsulatedDocumentLength = len(content)
    dataset.EncapsulatedDocument = content + b"\0" * (len(content) % 2)
    return dataset
