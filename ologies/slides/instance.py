"""One picture of a slide as a VL Whole Slide Microscopy Image (PS3.3 §A.32.8)."""

from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.uid import VLWholeSlideMicroscopyImageStorage
from pydicom.valuerep import format_number_as_ds

from ologies.case import moment_text
from ologies.dataset import code_item, named_uid, start
from ologies.slides.slide import Flavour, Fluorescence, SettledSlide
from ologies.slides.specimen import add_specimen
from ologies.slides.tiles import Tiled
from ologies.srgb import srgb
from ologies.writing import Encapsulated, Made

#: Nobody measures a scanner's depth of field: what the field writes for one focal plane.
DEPTH_MM = 0.001

#: Where the first pixel lies is not measured; levels share one frame of reference, so they fit one another.
#: The label is to the left of the picture, as scanners show it (PS3.3 §C.8.12.2.1).
_ORIGIN_MM = ("20", "40")
_ORIENTATION = ["0", "-1", "0", "-1", "0", "0"]

_BRIGHTFIELD = code_item("111744", "DCM", "Brightfield illumination")
_EPIFLUORESCENCE = code_item("111743", "DCM", "Epifluorescence illumination")
_FULL_SPECTRUM = code_item("414298005", "SCT", "Full Spectrum")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One picture's place in its series."""

    number: int  # Instance Number (0020,0013)
    name: str  # within the slide; the same name is the same object
    flavour: Flavour
    is_resampled: bool
    spacing_mm: tuple[float, float] | None  # across, down
    lossy_before: tuple[str, float] | None = None  # how the level that it was made of is compressed


def instance(tiled: Tiled, part: Part, slide: SettledSlide, digest: str) -> Made:
    """Its data set; the frames are read when they are written."""
    dataset = start(
        slide.settled, VLWholeSlideMicroscopyImageStorage, "SM", f"slide {digest}", f"{digest} {part.name}"
    )
    dataset.InstanceNumber = part.number
    series = dataset.SeriesInstanceUID
    dataset.SeriesDescription = slide.container[:64]
    first = "DERIVED" if part.is_resampled else "ORIGINAL"
    kind = [first, "PRIMARY", part.flavour.value, "RESAMPLED" if part.is_resampled else "NONE"]
    dataset.ImageType = kind
    day, time, offset = moment_text(slide.settled.at)
    dataset.AcquisitionDateTime = f"{day}{time}{offset or ''}"
    dataset.AcquisitionContextSequence = []
    device = slide.settled.device
    # Enhanced General Equipment (§C.7.5.2) must say all four; what nobody says is said to be unknown.
    dataset.Manufacturer = device.manufacturer or "unknown"
    dataset.ManufacturerModelName = device.model or "unknown"
    dataset.DeviceSerialNumber = device.serial_number or "unknown"
    dataset.SoftwareVersions = device.software or "unknown"
    if part.flavour in (Flavour.VOLUME, Flavour.THUMBNAIL):
        dataset.FrameOfReferenceUID = named_uid("slide frame of reference", series)
        dataset.PositionReferenceIndicator = "SLIDE_CORNER"
        dataset.PyramidUID = named_uid("pyramid", series)
    _matrix(dataset, tiled, part)
    _pixels(dataset, tiled, part)
    _label(dataset, part, slide)
    _optical_path(dataset, tiled, part, slide)
    add_specimen(dataset, slide)
    _groups(dataset, tiled, part, kind, series)
    pixels = Encapsulated(tiled.frames, tiled.count, has_table=tiled.count > 1)
    return Made(dataset, tiled.coding.transfer_syntax_uid, pixels, (*slide.notes, *tiled.notes))


def _matrix(dataset: Dataset, tiled: Tiled, part: Part) -> None:
    """Whole Slide Microscopy Image, Slide Layer/Tile Organization (§C.8.12.4, §C.8.12.14)."""
    dataset.VolumetricProperties = "VOLUME"
    dataset.TotalPixelMatrixColumns, dataset.TotalPixelMatrixRows = tiled.columns_px, tiled.rows_px
    dataset.TotalPixelMatrixFocalPlanes = 1
    dataset.NumberOfFrames = tiled.count
    dataset.Rows, dataset.Columns = tiled.tile_rows_px, tiled.tile_columns_px
    dataset.NumberOfOpticalPaths = tiled.paths
    origin = Dataset()
    origin.XOffsetInSlideCoordinateSystem, origin.YOffsetInSlideCoordinateSystem = _ORIGIN_MM
    dataset.TotalPixelMatrixOriginSequence = [origin]
    dataset.ImageOrientationSlide = _ORIENTATION
    if part.spacing_mm is not None:
        dataset.ImagedVolumeWidth = part.spacing_mm[0] * tiled.columns_px
        dataset.ImagedVolumeHeight = part.spacing_mm[1] * tiled.rows_px
        dataset.ImagedVolumeDepth = DEPTH_MM * 1000  # in micrometres
    dataset.FocusMethod = "AUTO"
    dataset.ExtendedDepthOfField = "NO"


def _pixels(dataset: Dataset, tiled: Tiled, part: Part) -> None:
    coding = tiled.coding
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = coding.samples, coding.photometric
    if coding.samples > 1:
        dataset.PlanarConfiguration = 0
    else:
        dataset.PresentationLUTShape = "IDENTITY"
        dataset.RescaleIntercept, dataset.RescaleSlope = "0", "1"
    dataset.BitsAllocated = dataset.BitsStored = coding.bits
    dataset.HighBit = coding.bits - 1
    dataset.PixelRepresentation = 0
    steps = [each for each in (part.lossy_before, tiled.lossy) if each is not None]
    dataset.LossyImageCompression = "01" if steps else "00"
    if steps:
        dataset.LossyImageCompressionMethod = [method for method, _ in steps]
        dataset.LossyImageCompressionRatio = [format_number_as_ds(round(ratio, 3)) for _, ratio in steps]


def _label(dataset: Dataset, part: Part, slide: SettledSlide) -> None:
    """A label names people, and an overview shows it (§C.8.12.4.1.1): both are marked (§C.8.12.8)."""
    shown = "YES" if part.flavour in (Flavour.LABEL, Flavour.OVERVIEW) else "NO"
    dataset.SpecimenLabelInImage = dataset.BurnedInAnnotation = shown
    if part.flavour is Flavour.LABEL:
        dataset.LabelText = None  # nobody has read it
        dataset.BarcodeValue = slide.container


def _optical_path(dataset: Dataset, tiled: Tiled, part: Part, slide: SettledSlide) -> None:
    """Brightfield, or the light of each channel (§C.8.12.5)."""
    shines = slide.channels if part.flavour is Flavour.VOLUME else ()
    dataset.OpticalPathSequence = [
        _path(number, channel, tiled, slide) for number, channel in enumerate(shines or (None,), 1)
    ]


def _path(number: int, channel: Fluorescence | None, tiled: Tiled, slide: SettledSlide) -> Dataset:
    path = Dataset()
    path.OpticalPathIdentifier = str(number)
    path.IlluminationTypeCodeSequence = [_BRIGHTFIELD]
    if channel is not None:
        path.IlluminationTypeCodeSequence = [_EPIFLUORESCENCE]
        path.OpticalPathDescription = channel.name
        if channel.emission_nm is not None:
            path.ImagePathFilterPassThroughWavelength = round(channel.emission_nm)
    if channel is not None and channel.excitation_nm is not None:
        path.IlluminationWaveLength = channel.excitation_nm
    else:
        path.IlluminationColorCodeSequence = [_FULL_SPECTRUM]
    if tiled.coding.samples > 1:
        whole = slide.colour_profile or srgb()
        path.ICCProfile = whole + b"\0" * (len(whole) % 2)
    if slide.objective is not None:
        path.ObjectiveLensPower = format_number_as_ds(slide.objective)
    return path


def _groups(dataset: Dataset, tiled: Tiled, part: Part, kind: list[str], series: str) -> None:
    """Multi-frame Functional Groups and Dimension (§C.7.6.16, §C.7.6.17): TILED_FULL needs none by frame."""
    organization = Dataset()
    organization.DimensionOrganizationUID = named_uid("tiles", series)
    dataset.DimensionOrganizationSequence = [organization]
    dataset.DimensionOrganizationType = "TILED_FULL"
    shared, measures, frame_type = Dataset(), Dataset(), Dataset()
    if part.spacing_mm is not None:
        across, down = part.spacing_mm
        measures.PixelSpacing = [format_number_as_ds(down), format_number_as_ds(across)]
        measures.SliceThickness = format_number_as_ds(DEPTH_MM)
    shared.PixelMeasuresSequence = [measures]
    frame_type.FrameType = kind
    shared.WholeSlideMicroscopyImageFrameTypeSequence = [frame_type]
    if tiled.paths == 1:  # of several, a frame's place says which (§C.7.6.17.3)
        path = Dataset()
        path.OpticalPathIdentifier = "1"
        shared.OpticalPathIdentificationSequence = [path]
    dataset.SharedFunctionalGroupsSequence = [shared]
