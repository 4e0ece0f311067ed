"""Small data sets made for one question."""

from io import BytesIO
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from storage.origin import Origin
from storage.receipt import Outcome
from tests.viewer_api.conftest import ORIGIN, Place


def an_image(uid: str, **others: Any) -> Dataset:
    """A CT slice of 2 x 2; study and series are the instance's UID without its last one or two parts."""
    found = Dataset()
    found.SOPClassUID = CTImageStorage
    found.SOPInstanceUID = uid
    found.SeriesInstanceUID = uid.rpartition(".")[0]
    found.StudyInstanceUID = uid.rpartition(".")[0].rpartition(".")[0]
    found.StudyDate, found.StudyTime = "20240506", "101112"
    found.Modality = "CT"
    found.AccessionNumber = "A1"
    found.PatientName, found.PatientID = "Smith^Jo", "123"
    found.PatientBirthDate, found.PatientSex, found.PatientAge = "19700101", "F", "054Y"
    found.SeriesNumber, found.InstanceNumber = 1, int(uid.rpartition(".")[2])
    found.Rows = found.Columns = 2
    found.SamplesPerPixel, found.PhotometricInterpretation = 1, "MONOCHROME2"
    found.BitsAllocated = found.BitsStored = 16
    found.HighBit, found.PixelRepresentation = 15, 0
    found.PixelData = bytes(range(8))
    found["PixelData"].VR = "OW"
    for keyword, value in others.items():
        setattr(found, keyword, value)
    return found


def encoded(data_set: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """Its bytes in a transfer syntax."""
    buffer = BytesIO()
    data_set.save_as(
        buffer, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=syntax != ExplicitVRBigEndian
    )
    return buffer.getvalue()


def kept(
    place: Place, data_set: Dataset, syntax: str = ExplicitVRLittleEndian, origin: Origin = ORIGIN
) -> bytes:
    """Store it; its bytes."""
    raw = encoded(data_set, syntax)
    receipt = place.keep(data_set.SOPClassUID, data_set.SOPInstanceUID, syntax, raw, origin)
    assert receipt.outcome is Outcome.KEPT, receipt
    return raw
