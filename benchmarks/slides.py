"""A whole-slide image of as many tiles as are wanted, written as it is made."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, JPEGBaseline8Bit, VLWholeSlideMicroscopyImageStorage

from benchmarks.phantoms import new_uid

TILE_PX = 256
_UNDEFINED = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Slide:
    """Where it is, and how its tiles are asked for."""

    path: Path
    study_uid: str
    series_uid: str
    instance_uid: str
    accept: str = f'multipart/related; type="image/jpeg"; transfer-syntax={JPEGBaseline8Bit}'

    def frame(self, number: int) -> str:
        """Below the DICOMweb root, from one."""
        series = f"/studies/{self.study_uid}/series/{self.series_uid}"
        return f"{series}/instances/{self.instance_uid}/frames/{number}"


def write_slide(path: Path, tiles: int) -> Slide:
    """One level, TILED_FULL (PS3.3 §C.7.6.17.3), a fragment a tile, with an offset table (PS3.5 §A.4)."""
    image = _slide(tiles)
    slide = Slide(path, image.StudyInstanceUID, image.SeriesInstanceUID, image.SOPInstanceUID)
    with path.open("wb") as file:
        dcmwrite(file, image, enforce_file_format=True)
        file.writelines(_pixels(tiles))
    return slide


def _pixels(tiles: int) -> Iterator[bytes]:
    tile = _item(_tile())
    yield struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OB", 0, _UNDEFINED)
    yield _item((np.arange(tiles, dtype="<u4") * len(tile)).tobytes())
    for _ in range(tiles):
        yield tile
    yield struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)


def _item(value: bytes) -> bytes:
    value += b"\0" * (len(value) % 2)
    return struct.pack("<HHL", 0xFFFE, 0xE000, len(value)) + value


def _tile() -> bytes:
    """Some 6 KB, as tissue has."""
    row, column = np.mgrid[:TILE_PX, :TILE_PX] / 12.0
    cells = 128 + 90 * np.sin(row) * np.cos(column * 1.3)
    colours = np.stack([cells, cells / 2, 255 - cells / 3], axis=-1).astype(np.uint8)
    buffer = BytesIO()
    Image.fromarray(colours).save(buffer, "JPEG", quality=75)
    return buffer.getvalue()


def _slide(tiles: int) -> Dataset:
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    image.SOPClassUID = VLWholeSlideMicroscopyImageStorage
    image.SOPInstanceUID, image.StudyInstanceUID = UID(new_uid()), UID(new_uid())
    image.SeriesInstanceUID = UID(new_uid())
    image.PatientID, image.PatientName, image.Modality = "SLIDE", "Phantom^Slide", "SM"
    image.StudyDate, image.StudyTime, image.AccessionNumber = "20260105", "101500", "S0001"
    image.ImageType = ["DERIVED", "PRIMARY", "VOLUME", "NONE"]
    image.DimensionOrganizationType = "TILED_FULL"
    across = 250
    image.TotalPixelMatrixColumns = across * TILE_PX
    image.TotalPixelMatrixRows = -(-tiles // across) * TILE_PX
    image.NumberOfFrames = tiles
    image.Rows = image.Columns = TILE_PX
    image.SamplesPerPixel, image.PlanarConfiguration = 3, 0
    image.PhotometricInterpretation = "YBR_FULL_422"
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 8, 8, 7, 0
    image.LossyImageCompression, image.LossyImageCompressionMethod = "01", "ISO_10918_1"
    return image
