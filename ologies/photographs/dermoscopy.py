"""What a dermoscopic image says besides its pixels (PS3.3 §A.32.11, §C.8.12.12; Supplement 221)."""

from pydicom.dataset import Dataset

from ologies.case import Device
from ologies.dataset import named_uid
from ologies.settled import Settled


def says_enough(device: Device) -> bool:
    """Enhanced General Equipment is mandatory there, and nothing of it may be invented (PS3.3 §C.7.5.2)."""
    return bool(device.manufacturer and device.model and device.serial_number and device.software)


def dermoscopic(dataset: Dataset, settled: Settled) -> None:
    """The Dermoscopic Image module; what nobody said stays empty."""
    used = settled.case.dermoscopy
    # A frame of its own: nothing says where on the body two pictures lie to each other (PS3.3 §C.7.4.1).
    dataset.FrameOfReferenceUID = named_uid("frame of reference", dataset.SOPInstanceUID)
    dataset.PositionReferenceIndicator = None
    dataset.RecognizableVisualFeatures = "YES" if used.recognizable else "NO"
    dataset.LightSourcePolarization = _word(used.polarized, "POLARIZED", "NON_POLARIZED")
    dataset.EmitterColorTemperature = None
    dataset.ContactMethod = _word(used.contact, "CONTACT", "NON_CONTACT")
    if used.contact:
        dataset.ImmersionMedia = used.immersion.value if used.immersion else None
    dataset.OpticalMagnificationFactor = used.magnification
    if settled.case.lesion is not None:
        lesion = settled.case.lesion
        dataset.TrackingID = lesion.number
        dataset.TrackingUID = lesion.uid or named_uid(
            "lesion", lesion.number, settled.patient_id, settled.issuer
        )


def _word(said: bool | None, if_so: str, if_not: str) -> str | None:
    return None if said is None else if_so if said else if_not
