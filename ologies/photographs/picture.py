"""A photograph file: its picture upright, in a transfer syntax that loses nothing more, and what it says."""

import math
import warnings
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pi_heif
from numpy.typing import NDArray
from PIL import Image, ImageOps
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit

from ologies.case import Device
from ologies.codestreams import read_picture
from ologies.errors import Damaged
from ologies.photographs.jpeg import without_metadata
from ologies.recognition import Kind
from ologies.settled import Said

#: Half a gigabyte of samples; the largest cameras have 150 million pixels.
PIXEL_LIMIT = 200_000_000
PHOTOGRAPH_LIMIT_BYTES = 512 * 1024 * 1024

#: What each kind is, to the library that reads it, so that it does not guess again.
FORMATS = {Kind.JPEG: "JPEG", Kind.PNG: "PNG", Kind.TIFF: "TIFF", Kind.WEBP: "WEBP", Kind.HEIC: "HEIF"}
PHOTOGRAPH_KINDS = frozenset(FORMATS)

#: Kinds that lose something, by Lossy Image Compression Method (0028,2114). A TIFF's JPEG is not looked for.
_METHODS = {Kind.JPEG: "ISO_10918_1", Kind.HEIC: "ISO_23008_2", Kind.WEBP: "WEBP"}

_EXIF, _MAKE, _MODEL, _SOFTWARE, _ORIENTATION = 0x8769, 0x010F, 0x0110, 0x0131, 0x0112
_TAKEN, _TAKEN_ZONE, _SERIAL = 0x9003, 0x9011, 0xA431

pi_heif.register_heif_opener(thumbnails=False)


@dataclass(frozen=True, slots=True)
class Picture:
    """Pixels as they will be kept, one frame."""

    columns_px: int
    rows_px: int
    bits: int  # of a sample: 8 or 16
    photometric: str
    transfer_syntax_uid: str
    frame: bytes
    lossy: tuple[str, float] | None  # how it was compressed before, and how much
    colour_profile: bytes | None  # ICC

    @property
    def samples(self) -> int:
        """Of a pixel."""
        return 1 if self.photometric == "MONOCHROME2" else 3


@dataclass(frozen=True, slots=True)
class ReadPhotograph:
    """One file."""

    picture: Picture
    said: Said
    notes: tuple[str, ...]


def read_photograph(path: Path, kind: Kind) -> ReadPhotograph:
    """Raises Damaged for a file that does not hold the picture it announces."""
    if path.stat().st_size > PHOTOGRAPH_LIMIT_BYTES:
        raise Damaged(f"it is larger than a photograph is taken to be ({PHOTOGRAPH_LIMIT_BYTES:,} bytes)")
    content = path.read_bytes()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(BytesIO(content), formats=(FORMATS[kind],)) as image:
                if math.prod(image.size) > PIXEL_LIMIT:
                    raise Damaged(f"it announces more than {PIXEL_LIMIT:,} pixels")
                if getattr(image, "n_frames", 1) > 1 and kind is not Kind.HEIC:
                    raise Damaged("it holds several pictures: give each as a file of its own")
                image.load()
                exif = image.getexif()
                picture, notes = _picture(image, exif.get(_ORIENTATION, 1), kind, content)
    except Damaged:
        raise
    except Exception as error:  # the decoders' own troubles with what a hostile file says
        raise Damaged(f"its {kind.value} cannot be read ({type(error).__name__})") from error
    return ReadPhotograph(picture, said_by_exif(exif), notes)


def upright(path: Path, into: Path) -> Path:
    """A JPEG alone, turned as its camera said, as a JPEG 2000 lossless codestream in a file of the folder.

    Raises Damaged.
    """
    made = into / "upright"
    made.write_bytes(read_photograph(path, Kind.JPEG).picture.frame)
    return made


def _picture(
    image: Image.Image, orientation: int, kind: Kind, content: bytes
) -> tuple[Picture, tuple[str, ...]]:
    profile = image.info.get("icc_profile") or None
    ratio = math.prod(image.size) * len(image.getbands()) / len(content)
    lossy = (_METHODS[kind], ratio) if kind in _METHODS else None
    kept = _as_it_is(content, lossy, profile) if kind is Kind.JPEG and orientation == 1 else None
    if kept is not None:
        return kept, ()
    notes = []
    if kind is Kind.HEIC:
        upright = image  # its reader has turned it
    else:
        upright = ImageOps.exif_transpose(image)
        if orientation != 1:
            notes.append("turned upright as its camera said, and kept without further loss")
    pixels, photometric, note = pixels_of(upright)
    return lossless(pixels, photometric, lossy, profile), (*notes, *note)


def _as_it_is(content: bytes, lossy: tuple[str, float] | None, profile: bytes | None) -> Picture | None:
    """A bitstream that JPEG Baseline takes (PS3.5 §A.4.1); None for a progressive one, or one in CMYK."""
    try:
        found = read_picture(lambda start, stop: content[start:stop], len(content))
    except Damaged:
        return None
    if found.transfer_syntax != JPEGBaseline8Bit:
        return None
    # VL images have no other word for chroma, as fine as luma or not (PS3.3 §C.8.12.1).
    photometric = "YBR_FULL_422" if found.photometric == "YBR_FULL" else found.photometric
    stream = without_metadata(content)
    return Picture(
        found.columns, found.rows, found.bits, photometric, JPEGBaseline8Bit, stream, lossy, profile
    )


def pixels_of(image: Image.Image) -> tuple[NDArray[Any], str, tuple[str, ...]]:
    """Its samples, Photometric Interpretation, and what a person should know. Raises Damaged."""
    if image.mode in ("L", "1"):
        return np.asarray(image.convert("L")), "MONOCHROME2", ()
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype("<u2"), "MONOCHROME2", ()
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
        return np.asarray(image.convert("RGB")), "RGB", ("what was transparent is white",)
    if image.mode in ("RGB", "P", "YCbCr", "CMYK", "LAB"):
        note = ("its colours were converted from CMYK",) if image.mode == "CMYK" else ()
        return np.asarray(image.convert("RGB")), "RGB", note
    raise Damaged(f"its pixels ({image.mode}) are not those of a photograph")


def lossless(
    pixels: NDArray[Any], photometric: str, lossy: tuple[str, float] | None, profile: bytes | None
) -> Picture:
    """Pixels as JPEG 2000, where nothing more is lost. Raises Damaged."""
    rows, columns = pixels.shape[:2]
    if not (0 < rows <= 0xFFFF and 0 < columns <= 0xFFFF):
        raise Damaged("it has more pixels on a side than DICOM can say (65,535)")
    frame = imagecodecs.jpeg2k_encode(pixels, level=0, reversible=True, codecformat="j2k")
    kept_as = "YBR_RCT" if photometric == "RGB" else photometric
    bits = pixels.dtype.itemsize * 8
    return Picture(columns, rows, bits, kept_as, JPEG2000Lossless, bytes(frame), lossy, profile)


def said_by_exif(exif: Image.Exif, taken_at: datetime | None = None) -> Said:
    """When it was taken (`taken_at` where it does not say) and with what: no position, no owner, no name."""
    inside = exif.get_ifd(_EXIF)
    return Said(
        at=_taken(str(inside.get(_TAKEN, "")), str(inside.get(_TAKEN_ZONE, ""))) or taken_at,
        device=Device(
            manufacturer=_text(exif.get(_MAKE)),
            model=_text(exif.get(_MODEL)),
            serial_number=_text(inside.get(_SERIAL)),
            software=_text(exif.get(_SOFTWARE)),
        ),
    )


def _taken(text: str, zone: str) -> datetime | None:
    for layout, said in (
        ("%Y:%m:%d %H:%M:%S%z", text.strip() + zone.strip()),
        ("%Y:%m:%d %H:%M:%S", text.strip()),
    ):
        try:
            return datetime.strptime(said, layout)  # noqa: DTZ007 -- a camera without a zone says none
        except ValueError:
            continue
    return None


def _text(said: object) -> str | None:
    plain = "".join(each if each.isprintable() and each != "\\" else " " for each in str(said or ""))
    return " ".join(plain.split())[:64] or None
