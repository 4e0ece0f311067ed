"""What kind of study it is, in words that people use, and whose specialty (PS3.3 §C.7.3.1.1.1)."""

from collections.abc import Iterable, Mapping
from enum import Enum


class Specialty(Enum):
    """Which of the ologies a study is of."""

    RADIOLOGY = "radiology"
    CARDIOLOGY = "cardiology"
    PATHOLOGY = "pathology"
    OPHTHALMOLOGY = "ophthalmology"
    DERMATOLOGY = "dermatology"
    ENDOSCOPY = "endoscopy"
    DENTISTRY = "dentistry"
    OTHER = "other"


#: In words and by specialty. What only accompanies a study has no specialty of its own.
_KINDS: Mapping[str, tuple[str, Specialty | None]] = {
    "CR": ("X-ray", Specialty.RADIOLOGY),
    "DX": ("X-ray", Specialty.RADIOLOGY),
    "CT": ("CT", Specialty.RADIOLOGY),
    "MR": ("MRI", Specialty.RADIOLOGY),
    "US": ("Ultrasound", Specialty.RADIOLOGY),
    "NM": ("Nuclear medicine", Specialty.RADIOLOGY),
    "PT": ("PET", Specialty.RADIOLOGY),
    "MG": ("Mammography", Specialty.RADIOLOGY),
    "XA": ("Angiography", Specialty.RADIOLOGY),
    "RF": ("Fluoroscopy", Specialty.RADIOLOGY),
    "BMD": ("Bone density", Specialty.RADIOLOGY),
    "ECG": ("Electrocardiogram", Specialty.CARDIOLOGY),
    "HD": ("Haemodynamics", Specialty.CARDIOLOGY),
    "EPS": ("Electrophysiology", Specialty.CARDIOLOGY),
    "IVUS": ("Intravascular ultrasound", Specialty.CARDIOLOGY),
    "SM": ("Microscope slides", Specialty.PATHOLOGY),
    "GM": ("Microscope picture", Specialty.PATHOLOGY),
    "OP": ("Photograph of the eye", Specialty.OPHTHALMOLOGY),
    "OPT": ("Tomography of the eye", Specialty.OPHTHALMOLOGY),
    "OAM": ("Measurement of the eye", Specialty.OPHTHALMOLOGY),
    "OPV": ("Visual field", Specialty.OPHTHALMOLOGY),
    "OPM": ("Map of the eye", Specialty.OPHTHALMOLOGY),
    "DMS": ("Dermoscopy", Specialty.DERMATOLOGY),
    "XC": ("Photograph", Specialty.DERMATOLOGY),
    "ES": ("Endoscopy", Specialty.ENDOSCOPY),
    "IO": ("Dental X-ray", Specialty.DENTISTRY),
    "PX": ("Dental panorama", Specialty.DENTISTRY),
    "DOC": ("Document", None),
    "SR": ("Report", None),
    "KO": ("Selected pictures", None),
    "PR": ("Presentation", None),
    "SEG": ("Segmentation", None),
    "ANN": ("Annotations", None),
    "REG": ("Registration", None),
    "OT": ("Other", None),
}


def kinds_of(modalities: Iterable[str]) -> tuple[str, ...]:
    """In words, each once; one that we have no word for as it is. What only accompanies others goes last."""
    known = [(each, *_KINDS.get(each, (each, Specialty.OTHER))) for each in modalities]
    ordered = sorted(known, key=lambda each: each[2] is None)
    return tuple(dict.fromkeys(words for _, words, _ in ordered))


def specialties_of(modalities: Iterable[str]) -> tuple[Specialty, ...]:
    """Each once, in their order; of what belongs to none, OTHER."""
    found = {_KINDS.get(each, (each, Specialty.OTHER))[1] for each in modalities}
    return tuple(each for each in Specialty if each in found) or (Specialty.OTHER,)
