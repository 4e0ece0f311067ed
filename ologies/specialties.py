"""Who makes objects of each kind of file. Adding a specialty is adding a line."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ologies.annotations.bulk import bulk_annotations, uncoded
from ologies.annotations.reading import ANNOTATION_KINDS, read_annotations, with_centre
from ologies.annotations.slide import in_its_study, slide_of, unsaid
from ologies.case import Case
from ologies.clips.clip import clip_object, unsaid_of_clip
from ologies.clips.reading import CLIP_KINDS, read_clip
from ologies.clips.said import said_by
from ologies.documents import DOCUMENT_KINDS, Document, encapsulated, read_document
from ologies.ecg.dicom import completed, read_dicom_ecg
from ologies.ecg.reading import ECG_KINDS, read_ecg
from ologies.ecg.waveform import waveform
from ologies.models import MODEL_KINDS, model_objects, read_model
from ologies.photographs.photograph import photograph
from ologies.photographs.picture import PHOTOGRAPH_KINDS, read_photograph
from ologies.photographs.raw import read_raw
from ologies.recognition import Kind
from ologies.scans import read_scan
from ologies.settled import Said, settle
from ologies.slides.foreign import FOREIGN_KINDS, wrap_foreign
from ologies.slides.scanned import wrap_scanned
from ologies.slides.wrapping import SLIDE_KINDS, wrap_slide
from ologies.writing import Made


@dataclass(frozen=True, slots=True)
class Source:
    """A file that is to be wrapped."""

    path: Path
    kind: Kind
    digest: str  # SHA-256 of it and of those that belong to it, in hexadecimal
    scratch: Path  # a folder for what is only on the way


def _ecg(source: Source, case: Case) -> Iterator[Made]:
    read = read_ecg(source.path, source.kind, source.scratch)
    dataset = waveform(read.ecg, settle(case, read.said), source.digest)
    yield Made(dataset, notes=tuple(read.ecg.notes))


def _dicom_ecg(source: Source, case: Case) -> Iterator[Made]:
    read = read_dicom_ecg(source.path)
    dataset, notes = completed(read, settle(case, read.said), source.digest)
    yield Made(dataset, notes=notes)


def _photograph(source: Source, case: Case) -> Iterator[Made]:
    if case.document is not None and source.kind is not Kind.RAW:
        yield from _scan(source, case)
        return
    read = read_raw(source.path) if source.kind is Kind.RAW else read_photograph(source.path, source.kind)
    made = photograph(read.picture, settle(case, read.said), source.digest)
    yield Made(made.dataset, made.transfer_syntax_uid, made.pixels, (*read.notes, *made.notes))


def _clip(source: Source, case: Case) -> Iterator[Made]:
    settled = settle(case, said_by(source.path, source.kind), unsaid_of_clip(case))
    yield clip_object(read_clip(source.path, source.kind, source.scratch), settled, source.digest)


def _document(source: Source, case: Case) -> Iterator[Made]:
    yield _encapsulated(read_document(source.path, source.kind), source, case)


def _scan(source: Source, case: Case) -> Iterator[Made]:
    yield _encapsulated(read_scan(source.path, source.kind), source, case)


def _encapsulated(document: Document, source: Source, case: Case) -> Made:
    dataset, notes = encapsulated(document, settle(case, document.said), source.digest)
    return Made(dataset, notes=notes)


def _model(source: Source, case: Case) -> Iterator[Made]:
    model = read_model(source.path, source.kind)
    for dataset in model_objects(model, settle(case, Said()), source.digest):
        yield Made(dataset, notes=model.notes)


def _slide(source: Source, case: Case) -> Iterator[Made]:
    yield from wrap_slide(source.path, source.kind, case, source.digest, source.scratch)


def _scanned_slide(source: Source, case: Case) -> Iterator[Made]:
    yield from wrap_scanned(source.path, case, source.digest)


def _foreign_slide(source: Source, case: Case) -> Iterator[Made]:
    yield from wrap_foreign(source.path, source.kind, case, source.digest, source.scratch)


def _annotations(source: Source, case: Case) -> Iterator[Made]:
    case = with_centre(source.path, source.kind, case)
    settled = settle(in_its_study(case), Said(), unsaid(case, source.kind is Kind.NDPA))
    slide = slide_of(case)
    assert slide is not None
    drawing = read_annotations(source.path, source.kind, slide, case)
    dataset = bulk_annotations(drawing, slide, settled, source.digest)
    yield Made(dataset, notes=(*drawing.notes, *uncoded(drawing, settled)))


#: Who makes objects of a kind.
SPECIALTIES: Mapping[Kind, Callable[[Source, Case], Iterator[Made]]] = {
    **dict.fromkeys(ECG_KINDS, _ecg),
    Kind.DICOM_ECG: _dicom_ecg,
    **dict.fromkeys((*PHOTOGRAPH_KINDS, Kind.RAW), _photograph),
    **dict.fromkeys(CLIP_KINDS, _clip),
    **dict.fromkeys(DOCUMENT_KINDS, _document),
    Kind.SCAN: _scan,
    **dict.fromkeys(MODEL_KINDS, _model),
    **dict.fromkeys(SLIDE_KINDS, _slide),
    **dict.fromkeys(FOREIGN_KINDS, _foreign_slide),
    Kind.DICOM_SLIDE: _scanned_slide,
    **dict.fromkeys(ANNOTATION_KINDS, _annotations),
}
