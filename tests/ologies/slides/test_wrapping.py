"""Slides: tiles as the source's, levels that fit one another, objects that others take."""

from io import BytesIO
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import openslide
import pytest
import tifffile
from PIL import Image
from pydicom.encaps import generate_frames

from ologies.errors import Asked
from ologies.slides.cutting import cut
from ologies.slides.raster import raster_of
from ologies.slides.tiff import Tiff
from tests.ologies.material import a_case, sample, wrap_here
from tests.ologies.slides.material import (
    APERIO,
    SPECIMEN,
    a_slide_case,
    assert_valid,
    by_openslide,
    objects_of,
    pixels_of,
    tissue,
    volumes_of,
    write_ndpi,
    write_svs,
    write_tiff,
)

SVS = "slide/CMU-1-Small-Region.svs"


def test_a_real_svs_is_what_openslide_sees() -> None:
    path = sample(SVS)
    wrapping = wrap_here(path, a_slide_case())
    assert_valid(wrapping)
    whole = volumes_of(wrapping)[0]
    np.testing.assert_array_equal(pixels_of(whole), by_openslide(path, 0))
    assert whole.PhotometricInterpretation == "RGB"
    measures = whole.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert [float(each) for each in measures.PixelSpacing] == [0.000499, 0.000499]
    assert whole.OpticalPathSequence[0].ObjectiveLensPower == 20
    assert (whole.Manufacturer, whole.DeviceSerialNumber) == ("Aperio", "CPAPERIOCS")
    assert whole.AcquisitionDateTime == "20091229095915+0000"


@pytest.mark.parametrize("photometric", ["rgb", "ycbcr"])
def test_tiles_are_copied_and_completed(photometric: str, tmp_path: Path) -> None:
    path = write_svs(tmp_path / "slide.svs", photometric=photometric)
    wrapping = wrap_here(path, a_slide_case())
    assert_valid(wrapping)
    for number, level in enumerate(volumes_of(wrapping)[:2]):
        np.testing.assert_array_equal(pixels_of(level), by_openslide(path, number))
    first = volumes_of(wrapping)[0]
    frames = list(generate_frames(first.PixelData, number_of_frames=first.NumberOfFrames))
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        for number, (at, length) in enumerate(zip(page.dataoffsets, page.databytecounts, strict=True)):
            file.filehandle.seek(at)
            stored = file.filehandle.read(length)
            assert frames[number].rstrip(b"\0").endswith(stored[2:].rstrip(b"\0"))


def test_a_generic_tiff_needs_microns_from_somebody(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "slide.tif", [tissue(700, 500)], resolution=(300, 300), resolutionunit=2)
    with pytest.raises(Asked) as asked:
        wrap_here(path, a_case())
    assert asked.value.missing == ("scan.microns_per_pixel", "specimen.container (the slide's barcode)")
    (whole, *_) = volumes_of(wrap_here(path, a_slide_case(scan={"microns_per_pixel": 0.5})))
    assert whole.ImagedVolumeWidth == pytest.approx(700 * 0.0005)
    np.testing.assert_array_equal(pixels_of(whole), by_openslide(path, 0))


def test_what_a_file_says_of_its_pixels_is_not_overruled(tmp_path: Path) -> None:
    path = write_svs(tmp_path / "slide.svs")
    with pytest.raises(Asked) as asked:
        wrap_here(path, a_slide_case(scan={"microns_per_pixel": 0.5}))
    assert asked.value.contradicted == ("scan.microns_per_pixel",)


def test_wrapping_again_makes_the_same_bytes(tmp_path: Path) -> None:
    path = write_svs(tmp_path / "slide.svs")
    first, second = (wrap_here(path, a_slide_case()) for _ in range(2))
    assert [each.file.name for each in first.objects] == [each.file.name for each in second.objects]
    for one, other in zip(first.objects, second.objects, strict=True):
        assert one.file.read_bytes() == other.file.read_bytes()


def test_a_slide_is_one_series_of_one_pyramid(tmp_path: Path) -> None:
    levels = volumes_of(wrap_here(write_svs(tmp_path / "slide.svs"), a_slide_case()))
    for name in ("SeriesInstanceUID", "FrameOfReferenceUID", "PyramidUID", "StudyInstanceUID"):
        assert len({level[name].value for level in levels}) == 1
    assert len({level.SOPInstanceUID for level in levels}) == len(levels)
    assert levels[0].ContainerIdentifier == SPECIMEN["container"]
    steps = levels[0].SpecimenDescriptionSequence[0].SpecimenPreparationSequence
    assert [len(step.SpecimenPreparationStepContentItemSequence) for step in steps] == [5, 4]


@pytest.mark.parametrize("flavour", ["LABEL", "OVERVIEW", "THUMBNAIL"])
def test_the_other_pictures_of_a_real_svs(flavour: str) -> None:
    path = sample(SVS)
    (found,) = (each for each in objects_of(wrap_here(path, a_slide_case())) if each.ImageType[2] == flavour)
    with openslide.OpenSlide(path) as slide:
        associated = slide.associated_images[{"OVERVIEW": "macro"}.get(flavour, flavour.lower())]
    np.testing.assert_array_equal(pixels_of(found), np.asarray(associated)[..., :3])
    shows_label = flavour != "THUMBNAIL"
    assert (found.SpecimenLabelInImage == "YES") == (found.BurnedInAnnotation == "YES") == shows_label
    assert ("FrameOfReferenceUID" in found) != shows_label
    if flavour == "LABEL":
        assert found.BarcodeValue == SPECIMEN["container"]
        assert found.LossyImageCompression == "00"


def test_missing_levels_are_made_of_the_level_above(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "slide.tif", [tissue(4300, 700)], compressionargs={"level": 95})
    levels = volumes_of(wrap_here(path, a_slide_case(scan={"microns_per_pixel": 0.25})))
    sizes = [(each.TotalPixelMatrixColumns, each.TotalPixelMatrixRows) for each in levels]
    assert sizes == [(4300, 700), (1075, 175), (269, 44)]
    assert [each.ImageType[3] for each in levels] == ["NONE", "RESAMPLED", "RESAMPLED"]
    assert {(each.Columns, each.Rows) for each in levels} == {(256, 256)}
    assert levels[1].LossyImageCompressionMethod == ["ISO_10918_1", "ISO_10918_1"]
    whole = pixels_of(levels[0]).astype(float)
    for level, step in ((levels[1], 4), (levels[2], 16)):
        rows, columns = 700 // step, 4300 // step
        squares = whole[: rows * step, : columns * step].reshape(rows, step, columns, step, 3)
        assert np.abs(pixels_of(level)[:rows, :columns] - squares.mean(axis=(1, 3))).mean() < 2


@pytest.mark.parametrize(
    ("options", "samples"),
    [
        ({"compression": None}, 3),
        ({"compression": "lzw", "predictor": True}, 3),
        ({"compression": "deflate"}, 3),
        ({"compression": "deflate", "planarconfig": "separate"}, 3),
        ({"compression": "lzw", "byteorder": ">"}, 3),
        ({"compression": "lzw", "photometric": "minisblack"}, 1),
        ({"compression": "deflate", "photometric": "miniswhite", "deep": True}, 1),
    ],
)
def test_tiles_that_dicom_cannot_take_lose_nothing(
    options: dict[str, Any], samples: int, tmp_path: Path
) -> None:
    options = dict(options)
    order, is_deep = options.pop("byteorder", "<"), options.pop("deep", False)
    whole = tissue(700, 500)
    whole = whole if samples == 3 else whole[..., 0]
    expected = whole.astype(np.uint16) * 257 if is_deep else whole
    stored = expected
    if options.get("photometric") == "miniswhite":
        stored = np.iinfo(expected.dtype).max - expected
    if options.get("planarconfig") == "separate":
        stored = np.moveaxis(stored, -1, 0)
    path = tmp_path / "slide.tif"
    with tifffile.TiffWriter(path, byteorder=order) as file:
        file.write(stored, tile=(128, 128), metadata=None, **{"photometric": "rgb", **options})
    wrapping = wrap_here(path, a_slide_case(scan={"microns_per_pixel": 0.25}))
    assert_valid(wrapping)
    (level,) = volumes_of(wrapping)
    np.testing.assert_array_equal(pixels_of(level), expected)
    assert level.LossyImageCompression == "00"


@pytest.mark.parametrize("colours", ["RGB", "YBR_RCT", "YBR_ICT"])
def test_jpeg_2000_tiles_are_copied(colours: str, tmp_path: Path) -> None:
    whole = tissue(512, 512)
    tiles = [
        bytes(
            imagecodecs.jpeg2k_encode(
                whole[top : top + 256, left : left + 256],
                level=0 if colours != "YBR_ICT" else 40,
                reversible=colours != "YBR_ICT",
                mct=colours != "RGB",
                codecformat="j2k",
            )
        )
        for top in (0, 256)
        for left in (0, 256)
    ]
    path = tmp_path / "slide.svs"
    with tifffile.TiffWriter(path) as file:
        file.write(
            iter(tiles), shape=whole.shape, dtype=np.uint8, tile=(256, 256), photometric="rgb",
            compression="aperio_jp2000_rgb", description=APERIO.format(columns=512, rows=512), metadata=None,
        )  # fmt: skip
    wrapping = wrap_here(path, a_slide_case())
    assert_valid(wrapping)
    (level,) = volumes_of(wrapping)
    assert level.PhotometricInterpretation == colours
    found = generate_frames(level.PixelData, number_of_frames=4)
    assert [each[: len(tile)] for each, tile in zip(found, tiles, strict=True)] == tiles
    # Two libraries round an irreversible transform differently.
    np.testing.assert_allclose(pixels_of(level), by_openslide(path, 0), atol=int(colours == "YBR_ICT"))


def test_where_a_file_has_no_tile_there_is_white(tmp_path: Path) -> None:
    path = write_svs(tmp_path / "slide.svs")
    with tifffile.TiffFile(path, mode="r+") as file:
        counts = file.pages.first.tags["TileByteCounts"]
        counts.overwrite((0, *counts.value[1:]))
    whole = pixels_of(volumes_of(wrap_here(path, a_slide_case()))[0])
    assert whole[:256, :256].min() >= 254
    assert whole[:256, 256:].min() < 254


def test_a_real_ndpi_is_cut_at_its_restart_markers() -> None:
    path = sample("slide/test3-DAPI.ndpi")
    wrapping = wrap_here(path, a_slide_case())
    assert_valid(wrapping)
    levels = volumes_of(wrapping)
    for number, level in enumerate(levels):
        np.testing.assert_array_equal(pixels_of(level), by_openslide(path, number))
    assert levels[0].OpticalPathSequence[0].IlluminationTypeCodeSequence[0].CodeValue == "111743"
    assert levels[0].OpticalPathSequence[0].IlluminationWaveLength == 387
    (overview,) = (each for each in objects_of(wrapping) if each.ImageType[2] == "OVERVIEW")
    with openslide.OpenSlide(path) as slide:
        macro = np.asarray(slide.associated_images["macro"])[..., :3]
    np.testing.assert_array_equal(pixels_of(overview), macro)


@pytest.mark.parametrize("restart_blocks", [32, 64, 256])
def test_runs_are_put_together_to_tiles(restart_blocks: int, tmp_path: Path) -> None:
    whole = tissue(2048, 1301)
    path = write_ndpi(tmp_path / "slide.ndpi", whole, restart_blocks)
    (level, *_) = volumes_of(wrap_here(path, a_slide_case()))
    assert (level.TotalPixelMatrixColumns, level.TotalPixelMatrixRows) == (2048, 1301)
    assert level.NumberOfFrames > 1
    # OpenSlide leaves out a last row of blocks that is not whole, so the picture is its own witness.
    stored = path.read_bytes()
    expected = np.asarray(Image.open(BytesIO(stored[stored.index(b"\xff\xd8") :])))
    np.testing.assert_array_equal(pixels_of(level), expected)
    np.testing.assert_array_equal(expected[:1296], by_openslide(path, 0)[:1296])


def test_offsets_beyond_four_gigabytes_are_read(tmp_path: Path) -> None:
    """NDPI keeps their upper halves apart; the file is mostly hole."""
    path = write_ndpi(tmp_path / "slide.ndpi", tissue(512, 256), 64, first=5 * 1024**3)
    with Tiff(path) as file:
        (directory,) = file.directories()
        raster = raster_of(directory)
        assert raster.offsets.tolist() == [5 * 1024**3]
        found = cut(raster)
        assert found is not None
        (frame,) = found.frames
    assert Image.open(BytesIO(frame)).size == (512, 256)


def test_a_second_picture_of_the_same_size_is_told_and_left_out(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "slide.tif", [tissue(600, 500), tissue(600, 500), tissue(150, 125)])
    wrapping = wrap_here(path, a_slide_case(scan={"microns_per_pixel": 0.25}))
    assert [each.TotalPixelMatrixColumns for each in volumes_of(wrapping)] == [600, 150]
    assert "same size" in wrapping.notes[0]


def test_bytes_behind_a_tile_s_end_are_no_fault(tmp_path: Path) -> None:
    path = write_svs(tmp_path / "slide.svs")
    with tifffile.TiffFile(path, mode="r+") as file:
        page = file.pages.first
        at, counts = page.dataoffsets[0], page.tags["TileByteCounts"]
        file.filehandle.seek(at)
        stored = file.filehandle.read(counts.value[0])
        end = file.filehandle.seek(0, 2)
        file.filehandle.write(stored + b"\xff\xff\0padded")
        page.tags["TileOffsets"].overwrite((end, *page.dataoffsets[1:]))
        counts.overwrite((len(stored) + 9, *counts.value[1:]))
    level, *_ = volumes_of(wrap_here(path, a_slide_case()))
    np.testing.assert_array_equal(pixels_of(level), by_openslide(path, 0))
