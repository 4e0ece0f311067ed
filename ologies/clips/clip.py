"""A clip as a photographic, endoscopic or microscopic video, or an ultrasound (PS3.3 §A.7, §A.32.5 to 7)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.uid import (
    UltrasoundMultiFrameImageStorage,
    VideoEndoscopicImageStorage,
    VideoMicroscopicImageStorage,
    VideoPhotographicImageStorage,
)
from pydicom.valuerep import format_number_as_ds

from ologies.case import View, moment_text
from ologies.clips.timing import Timing, describe_timing
from ologies.dataset import coded, start
from ologies.errors import Asked
from ologies.settled import Said, Settled
from ologies.writing import Encapsulated, Joined, Made, Stretch


@dataclass(frozen=True, slots=True)
class _Object:
    sop_class_uid: str
    modality: str
    shows_names: bool  # unless somebody says otherwise: such machines write them into the picture


@dataclass(frozen=True, slots=True)
class Clip:
    """A stream as it will be kept, and what is known of it."""

    columns_px: int
    rows_px: int
    bits: int
    transfer_syntax_uid: str
    method: str  # Lossy Image Compression Method
    timing: Timing
    pieces: tuple[bytes | Stretch, ...]
    has_sound: bool
    said: Said
    notes: tuple[str, ...]


#: PS3.3 §A.7.4, §A.32.5.3, §A.32.6.3, §A.32.7.3; by what the case says that it was taken with.
_OBJECTS: Mapping[View, _Object] = {
    View.PHOTOGRAPH: _Object(VideoPhotographicImageStorage, "XC", False),
    View.ENDOSCOPY: _Object(VideoEndoscopicImageStorage, "ES", True),
    View.ULTRASOUND: _Object(UltrasoundMultiFrameImageStorage, "US", True),
    View.MICROSCOPE: _Object(VideoMicroscopicImageStorage, "GM", False),
}


def clip_object(clip: Clip, settled: Settled, digest: str) -> Made:
    """Raises Asked where nobody says what it was taken with: a clip does not tell."""
    case = settled.case
    made = _OBJECTS.get(case.view) if "view" in case.model_fields_set else None
    if made is None:
        raise Asked([f"view ({', '.join(each.value for each in _OBJECTS)})"], [])
    dataset = start(settled, made.sop_class_uid, made.modality, f"{case.view.value} clips", digest)
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    day, time, offset = moment_text(settled.at)
    dataset.AcquisitionDateTime = f"{day}{time}{offset or ''}"
    dataset.PatientOrientation = None
    if case.body_site is not None:
        dataset.AnatomicRegionSequence = [coded(case.body_site)]
    if settled.laterality is not None:
        dataset.ImageLaterality = settled.laterality.value
    else:
        dataset.Laterality = None
    if case.view is not View.ULTRASOUND:
        dataset.AcquisitionContextSequence = []
    _describe(dataset, clip)
    notes = describe_timing(dataset, clip.timing)
    pixels = Encapsulated(*_fragments(clip.pieces))
    return Made(
        dataset, clip.transfer_syntax_uid, pixels, (*clip.notes, *notes, *_names(dataset, made, settled))
    )


def _describe(dataset: Dataset, clip: Clip) -> None:
    """Image Pixel (PS3.5 §8.2.7 to §8.2.11), Lossy Image Compression (PS3.3 §C.7.6.1.1.5)."""
    dataset.SamplesPerPixel = 3
    dataset.PhotometricInterpretation = "YBR_PARTIAL_420"
    dataset.PlanarConfiguration = 0
    dataset.Rows, dataset.Columns = clip.rows_px, clip.columns_px
    dataset.BitsAllocated = 8 if clip.bits == 8 else 16
    dataset.BitsStored = clip.bits
    dataset.HighBit = clip.bits - 1
    dataset.PixelRepresentation = 0
    size = Joined(clip.pieces).length
    pixels = clip.rows_px * clip.columns_px * 3 * (dataset.BitsAllocated // 8) * clip.timing.frames
    dataset.LossyImageCompression = "01"
    dataset.LossyImageCompressionRatio = format_number_as_ds(round(max(pixels / size, 0.01), 2))
    dataset.LossyImageCompressionMethod = clip.method
    if clip.has_sound:
        dataset.MultiplexedAudioChannelsDescriptionCodeSequence = []  # of what, nobody says


def _names(dataset: Dataset, made: _Object, settled: Settled) -> Iterator[str]:
    """Burned In Annotation (PS3.3 §C.7.6.1): absent says that it is not known."""
    said = settled.case.burned_in
    if said is not None or made.shows_names:
        dataset.BurnedInAnnotation = "NO" if said is False else "YES"
    if said is None and made.shows_names:
        yield "taken to show the patient's name (Burned In Annotation), since the case does not say burned_in"


def _fragments(pieces: tuple[bytes | Stretch, ...]) -> tuple[list[Joined], int]:
    """The whole stream in one."""
    return [Joined(pieces)], 1
