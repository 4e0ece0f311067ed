"""A slide that its scanner wrote as DICOM, completed with whose and of what encounter it is; its pixels stay.

A scanner knows a barcode, and of the patient at most what somebody typed. So everything about people and
encounters comes from the case, and what was scanned is kept, frame by frame as it lies; what else the object
held, private elements among it, is in the original file beside it.
"""

import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import zip_longest
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom import dcmread
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import VLWholeSlideMicroscopyImageStorage

from ologies.case import Case
from ologies.dataset import start
from ologies.errors import Damaged
from ologies.headers import said_by_header
from ologies.slides.barcodes import read_barcodes
from ologies.slides.fragments import fragments_of
from ologies.slides.raster import TILE_LIMIT_PX
from ologies.slides.slide import SettledSlide, Slide, settle_slide
from ologies.slides.specimen import add_specimen
from ologies.writing import Encapsulated, Made, Stretch

#: What was scanned and how; nothing of people, encounters and orders, nothing private.
_KEPT = (
    "AcquisitionContextSequence", "AcquisitionDateTime", "AcquisitionDuration", "BarcodeValue",
    "BitsAllocated", "BitsStored", "BurnedInAnnotation", "Columns", "DimensionIndexSequence",
    "DimensionOrganizationSequence", "DimensionOrganizationType", "DistanceBetweenFocalPlanes",
    "ExtendedDepthOfField", "FocusMethod", "FrameOfReferenceUID", "HighBit", "ICCProfile",
    "ImageOrientationSlide", "ImageType", "ImagedVolumeDepth", "ImagedVolumeHeight", "ImagedVolumeWidth",
    "InstanceNumber", "LabelText", "LossyImageCompression", "LossyImageCompressionMethod",
    "LossyImageCompressionRatio", "NumberOfFocalPlanes", "NumberOfFrames", "NumberOfOpticalPaths",
    "OpticalPathSequence", "PerFrameFunctionalGroupsSequence", "PhotometricInterpretation",
    "PixelRepresentation", "PlanarConfiguration", "PositionReferenceIndicator", "PresentationLUTShape",
    "PyramidDescription", "PyramidLabel", "PyramidUID", "RecommendedAbsentPixelCIELabValue",
    "RescaleIntercept", "RescaleSlope", "Rows", "SamplesPerPixel", "SharedFunctionalGroupsSequence",
    "SpecimenLabelInImage", "TotalPixelMatrixColumns", "TotalPixelMatrixFocalPlanes",
    "TotalPixelMatrixOriginSequence", "TotalPixelMatrixRows", "VolumetricProperties",
)  # fmt: skip

#: Attributes that a scanner leaves out and PS3.3 §A.32.8 wants, and what an ordinary slide's are.
_ORDINARY = {
    "VolumetricProperties": "VOLUME", "FocusMethod": "AUTO", "ExtendedDepthOfField": "NO",
    "AcquisitionContextSequence": [],
}  # fmt: skip

_NOTE = "it was DICOM: its pixels are as they were, and whose it is comes from the case"


@dataclass(frozen=True, slots=True)
class _Scanned:
    dataset: FileDataset
    frames: Encapsulated

    @property
    def words(self) -> list[str]:
        """Image Type (0008,0008)."""
        return [str(each) for each in self.dataset.get("ImageType") or ()]


def wrap_scanned(path: Path, case: Case, digest: str) -> Iterator[Made]:
    """The one object. Raises Damaged, and Asked for all that a person has to say."""
    try:
        # What the library warns of quotes the file.
        with warnings.catch_warnings(), disable_value_validation():
            warnings.simplefilter("ignore")
            scanned = _read(path)
            slide = _slide(scanned, path)
    except Damaged:
        raise
    except Exception as error:  # the library's own troubles with what a hostile file says
        raise Damaged(f"it is no slide in DICOM that can be read ({type(error).__name__})") from error
    yield _made(scanned, settle_slide(_asking(case, scanned), slide), digest)


def _read(path: Path) -> _Scanned:
    with path.open("rb") as file:
        dataset = dcmread(file, stop_before_pixels=True)
        at = file.tell()
    if dataset.get("SOPClassUID") != VLWholeSlideMicroscopyImageStorage:
        raise Damaged("its file meta and its data set name different classes")
    if "ConcatenationUID" in dataset:
        raise Damaged("it is a part of a concatenation, which is not put together here")
    syntax = dataset.file_meta.TransferSyntaxUID
    if not syntax.is_encapsulated or syntax.is_deflated:
        raise Damaged("its pixels are not compressed: no scanner is known to write such")
    for keyword in ("TotalPixelMatrixColumns", "TotalPixelMatrixRows", "Rows", "Columns"):
        if not dataset.get(keyword):
            raise Damaged(f"it has no {keyword}")
    dataset.decode()
    dataset.walk(lambda _, __: None)  # reads what was not read yet
    lengths = _lengths(dataset)
    frames = tuple(
        replace(each, length=length) if length == each.length - 1 else each
        for each, length in zip_longest(fragments_of(path, at), lengths)
        if each is not None
    )
    count = int(dataset.get("NumberOfFrames") or 1)
    if len(frames) != count:
        raise Damaged(f"it announces {count:,} frames, and holds {len(frames):,} fragments")
    return _Scanned(dataset, Encapsulated(frames, count, has_table=count > 1))


def _lengths(dataset: Dataset) -> tuple[int, ...]:
    """Of the frames, without the byte that makes one even, where the object says (PS3.3 §C.7.6.3.1.8)."""
    table = dataset.get("ExtendedOffsetTableLengths") or b""
    return struct.unpack(f"<{len(table) // 8}Q", table[: len(table) // 8 * 8])


def _slide(scanned: _Scanned, path: Path) -> Slide:
    dataset = scanned.dataset
    said = said_by_header(dataset)
    container = str(dataset.get("ContainerIdentifier") or "").strip()
    if said.identifier and said.identifier in (container, str(dataset.get("AccessionNumber") or "").strip()):
        said = replace(said, identifier="")  # a scanner puts its barcode where the patient's number belongs
    return Slide(
        levels=(),
        microns_per_pixel=_spacing(dataset),
        container=container,
        barcodes=_barcodes(scanned),
        said=said,
        notes=(_NOTE,),
    )


def _spacing(dataset: Dataset) -> tuple[float, float] | None:
    """Of this level, across and down, in microns."""
    shared = dataset.get("SharedFunctionalGroupsSequence") or [Dataset()]
    measures = shared[0].get("PixelMeasuresSequence") or [Dataset()]
    found = measures[0].get("PixelSpacing")
    return (float(found[1]) * 1000, float(found[0]) * 1000) if found else None


def _asking(case: Case, scanned: _Scanned) -> Case:
    """Pixels of smaller levels are larger, and a label measures nothing: nobody is asked for those."""
    if "VOLUME" in scanned.words and "RESAMPLED" not in scanned.words:
        return case
    across = (_spacing(scanned.dataset) or (1.0, 1.0))[0]
    return case.model_copy(update={"scan": case.scan.model_copy(update={"microns_per_pixel": across})})


def _barcodes(scanned: _Scanned) -> tuple[str, ...]:
    """What the scanner read on the label; of a label's own picture, what is read on it here."""
    said = str(scanned.dataset.get("BarcodeValue") or "").strip()
    if said or "LABEL" not in scanned.words:
        return (said,) if said else ()
    (frame, *_) = scanned.frames.frames
    if not isinstance(frame, Stretch):
        return ()
    with frame.path.open("rb") as file:
        file.seek(frame.at)
        stored = file.read(frame.length)
    with Image.open(BytesIO(stored)) as image:
        if image.width * image.height > TILE_LIMIT_PX:
            raise Damaged("its label is larger than any slide's")
        return read_barcodes(np.asarray(image.convert("RGB")))


def _made(scanned: _Scanned, settled: SettledSlide, digest: str) -> Made:
    source = scanned.dataset
    series = f"scanned slide {source.get('SeriesInstanceUID', '')}"
    dataset = start(settled.settled, VLWholeSlideMicroscopyImageStorage, "SM", series, digest)
    for keyword in _KEPT:
        if keyword in source:
            dataset[keyword] = source[keyword]
    for keyword, value in _ORDINARY.items():
        if keyword not in dataset:
            setattr(dataset, keyword, value)
    device = settled.settled.device
    dataset.Manufacturer = device.manufacturer or "unknown"
    dataset.ManufacturerModelName = device.model or "unknown"
    dataset.DeviceSerialNumber = device.serial_number or "unknown"
    dataset.SoftwareVersions = device.software or "unknown"
    dataset.SeriesDescription = settled.container[:64]
    if "LABEL" in scanned.words:
        dataset.BarcodeValue = settled.container
        if "LabelText" not in dataset:
            dataset.LabelText = None
    add_specimen(dataset, settled)
    dataset.remove_private_tags()
    return Made(dataset, source.file_meta.TransferSyntaxUID, scanned.frames, settled.notes)
