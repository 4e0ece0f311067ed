"""The parts that the phantoms have in common: modules and macros of PS3.3, as functions on a data set."""

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID

from imx.demo.stamp import Visit, uid_of

DATE, TIME = "20260312", "101500"


def new_image(visit: Visit, sop_class: UID, syntax: UID, modality: str, body_part: str) -> Dataset:
    """Study, series, equipment and acquisition modules that all of them share."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = sop_class
    ds.Modality = modality
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = DATE
    ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = TIME
    ds.StudyID, ds.SeriesNumber, ds.AcquisitionNumber = "1", 1, 1
    ds.ReferringPhysicianName = ""
    ds.StudyDescription = f"SYNTHETIC {modality} {body_part.lower()}"
    ds.SeriesDescription = "Phantom of ellipses and noise"
    ds.BodyPartExamined = body_part.upper()
    ds.Manufacturer, ds.ManufacturerModelName = "Imaging Exchange", "Phantom"
    ds.DeviceSerialNumber, ds.SoftwareVersions = visit.modality.ae_title, "1"
    ds.PatientPosition = "HFS"
    if modality in ("CT", "MR"):
        ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = uid_of("frame", visit.study_uid), ""
    return ds


def set_plane(ds: Dataset, z_mm: float, pixels: int, spacing_mm: float, gap_mm: float) -> None:
    """Where an axial slice lies (PS3.3 §C.7.6.2)."""
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.ImagePositionPatient = corner(z_mm, pixels, spacing_mm)
    ds.SliceLocation, ds.SliceThickness = round(z_mm, 3), round(gap_mm, 3)
    ds.PixelSpacing = [spacing_mm, spacing_mm]


def corner(z_mm: float, pixels: int, spacing_mm: float) -> list[float]:
    """The centre of the first pixel, in millimetres: the picture is centred on the patient."""
    edge = round(-(pixels - 1) / 2 * spacing_mm, 3)
    return [edge, edge, round(z_mm, 3)]


def set_rescale(ds: Dataset, intercept: int, unit: str) -> None:
    """What a stored value means (PS3.3 §C.11.1)."""
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = intercept, 1, unit


def set_pixels(ds: Dataset, picture: NDArray[np.uint8] | NDArray[np.uint16], bits: int) -> None:
    """Grey pixels, one frame or several (PS3.3 §C.7.6.3)."""
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PixelRepresentation = 1, "MONOCHROME2", 0
    ds.Rows, ds.Columns = picture.shape[-2:]
    if picture.ndim == 3:
        ds.NumberOfFrames = picture.shape[0]
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = picture.itemsize * 8, bits, bits - 1
    ds.PixelData = np.clip(picture, 0, 2**bits - 1).astype(picture.dtype.newbyteorder("<")).tobytes()
    ds["PixelData"].VR = "OB" if picture.itemsize == 1 else "OW"


def item(**values: object) -> Dataset:
    """An item of a sequence, by keyword."""
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """A coded entry (PS3.3 §8.8)."""
    return item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)
