"""A whole slide of no tissue (PS3.3 §A.32.8): a pyramid of JPEG tiles, laid out TILED_FULL."""

from collections.abc import Iterator
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageDraw, ImageFilter
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import JPEGBaseline8Bit, VLWholeSlideMicroscopyImageStorage

from imx.demo.modules import DATE, TIME, code, item, new_image
from imx.demo.stamp import Visit, uid_of

COLUMNS, ROWS = 2816, 2048  # of the finest level
TILE = 256
LEVELS = 4  # each half as fine as the one before
SPACING_MM = 0.0005


def slide(visit: Visit) -> Iterator[Dataset]:
    """Each level of the pyramid, the finest first; all in one series, as viewers want them."""
    picture = tissue()
    for level in range(LEVELS):
        size = (COLUMNS >> level, ROWS >> level)
        yield _level(visit, picture.resize(size, Image.Resampling.BOX) if level else picture, level)


def tissue() -> Image.Image:
    """Glands of something, stained with haematoxylin and eosin."""
    chance = np.random.default_rng(2026)
    picture = Image.new("RGB", (COLUMNS, ROWS), (243, 240, 243))
    draw = ImageDraw.Draw(picture)
    draw.polygon(_blob(chance, COLUMNS / 2, ROWS / 2, 0.46 * COLUMNS, 0.44 * ROWS), fill=(231, 178, 205))
    for _ in range(130):
        x, y = chance.uniform(0.14, 0.86) * COLUMNS, chance.uniform(0.16, 0.84) * ROWS
        radius = chance.uniform(40, 95)
        draw.polygon(_blob(chance, x, y, radius, radius), fill=(206, 132, 178))
        draw.polygon(_blob(chance, x, y, radius * 0.45, radius * 0.45), fill=(246, 236, 243))
        for angle in np.linspace(0, 2 * np.pi, round(radius / 2.6), endpoint=False):
            _nucleus(draw, chance, x + 0.74 * radius * np.cos(angle), y + 0.74 * radius * np.sin(angle))
    for _ in range(2600):
        x, y = chance.uniform(0.1, 0.9) * COLUMNS, chance.uniform(0.12, 0.88) * ROWS
        if picture.getpixel((int(x), int(y))) == (231, 178, 205):
            _nucleus(draw, chance, x, y)
    grain = chance.normal(0, 5, (ROWS, COLUMNS, 1))
    soft = np.asarray(picture.filter(ImageFilter.GaussianBlur(1.2)), np.float64)
    return Image.fromarray(np.clip(soft + grain, 0, 255).astype(np.uint8))


def _blob(
    chance: np.random.Generator, x: float, y: float, width: float, height: float
) -> list[tuple[float, float]]:
    angles = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    phases = chance.uniform(0, 2 * np.pi, 3)
    edge = 1 + sum(0.06 * np.sin((count + 2) * angles + phase) for count, phase in enumerate(phases))
    return [
        (x + width * r * np.cos(a), y + height * r * np.sin(a)) for r, a in zip(edge, angles, strict=True)
    ]


def _nucleus(draw: ImageDraw.ImageDraw, chance: np.random.Generator, x: float, y: float) -> None:
    wide, high = chance.uniform(3, 6, 2)
    shade = int(chance.integers(-20, 20))
    draw.ellipse((x - wide, y - high, x + wide, y + high), fill=(92 + shade, 62 + shade, 140 + shade))


def _level(visit: Visit, picture: Image.Image, level: int) -> Dataset:
    ds = new_image(visit, VLWholeSlideMicroscopyImageStorage, JPEGBaseline8Bit, "SM", "Colon")
    del ds.PatientPosition, ds.BodyPartExamined, ds.AcquisitionDate, ds.AcquisitionTime
    spacing_mm = SPACING_MM * 2**level
    ds.StudyDescription = "SYNTHETIC slide of no tissue"
    ds.SeriesDescription = "Haematoxylin and eosin"
    ds.AcquisitionDateTime, ds.AcquisitionDuration = DATE + TIME, 60.0
    ds.ImageType = ["DERIVED", "PRIMARY", "VOLUME", "RESAMPLED" if level else "NONE"]
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = uid_of("frame", visit.study_uid), "SLIDE_CORNER"
    ds.VolumetricProperties, ds.BurnedInAnnotation, ds.SpecimenLabelInImage = "VOLUME", "NO", "NO"
    ds.FocusMethod, ds.ExtendedDepthOfField = "AUTO", "NO"
    ds.ImageOrientationSlide = [0, -1, 0, -1, 0, 0]
    ds.TotalPixelMatrixOriginSequence = Sequence([
        item(XOffsetInSlideCoordinateSystem=20.0, YOffsetInSlideCoordinateSystem=40.0)
    ])  # fmt: skip
    ds.TotalPixelMatrixColumns, ds.TotalPixelMatrixRows = picture.size
    ds.TotalPixelMatrixFocalPlanes = 1
    ds.ImagedVolumeWidth = round(picture.width * spacing_mm, 6)
    ds.ImagedVolumeHeight = round(picture.height * spacing_mm, 6)
    ds.ImagedVolumeDepth = 1.0
    _set_specimen(ds, visit)
    _set_optics(ds)
    organisation = uid_of("dimension", visit.study_uid)
    ds.DimensionOrganizationType = "TILED_FULL"
    ds.DimensionOrganizationSequence = Sequence([item(DimensionOrganizationUID=organisation)])
    ds.SharedFunctionalGroupsSequence = Sequence([item(
        PixelMeasuresSequence=Sequence([item(PixelSpacing=[spacing_mm] * 2, SliceThickness=0.001)]),
        WholeSlideMicroscopyImageFrameTypeSequence=Sequence([item(FrameType=list(ds.ImageType))]),
        OpticalPathIdentificationSequence=Sequence([item(OpticalPathIdentifier="1")]),
    )])  # fmt: skip
    tiles = [_jpeg(tile) for tile in _tiles(np.asarray(picture))]
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "YBR_FULL_422", 0
    ds.Rows, ds.Columns, ds.NumberOfFrames = TILE, TILE, len(tiles)
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.LossyImageCompression, ds.LossyImageCompressionMethod = "01", "ISO_10918_1"
    ds.LossyImageCompressionRatio = round(len(tiles) * TILE * TILE * 3 / sum(map(len, tiles)), 2)
    ds.PixelData = encapsulate(tiles)
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    return ds


def _set_specimen(ds: Dataset, visit: Visit) -> None:
    """The piece of tissue, and the glass it lies on (PS3.3 §C.7.6.22)."""
    ds.ContainerIdentifier = f"{visit.accession}-A1"
    ds.IssuerOfTheContainerIdentifierSequence = Sequence()
    ds.ContainerTypeCodeSequence = Sequence([code("433466003", "SCT", "Microscope slide")])
    ds.AcquisitionContextSequence = Sequence()
    ds.SpecimenDescriptionSequence = Sequence([item(
        SpecimenIdentifier=f"{visit.accession}-A1",
        SpecimenUID=uid_of("specimen", visit.study_uid),
        IssuerOfTheSpecimenIdentifierSequence=Sequence(),
        SpecimenShortDescription="Nothing that lived",
        SpecimenPreparationSequence=Sequence(),
    )])  # fmt: skip


def _set_optics(ds: Dataset) -> None:
    """One path of white light (PS3.3 §C.8.12.5)."""
    ds.NumberOfOpticalPaths = 1
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = made[:24] + bytes(12) + made[36:]  # without the moment it was made: the same each time
    ds.OpticalPathSequence = Sequence([item(
        OpticalPathIdentifier="1",
        IlluminationTypeCodeSequence=Sequence([code("111744", "DCM", "Brightfield illumination")]),
        IlluminationColorCodeSequence=Sequence([code("414298005", "SCT", "Full Spectrum")]),
        ICCProfile=profile + b"\0" * (len(profile) % 2),
        ObjectiveLensPower=20,
    )])  # fmt: skip


def _tiles(pixels: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """From the top left, row by row; those at the edge are filled up with white (PS3.3 §C.7.6.17.3)."""
    rows, columns, _ = pixels.shape
    for top in range(0, rows, TILE):
        for left in range(0, columns, TILE):
            tile = np.full((TILE, TILE, 3), 255, np.uint8)
            found = pixels[top : top + TILE, left : left + TILE]
            tile[: found.shape[0], : found.shape[1]] = found
            yield tile


def _jpeg(tile: NDArray[np.uint8]) -> bytes:
    buffer = BytesIO()
    Image.fromarray(tile).save(buffer, "JPEG", quality=85, subsampling="4:2:2")
    return buffer.getvalue()
