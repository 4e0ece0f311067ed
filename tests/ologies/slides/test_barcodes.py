"""A label's barcode stops a file that it disagrees with, and is taken where nobody else says what it is."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom import dcmread

from ologies.errors import Asked
from ologies.slides.barcodes import read_barcodes
from ologies.slides.container import container_of
from tests.ologies.material import wrap_here
from tests.ologies.slides.material import APERIO, SPECIMEN, a_slide_case, tissue

CONTAINER = "S26-100;A;1;1"  # of SPECIMEN


def label(*texts: str, kind: str = "DataMatrix") -> NDArray[Any]:
    """A sticker of 400 by 400 with barcodes under one another."""
    sticker = np.full((400, 400, 3), 240, dtype=np.uint8)
    for number, text in enumerate(texts):
        code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat[kind]).to_image(scale=4)
        printed = np.asarray(code).squeeze()[..., None]
        top = 20 + 190 * number
        sticker[top : top + len(printed), 30 : 30 + printed.shape[1]] = printed
    return sticker


def slide(folder: Path, sticker: NDArray[Any], header: str = "") -> Path:
    path = folder / "slide"
    whole = tissue(600, 500)
    with tifffile.TiffWriter(path) as file:
        said: dict[str, Any] = {"photometric": "rgb", "metadata": None}
        first = APERIO.format(columns=600, rows=500) + header
        file.write(whole, tile=(256, 256), compression="jpeg", description=first, **said)
        file.write(whole[::4, ::4], description="Aperio\nthumbnail", **said)
        file.write(sticker, compression="lzw", description="Aperio\nlabel 400x400", subfiletype=1, **said)
    return path


def test_a_label_that_agrees_is_no_matter(tmp_path: Path) -> None:
    wrapping = wrap_here(slide(tmp_path, label(CONTAINER)), a_slide_case())
    assert not wrapping.notes
    assert dcmread(wrapping.objects[0].file).ContainerIdentifier == CONTAINER


@pytest.mark.parametrize(("header", "container"), [("", CONTAINER), ("|Barcode = S26-100;A;1;1", None)])
def test_a_label_that_disagrees_stops_the_file(header: str, container: str | None, tmp_path: Path) -> None:
    specimen = SPECIMEN | {"container": container}
    with pytest.raises(Asked) as asked:
        wrap_here(slide(tmp_path, label("S26-999;A;1;1"), header), a_slide_case(specimen=specimen))
    assert asked.value.contradicted == ("specimen.container",)
    assert "S26" not in str(asked.value)


def test_a_label_alone_says_what_the_container_is_and_the_outcome_says_so(tmp_path: Path) -> None:
    nothing = a_slide_case(specimen={})
    wrapping = wrap_here(slide(tmp_path, label(CONTAINER)), nothing)
    assert dcmread(wrapping.objects[0].file).ContainerIdentifier == CONTAINER
    assert "barcode of its label" in wrapping.notes[0]
    for sticker in (label(), label(CONTAINER, "S26-999;A;1;1")):
        with pytest.raises(Asked) as asked:
            wrap_here(slide(tmp_path, sticker), nothing)
        assert asked.value.missing == ("specimen.container (the slide's barcode)",)


@pytest.mark.parametrize("kind", ["DataMatrix", "QRCode", "Code128", "PDF417", "Aztec"])
@pytest.mark.parametrize("turns", [0, 1])
def test_what_laboratories_print_is_read(kind: str, turns: int) -> None:
    code = zxingcpp.create_barcode("S26-100;A;1;1", zxingcpp.BarcodeFormat[kind]).to_image(scale=3)
    printed = np.pad(np.asarray(code).squeeze(), 40, constant_values=255)
    assert read_barcodes(np.rot90(printed, turns)) == ("S26-100;A;1;1",)
    assert read_barcodes(np.rot90(printed.astype(np.uint16) << 8, turns)) == ("S26-100;A;1;1",)


words = st.sampled_from(["", "A 1", "a1", "B2", "C3"])


@given(by_case=words, by_header=words, barcodes=st.lists(words.filter(bool), max_size=3))
def test_nothing_is_chosen_between_two_that_disagree(
    by_case: str, by_header: str, barcodes: list[str]
) -> None:
    found = container_of(by_case or None, by_header, barcodes)
    told = {each.casefold().replace(" ", "") for each in (by_case, by_header) if each}
    shown = {each.casefold().replace(" ", "") for each in barcodes}
    assert found.is_contradicted == (len(told) > 1 or bool(told and shown and not told <= shown))
    assert found.is_asked == (not told and len(barcodes) != 1)
    assert found.is_read == (not told and len(barcodes) == 1)
    assert bool(found.identifier) != found.is_asked
