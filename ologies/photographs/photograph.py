"""A picture as a photographic, dermoscopic, endoscopic or ophthalmic image (PS3.3 §A.32)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.uid import (
    DermoscopicPhotographyImageStorage,
    OphthalmicPhotography8BitImageStorage,
    OphthalmicPhotography16BitImageStorage,
    VLEndoscopicImageStorage,
    VLPhotographicImageStorage,
)
from pydicom.valuerep import format_number_as_ds

from ologies.case import View, moment_text
from ologies.dataset import coded, start
from ologies.errors import Asked
from ologies.photographs.dermoscopy import dermoscopic, says_enough
from ologies.photographs.eye import ophthalmic
from ologies.photographs.picture import Picture
from ologies.settled import Settled
from ologies.writing import Encapsulated, Made


@dataclass(frozen=True, slots=True)
class _Object:
    sop_class_uid: str
    modality: str
    add: Callable[[Dataset, Settled], None]


def photograph(picture: Picture, settled: Settled, digest: str) -> Made:
    """Raises Asked for what its kind of picture cannot be without."""
    view, notes = settled.case.view, []
    if view is View.DERMOSCOPY and not says_enough(settled.device):
        view = View.PHOTOGRAPH
        notes.append(
            "a photograph, not a dermoscopic one: neither the file nor the case names the device's maker,"
            " model, serial number and software"
        )
    made = _OBJECTS.get(view)
    if made is None:
        raise Asked([f"view ({', '.join(each.value for each in _OBJECTS)})"], [])
    sop_class = made.sop_class_uid
    if view is View.EYE and picture.bits == 16:
        sop_class = OphthalmicPhotography16BitImageStorage
    dataset = start(settled, sop_class, made.modality, view.value, digest)
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    day, time, offset = moment_text(settled.at)
    dataset.AcquisitionDateTime = f"{day}{time}{offset or ''}"
    dataset.AcquisitionContextSequence = []
    dataset.PatientOrientation = None
    if settled.case.body_site is not None:
        dataset.AnatomicRegionSequence = [coded(settled.case.body_site)]
    if settled.laterality is not None:
        dataset.ImageLaterality = settled.laterality.value
    _describe(dataset, picture)
    made.add(dataset, settled)
    return Made(dataset, picture.transfer_syntax_uid, Encapsulated([picture.frame], 1), tuple(notes))


def _describe(dataset: Dataset, picture: Picture) -> None:
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


def _nothing_more(_: Dataset, __: Settled) -> None:
    """Photographs and endoscopy stills have no module of their own."""


_OBJECTS: Mapping[View, _Object] = {
    View.PHOTOGRAPH: _Object(VLPhotographicImageStorage, "XC", _nothing_more),
    View.DERMOSCOPY: _Object(DermoscopicPhotographyImageStorage, "DMS", dermoscopic),
    View.ENDOSCOPY: _Object(VLEndoscopicImageStorage, "ES", _nothing_more),
    View.EYE: _Object(OphthalmicPhotography8BitImageStorage, "OP", ophthalmic),
}
