"""A clip as a photographic, endoscopic or microscopic video, or an ultrasound (PS3.3 §A.7, §A.32.5 to 7)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from pydicom.dataset import Dataset
from pydicom.uid import (
    UltrasoundMultiFrameImageStorage,
    VideoEndoscopicImageStorage,
    VideoMicroscopicImageStorage,
    VideoPhotographicImageStorage,
)
from pydicom.valuerep import format_number_as_ds

from ologies.case import Case, View, moment_text
from ologies.clips.timing import Timing, describe_timing
from ologies.dataset import code_item, coded, start
from ologies.settled import Settled
from ologies.writing import Encapsulated, Made


@dataclass(frozen=True, slots=True)
class _Object:
    sop_class_uid: str
    modality: str
    shows_names: bool  # unless somebody says otherwise: such machines write them into the picture


@dataclass(frozen=True, slots=True)
class History:
    """Of a stream that was encoded anew."""

    method: str  # how it was compressed before; empty where it had lost nothing
    size: int  # of the video before, in bytes
    why: str
    recipe: str  # of the encoder: another makes another object


@dataclass(frozen=True, slots=True)
class Clip:
    """A stream as it will be kept, and what is known of it."""

    columns_px: int
    rows_px: int
    bits: int
    transfer_syntax_uid: str
    method: str  # Lossy Image Compression Method
    timing: Timing
    pixels: Encapsulated
    size: int  # of the stream, in bytes
    has_sound: bool
    notes: tuple[str, ...]
    pixel_aspect: Fraction = Fraction(1)  # width of a pixel by its height
    photometric: str = "YBR_PARTIAL_420"
    samples: int = 3
    history: History | None = None


def unsaid_of_clip(case: Case) -> tuple[str, ...]:
    """What a clip does not tell, and the case does not either: what it was taken with."""
    if "view" in case.model_fields_set and case.view in _OBJECTS:
        return ()
    return (f"view ({', '.join(each.value for each in _OBJECTS)})",)


#: PS3.3 §A.7.4, §A.32.5.3, §A.32.6.3, §A.32.7.3; by what the case says that it was taken with.
_OBJECTS: Mapping[View, _Object] = {
    View.PHOTOGRAPH: _Object(VideoPhotographicImageStorage, "XC", False),
    View.ENDOSCOPY: _Object(VideoEndoscopicImageStorage, "ES", True),
    View.ULTRASOUND: _Object(UltrasoundMultiFrameImageStorage, "US", True),
    View.MICROSCOPE: _Object(VideoMicroscopicImageStorage, "GM", False),
}


def clip_object(clip: Clip, settled: Settled, digest: str) -> Made:
    """Whole, but for what is written of its stream."""
    case = settled.case
    made = _OBJECTS[case.view]
    if clip.history is not None:
        digest = f"{digest} {clip.history.recipe}"
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
    return Made(
        dataset, clip.transfer_syntax_uid, clip.pixels, (*clip.notes, *notes, *_names(dataset, made, settled))
    )


def _describe(dataset: Dataset, clip: Clip) -> None:
    """Image Pixel (PS3.5 §8.2.7 to §8.2.11), Lossy Image Compression (PS3.3 §C.7.6.1.1.5)."""
    dataset.SamplesPerPixel = clip.samples
    dataset.PhotometricInterpretation = clip.photometric
    if clip.samples > 1:
        dataset.PlanarConfiguration = 0
    dataset.Rows, dataset.Columns = clip.rows_px, clip.columns_px
    dataset.BitsAllocated = 8 if clip.bits == 8 else 16
    dataset.BitsStored = clip.bits
    dataset.HighBit = clip.bits - 1
    dataset.PixelRepresentation = 0
    if clip.pixel_aspect != 1:  # of MPEG-2 only; vertical first (PS3.3 §C.7.6.3.1.7)
        dataset.PixelAspectRatio = [clip.pixel_aspect.denominator, clip.pixel_aspect.numerator]
    _describe_loss(dataset, clip)
    if clip.has_sound:
        dataset.MultiplexedAudioChannelsDescriptionCodeSequence = []  # of what, nobody says


def _describe_loss(dataset: Dataset, clip: Clip) -> None:
    """Each compression that it went through, in order (PS3.3 §C.7.6.1.1.5)."""
    pixels = clip.rows_px * clip.columns_px * clip.samples * (dataset.BitsAllocated // 8) * clip.timing.frames
    passed = [(clip.method, clip.size)]
    if clip.history is not None:
        if clip.history.method:
            passed.insert(0, (clip.history.method, clip.history.size))
        dataset.ImageType = ["DERIVED", "PRIMARY"]
        dataset.DerivationDescription = clip.history.why
        dataset.DerivationCodeSequence = [code_item("113040", "DCM", "Lossy Compression")]
    dataset.LossyImageCompression = "01"
    dataset.LossyImageCompressionRatio = [
        format_number_as_ds(round(max(pixels / max(size, 1), 0.01), 2)) for _, size in passed
    ]
    dataset.LossyImageCompressionMethod = [method for method, _ in passed]


def _names(dataset: Dataset, made: _Object, settled: Settled) -> Iterator[str]:
    """Burned In Annotation (PS3.3 §C.7.6.1): absent says that it is not known."""
    said = settled.case.burned_in
    if said is not None or made.shows_names:
        dataset.BurnedInAnnotation = "NO" if said is False else "YES"
    if said is None and made.shows_names:
        yield "taken to show the patient's name (Burned In Annotation), since the case does not say burned_in"
