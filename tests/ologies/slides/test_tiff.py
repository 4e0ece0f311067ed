"""TIFF directories: as tifffile reads them, and bounded where they lie."""

import struct
from pathlib import Path
from typing import Any

import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ologies.errors import Damaged, OlogyError
from ologies.recognition import recognise
from ologies.slides import tiff
from ologies.slides.jpeg import head_of
from ologies.slides.raster import Raster, raster_of
from ologies.slides.tiff import Tiff
from tests.ologies.material import sample, wrap_here
from tests.ologies.slides.material import a_slide_case, tissue, write_ndpi, write_svs, write_tiff


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_tables_are_those_that_tifffile_reads(big: bool, order: Any, tmp_path: Path) -> None:
    path = tmp_path / "slide.tif"
    with tifffile.TiffWriter(path, bigtiff=big, byteorder=order) as file:
        for side in (700, 350):
            file.write(tissue(side, side), tile=(128, 128), photometric="rgb", compression="jpeg")
    assert_alike(path)


@pytest.mark.parametrize("name", ["CMU-1-Small-Region.svs", "test3-DAPI.ndpi"])
def test_tables_of_real_files_are_those_that_tifffile_reads(name: str) -> None:
    assert_alike(sample(f"slide/{name}"))


def assert_alike(path: Path) -> None:
    with Tiff(path) as mine, tifffile.TiffFile(path) as theirs:
        directories = mine.directories()
        assert len(directories) == len(theirs.pages)
        for directory, page in zip(directories, theirs.pages, strict=True):
            tags = page.aspage().tags
            assert directory.number(tiff.WIDTH) == tags["ImageWidth"].value
            for tag in (tiff.TILE_OFFSETS, tiff.TILE_BYTES, tiff.STRIP_OFFSETS, tiff.STRIP_BYTES):
                if tag in tags:
                    assert directory.places(tag).tolist() == list(tags[tag].value)


def directory_of(*entries: tuple[int, int, int, int], following: int = 0) -> bytes:
    """A classic TIFF with one directory at byte 8."""
    body = b"".join(struct.pack("<HHII", *each) for each in entries)
    return struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + body + struct.pack("<I", following)


SIZES = ((256, 4, 1, 512), (257, 4, 1, 512), (258, 3, 1, 8), (322, 4, 1, 256), (323, 4, 1, 256))


@pytest.mark.parametrize(
    "content",
    [
        directory_of(*SIZES, following=8),
        directory_of(*SIZES, following=1 << 30),
        directory_of(*SIZES, (324, 4, 4, 0xFFFFFF00), (325, 4, 4, 0xFFFFFF00)),
        directory_of(*SIZES, (324, 4, 0xFFFFFFFF, 8), (325, 4, 0xFFFFFFFF, 8)),
        directory_of((256, 4, 1, 0xFFFFFFFF), (257, 4, 1, 0xFFFFFFFF), *SIZES[2:]),
        directory_of(*SIZES[:3], (322, 4, 1, 1), (323, 4, 1, 1)),
        directory_of(*SIZES[:3], (322, 4, 1, 0), (323, 4, 1, 0)),
        struct.pack("<2sHI", b"II", 42, 4),
        b"II*\0",
        b"II+\0\x08\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff",
    ],
    ids=["loop", "beyond", "tiles beyond", "countless", "absurd", "tiny tiles", "no tiles", "into itself",
         "cut off", "big and cut off"],
)  # fmt: skip
def test_what_lies_ends_in_words(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "slide.tif"
    path.write_bytes(content)
    with pytest.raises(Damaged):
        rasters_of(path)


def rasters_of(path: Path) -> list[Raster]:
    with Tiff(path) as file:
        return [raster_of(directory) for directory in file.directories()]


def test_tiles_that_share_their_bytes_are_no_bomb(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "slide.tif", [tissue(4096, 4096)])
    with tifffile.TiffFile(path, mode="r+") as file:
        tags = file.pages.first.tags
        largest = max(range(256), key=lambda each: tags["TileByteCounts"].value[each])
        tags["TileOffsets"].overwrite((tags["TileOffsets"].value[largest],) * 256)
        tags["TileByteCounts"].overwrite((tags["TileByteCounts"].value[largest] * 40,) * 256)
    with pytest.raises(Damaged):
        wrap_here(path, a_slide_case(scan={"microns_per_pixel": 0.25}))


@pytest.mark.parametrize("where", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("make", [write_svs, lambda path: write_ndpi(path, tissue(1024, 512))])
def test_a_file_that_is_cut_off_is_damaged(make: Any, where: float, tmp_path: Path) -> None:
    path = make(tmp_path / "slide")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * where)])
    with pytest.raises(Damaged):
        wrap_here(path, a_slide_case())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_bytes_that_were_changed_end_in_words_or_in_a_slide(tmp_path: Path, data: st.DataObject) -> None:
    """Of a small slide, wherever they lie: nothing but what a person can be told."""
    path = tmp_path / "slide.svs"
    if not path.exists():
        write_svs(path, 300, 260)
        path.with_suffix(".whole").write_bytes(path.read_bytes())
    content = bytearray(path.with_suffix(".whole").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        tables = st.integers(0, len(content) - 1) | st.integers(max(0, len(content) - 900), len(content) - 1)
        content[data.draw(tables)] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        recognise(path)
        wrap_here(path, a_slide_case())
    except OlogyError:
        pass


@given(st.binary(max_size=400))
def test_any_bytes_are_a_jpegs_head_or_none(content: bytes) -> None:
    for stream in (content, b"\xff\xd8" + content, b"\xff\xd8\xff\xc0\x00\x11\x08" + content):
        try:
            head_of(stream)
        except Damaged:
            continue
