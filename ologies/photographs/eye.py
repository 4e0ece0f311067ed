"""What a picture of an eye says besides its pixels (PS3.3 §A.41, §C.8.17)."""

from collections.abc import Mapping

from pydicom.dataset import Dataset

from ologies.case import EyeDevice, Laterality
from ologies.dataset import code_item, named_uid
from ologies.errors import Asked
from ologies.settled import Settled

#: PS3.16 CID 4202.
_DEVICES: Mapping[EyeDevice, tuple[str, str]] = {
    EyeDevice.FUNDUS_CAMERA: ("409898007", "Fundus Camera"),
    EyeDevice.SLIT_LAMP: ("397247004", "Slit Lamp Biomicroscope"),
    EyeDevice.LASER_OPHTHALMOSCOPE: ("392001008", "Scanning Laser Ophthalmoscope"),
    EyeDevice.EXTERNAL_CAMERA: ("409903006", "External Camera"),
}


def ophthalmic(dataset: Dataset, settled: Settled) -> None:
    """The Ophthalmic Photography modules. Raises Asked where nobody says which eye, or by what device."""
    device, which = settled.case.eye_device, settled.laterality
    missing = [
        *(["laterality (L, R or B)"] if which in (None, Laterality.UNPAIRED) else []),
        *(["eye_device"] if device is None else []),
    ]
    if missing:
        raise Asked(missing, [])
    assert device is not None
    code, meaning = _DEVICES[device]
    if "AnatomicRegionSequence" not in dataset:
        dataset.AnatomicRegionSequence = [code_item("81745001", "SCT", "Eye")]
    dataset.AcquisitionDeviceTypeCodeSequence = [code_item(code, "SCT", meaning)]
    dataset.BurnedInAnnotation = "NO"
    if dataset.SamplesPerPixel == 1:
        dataset.PresentationLUTShape = "IDENTITY"
    _one_frame(dataset)
    for keyword in (
        "IlluminationTypeCodeSequence", "LightPathFilterTypeStackCodeSequence",
        "ImagePathFilterTypeStackCodeSequence", "LensesCodeSequence", "RefractiveStateSequence",
    ):  # fmt: skip
        setattr(dataset, keyword, [])
    for keyword in (
        "PatientEyeMovementCommanded", "EmmetropicMagnification", "IntraOcularPressure",
        "HorizontalFieldOfView", "PupilDilated", "DetectorType",
    ):  # fmt: skip
        setattr(dataset, keyword, None)


def _one_frame(dataset: Dataset) -> None:
    """Multi-frame and Synchronization are mandatory, for one picture too (PS3.3 §C.7.6.6, §C.7.4.2)."""
    dataset.NumberOfFrames = 1
    dataset.FrameTime = 0
    dataset.FrameIncrementPointer = 0x00181063
    dataset.SynchronizationFrameOfReferenceUID = named_uid("synchronization", dataset.StudyInstanceUID)
    dataset.SynchronizationTrigger = "NO TRIGGER"
    dataset.AcquisitionTimeSynchronized = "N"
