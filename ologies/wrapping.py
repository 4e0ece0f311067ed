"""A file and its case become DICOM: what it is, what it says, what is missing, and the object."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import ExplicitVRLittleEndian

from ologies.case import Case
from ologies.dataset import digest_of
from ologies.documents import DOCUMENT_KINDS, encapsulated, read_document
from ologies.ecg.reading import ECG_KINDS, read_ecg
from ologies.ecg.waveform import waveform
from ologies.errors import NotUnderstood
from ologies.photographs.photograph import photograph
from ologies.photographs.picture import PHOTOGRAPH_KINDS, read_photograph
from ologies.recognition import Kind, recognise
from ologies.settled import Said, settle


@dataclass(frozen=True, slots=True)
class Wrapped:
    """One file's object: a data set, always in Explicit VR Little Endian, without file meta."""

    kind: Kind
    sop_class_uid: str
    sop_instance_uid: str
    study_uid: str
    series_uid: str
    data_set: bytes
    transfer_syntax_uid: str = ExplicitVRLittleEndian
    notes: tuple[str, ...] = ()  # what a person should know of the conversion


def wrap(path: Path, case: Case) -> Wrapped:
    """Raises an OlogyError: NotUnderstood, Damaged, or Asked with all that a person has to say first."""
    kind = recognise(path)
    digest = digest_of(path)
    if kind in ECG_KINDS:
        read = read_ecg(path, kind)
        return _wrapped(kind, waveform(read.ecg, settle(case, read.said), digest), tuple(read.ecg.notes))
    if kind in PHOTOGRAPH_KINDS:
        photo = read_photograph(path, kind)
        made = photograph(photo.picture, settle(case, photo.said), digest)
        notes = (*photo.notes, *made.notes)
        return _wrapped(kind, made.dataset, notes, photo.picture.transfer_syntax_uid)
    if kind in DOCUMENT_KINDS:
        content = read_document(path, kind)
        return _wrapped(kind, encapsulated(content, kind, settle(case, Said()), digest), ())
    raise NotUnderstood([each.value for each in Kind])


def _wrapped(
    kind: Kind, dataset: Dataset, notes: tuple[str, ...], syntax: str = ExplicitVRLittleEndian
) -> Wrapped:
    written = BytesIO()
    dcmwrite(written, dataset, implicit_vr=False, little_endian=True, enforce_file_format=False)
    return Wrapped(
        kind,
        dataset.SOPClassUID,
        dataset.SOPInstanceUID,
        dataset.StudyInstanceUID,
        dataset.SeriesInstanceUID,
        written.getvalue(),
        syntax,
        notes,
    )
