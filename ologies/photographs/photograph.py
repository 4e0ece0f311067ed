"""A picture as a VL Photographic or Endoscopic image (PS3.3 §A.32.4, §A.32.1)."""

from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import VLEndoscopicImageStorage, VLPhotographicImageStorage
from pydicom.valuerep import format_number_as_ds

from ologies.case import View, moment_text
from ologies.dataset import coded, start
from ologies.photographs.picture import Picture
from ologies.settled import Settled

_CLASSES = {
    View.PHOTOGRAPH: (VLPhotographicImageStorage, "XC"),
    View.ENDOSCOPY: (VLEndoscopicImageStorage, "ES"),
}


def photograph(picture: Picture, settled: Settled, digest: str) -> Dataset:
    """The object, whole but for its file meta."""
    sop_class, modality = _CLASSES[settled.view]
    dataset = start(settled, sop_class, modality, settled.view.value, digest)
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    day, time, offset = moment_text(settled.at)
    dataset.AcquisitionDateTime = f"{day}{time}{offset or ''}"
    dataset.AcquisitionContextSequence = []
    dataset.PatientOrientation = None
    if settled.body_site is not None:
        dataset.AnatomicRegionSequence = [coded(settled.body_site)]
    if settled.laterality is not None:
        dataset.ImageLaterality = settled.laterality.value
    _pixels(dataset, picture)
    return dataset


def _pixels(dataset: Dataset, picture: Picture) -> None:
    """Image Pixel, VL Image, ICC Profile (PS3.3 §C.7.6.3, §C.8.12.1, §C.11.15)."""
    dataset.SamplesPerPixel = picture.samples
    dataset.PhotometricInterpretation = picture.photometric
    if picture.samples > 1:
        dataset.PlanarConfiguration = 0
    dataset.Rows, dataset.Columns = picture.rows_px, picture.columns_px
    dataset.BitsAllocated = dataset.BitsStored = picture.bits
    dataset.HighBit = picture.bits - 1
    dataset.PixelRepresentation = 0
    dataset.LossyImageCompression = "01" if picture.lossy else "00"
    if picture.lossy:
        method, ratio = picture.lossy
        dataset.LossyImageCompressionRatio = format_number_as_ds(round(ratio, 3))
        dataset.LossyImageCompressionMethod = method
    if picture.samples > 1 and picture.colour_profile:
        dataset.ICCProfile = picture.colour_profile + b"\0" * (len(picture.colour_profile) % 2)
    dataset.add_new("PixelData", "OB", encapsulate([picture.frame], has_bot=False))
    dataset["PixelData"].is_undefined_length = True
