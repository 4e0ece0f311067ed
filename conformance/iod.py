"""What is wrong with an object: attributes that are missing, values that cannot be (PS3.3, PS3.5, PS3.10).

Only what every composite IOD shares, and pixels: the standard's whole tables are in dicom3tools, whose
findings `conformance.check` adds where that is installed.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from pydicom.config import RAISE
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataset import Dataset, FileDataset
from pydicom.tag import BaseTag
from pydicom.uid import UID
from pydicom.valuerep import validate_value

from dicom_router.contexts import LOSSLESS, LOSSY, NATIVE, VIDEO
from storage.frames import PIXELS


class Grade(Enum):
    """How bad."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class IodFinding:
    """One, without the value that it is about."""

    grade: Grade
    where: str
    what: str
    section: str


@dataclass(frozen=True, slots=True)
class Module:
    """Attributes of a module: with a value (type 1), or present (type 2) (PS3.5 §7.4)."""

    section: str
    type_1: tuple[str, ...] = ()
    type_2: tuple[str, ...] = ()


#: Of every composite IOD that has a patient (PS3.3 §A.1.4).
COMMON = (
    Module("PS3.3 §C.12.1", ("SOPClassUID", "SOPInstanceUID")),
    Module("PS3.3 §C.7.1.1", (), ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")),
    Module(
        "PS3.3 §C.7.2.1",
        ("StudyInstanceUID",),
        ("StudyDate", "StudyTime", "ReferringPhysicianName", "StudyID", "AccessionNumber"),
    ),
    Module("PS3.3 §C.7.3.1", ("Modality", "SeriesInstanceUID"), ("SeriesNumber",)),
)
#: Of what has pixels.
IMAGE_PIXEL = Module(
    "PS3.3 §C.7.6.3",
    (
        "SamplesPerPixel",
        "PhotometricInterpretation",
        "Rows",
        "Columns",
        "BitsAllocated",
        "BitsStored",
        "HighBit",
    ),
)
_SYNTAXES = frozenset((*NATIVE, *LOSSLESS, *LOSSY, *VIDEO))
_UNTAUGHT = ("UN", "SQ", "OB", "OW", "OF", "OD", "OL", "OV")  # values without a form of their own


def findings_of(image: FileDataset) -> Iterator[IodFinding]:
    """Of one object, in the order of its parts."""
    yield from _meta(image)
    for module in COMMON:
        yield from _module(image, module)
    if any(BaseTag(tag) in image for tag in PIXELS):
        yield from _module(image, IMAGE_PIXEL)
        yield from _pixels(image)
    yield from _values(image, "")


def _meta(image: FileDataset) -> Iterator[IodFinding]:
    meta, section = image.file_meta, "PS3.10 §7.1"
    pairs = (("MediaStorageSOPClassUID", "SOPClassUID"), ("MediaStorageSOPInstanceUID", "SOPInstanceUID"))
    for of_meta, of_image in pairs:
        if not meta.get(of_meta):
            yield IodFinding(Grade.ERROR, of_meta, "is missing from the file meta information", section)
        elif meta[of_meta].value != image.get(of_image):
            yield IodFinding(Grade.ERROR, of_meta, f"differs from {of_image}", section)
    syntax = meta.get("TransferSyntaxUID")
    if not syntax:
        yield IodFinding(
            Grade.ERROR, "TransferSyntaxUID", "is missing from the file meta information", section
        )
    elif syntax not in _SYNTAXES:
        yield IodFinding(Grade.WARNING, "TransferSyntaxUID", "is none that we take", "PS3.5 §10")


def _module(image: Dataset, module: Module) -> Iterator[IodFinding]:
    for keyword in module.type_1:
        if keyword not in image:
            yield IodFinding(Grade.ERROR, keyword, "is missing (type 1)", module.section)
        elif image[keyword].is_empty:
            yield IodFinding(Grade.ERROR, keyword, "has no value (type 1)", module.section)
    for keyword in module.type_2:
        if keyword not in image:
            yield IodFinding(Grade.ERROR, keyword, "is missing (type 2: it may be empty)", module.section)


def _pixels(image: Dataset) -> Iterator[IodFinding]:
    section = "PS3.3 §C.7.6.3.1"
    allocated, stored, high = (image.get(name) for name in ("BitsAllocated", "BitsStored", "HighBit"))
    if isinstance(allocated, int) and isinstance(stored, int) and stored > allocated:
        yield IodFinding(Grade.ERROR, "BitsStored", "is more than Bits Allocated", section)
    if isinstance(stored, int) and isinstance(high, int) and high != stored - 1:
        yield IodFinding(Grade.ERROR, "HighBit", "is not one less than Bits Stored", section)
    samples = image.get("SamplesPerPixel")
    if isinstance(samples, int) and samples > 1 and "PlanarConfiguration" not in image:
        yield IodFinding(Grade.ERROR, "PlanarConfiguration", "is missing where samples are several", section)
    if "PixelData" not in image:
        return
    if "PixelRepresentation" not in image:
        yield IodFinding(Grade.ERROR, "PixelRepresentation", "is missing (type 1)", section)
    syntax = image.file_meta.get("TransferSyntaxUID")
    sizes = [samples, image.get("Rows"), image.get("Columns"), allocated]
    if syntax in NATIVE and all(isinstance(each, int) for each in sizes):
        bits = int(image.get("NumberOfFrames") or 1)
        for each in sizes:
            bits *= int(each or 0)
        wanted, has = -(-bits // 8), len(image.PixelData)
        if image.get("PhotometricInterpretation") != "YBR_FULL_422" and not wanted <= has <= wanted + 1:
            yield IodFinding(Grade.ERROR, "PixelData", f"has {has} bytes, where {wanted} are said", section)


def _values(data: Dataset, within: str) -> Iterator[IodFinding]:
    for element in data:
        where = within + (keyword_for_tag(element.tag) or str(element.tag))
        if element.VR == "SQ":
            for number, item in enumerate(element.value):
                yield from _values(item, f"{where}[{number}].")
            continue
        yield from _dictionary(element.tag, str(element.VR), where)
        values = element.value if element.VM > 1 else [element.value]
        if element.VR in _UNTAUGHT or element.is_empty:
            continue
        for value in values:
            text = value.original_string if hasattr(value, "original_string") else value
            if element.VR == "UI":
                bad = not UID(str(text)).is_valid
            else:
                bad = isinstance(text, str) and not _is_valid(str(element.VR), text)
            if bad:
                yield IodFinding(Grade.ERROR, where, f"is no value of VR {element.VR}", "PS3.5 §6.2")
                break


def _is_valid(vr: str, value: str) -> bool:
    try:
        with warnings.catch_warnings(action="ignore"):
            validate_value(vr, value, RAISE)
    except ValueError:
        return False
    return True


def _dictionary(tag: BaseTag, vr: str, where: str) -> Iterator[IodFinding]:
    try:
        known = dictionary_VR(tag)
    except KeyError:
        return
    if vr not in (*known.split(" or "), "UN"):
        yield IodFinding(Grade.ERROR, where, f"has VR {vr}, where the dictionary has {known}", "PS3.6 §6")
