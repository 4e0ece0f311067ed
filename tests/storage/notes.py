"""Key Object Selections, as a workstation that rejects images makes them."""

from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from storage.rejection_notes import KEY_OBJECT_SELECTION


def note(code: str, named: Sequence[Dataset], **attributes: object) -> Dataset:
    """A note in the study of the first instance it names (PS3.3 §A.35.4)."""
    made = Dataset()
    for keyword in ("StudyInstanceUID", "PatientID", "PatientName", "PatientBirthDate", "PatientSex"):
        setattr(made, keyword, getattr(named[0], keyword))
    made.SpecificCharacterSet = "ISO_IR 100"
    made.SOPClassUID, made.SOPInstanceUID = KEY_OBJECT_SELECTION, generate_uid()
    made.SeriesInstanceUID, made.Modality, made.SeriesNumber = generate_uid(), "KO", "99"
    made.InstanceNumber = "1"
    made.ConceptNameCodeSequence = [_code(code)]
    made.CurrentRequestedProcedureEvidenceSequence = [
        _study(uid, [each for each in named if uid == each.StudyInstanceUID])
        for uid in dict.fromkeys(each.StudyInstanceUID for each in named)
    ]
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


def _code(value: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", "Rejected"
    return code


def _study(uid: str, instances: Sequence[Dataset]) -> Dataset:
    study = Dataset()
    study.StudyInstanceUID = uid
    study.ReferencedSeriesSequence = []
    for series_uid in dict.fromkeys(each.SeriesInstanceUID for each in instances):
        series = Dataset()
        series.SeriesInstanceUID = series_uid
        series.ReferencedSOPSequence = [
            _reference(each) for each in instances if each.SeriesInstanceUID == series_uid
        ]
        study.ReferencedSeriesSequence.append(series)
    return study


def _reference(instance: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = instance.SOPClassUID, instance.SOPInstanceUID
    return item
