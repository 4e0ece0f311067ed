"""What a frame is: its bytes, and what the header says of them (PS3.3 §C.7.6.3)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from storage.errors import Unreadable
from storage.syntaxes import DEFLATED_FRAMES, ENCAPSULATED_UNCOMPRESSED

if TYPE_CHECKING:
    from pydicom.dataset import Dataset  # the processes in which codecs run do without

#: Of one frame, native. Larger ones are neither decoded nor encoded: whoever claims 65535 x 65535 is refused
#: before anything is allocated.
FRAME_LIMIT_BYTES = 256 * 1024 * 1024

SAMPLES_PER_PIXEL = 0x00280002
PHOTOMETRIC_INTERPRETATION = 0x00280004
PLANAR_CONFIGURATION = 0x00280006
NUMBER_OF_FRAMES = 0x00280008
ROWS = 0x00280010
COLUMNS = 0x00280011
BITS_ALLOCATED = 0x00280100
BITS_STORED = 0x00280101
HIGH_BIT = 0x00280102
PIXEL_REPRESENTATION = 0x00280103


@dataclass(frozen=True, slots=True)
class ImagePixel:
    """The attributes that say how one frame is laid out. Spelt as the standard does."""

    rows: int
    columns: int
    samples: int = 1  # Samples per Pixel
    bits_allocated: int = 16
    bits_stored: int = 16
    high_bit: int = 15
    is_signed: bool = False  # Pixel Representation
    photometric: str = "MONOCHROME2"
    is_planar: bool = False  # Planar Configuration 1: all of one colour, then all of the next
    is_float: bool = False  # Float or Double Float Pixel Data

    @property
    def is_halved(self) -> bool:
        """YBR_FULL_422, native: two pixels share their chroma (PS3.3 §C.7.6.3.1.2)."""
        return self.photometric == "YBR_FULL_422" and self.samples == 3

    @property
    def frame_bits(self) -> int:
        """Of one native frame. Frames of single bits need not begin at a whole byte (PS3.5 §8.1.1)."""
        return self.rows * self.columns * (2 if self.is_halved else self.samples) * self.bits_allocated

    @property
    def frame_bytes(self) -> int:
        """Of one native frame that stands alone."""
        return (self.frame_bits + 7) // 8

    @property
    def dtype(self) -> "np.dtype[Any]":
        """Of one sample of a native frame."""
        letter = "f" if self.is_float else "i" if self.is_signed else "u"
        return np.dtype(f"<{letter}{max(1, self.bits_allocated // 8)}")

    def check(self) -> None:
        """Raises Unreadable where no frame can be like this, or none that fits here."""
        if not (self.rows and self.columns and self.samples in (1, 3, 4)):
            raise Unreadable("the header says of no size that a frame can have")
        if self.bits_allocated not in (1, 8, 16, 32, 64) or (self.is_float and self.bits_allocated < 32):
            raise Unreadable(f"{self.bits_allocated} bits allocated for a sample")
        if not 0 < self.bits_stored <= self.bits_allocated:
            raise Unreadable(f"{self.bits_stored} bits stored of {self.bits_allocated}")
        if self.rows * self.columns * self.samples * self.dtype.itemsize > FRAME_LIMIT_BYTES:
            raise Unreadable(f"a frame of more than {FRAME_LIMIT_BYTES:,} bytes")


class Frame(NamedTuple):
    """One frame, and how it is laid out once it is native."""

    data: bytes
    pixel: ImagePixel


def native(pixel: ImagePixel, syntax: str) -> ImagePixel:
    """How a frame of that transfer syntax is laid out once it is decoded (PS3.5 §8.2).

    Colour by pixel. What a JPEG halved is whole again, and a colour transform within JPEG 2000 is undone. Two
    syntaxes hold the bytes of a native frame, whatever those are.
    """
    if syntax in (ENCAPSULATED_UNCOMPRESSED, DEFLATED_FRAMES):
        return pixel
    photometric = pixel.photometric
    if photometric == "YBR_FULL_422":
        photometric = "YBR_FULL"
    elif photometric in ("YBR_RCT", "YBR_ICT"):
        photometric = "RGB"
    return replace(pixel, photometric=photometric, is_planar=False)


def image_pixel(value: Callable[[int], Any], is_float: bool | None = None) -> ImagePixel:
    """From whatever gives the value of an attribute, or None. Raises Unreadable.

    Where nobody knows whether the pixel data are floating, what is allocated tells (PS3.3 §C.7.6.24).
    """

    def number(tag: int, default: int | None = None) -> int:
        found = value(tag)
        if found is None or found == "":
            found = default
        if not isinstance(found, int | np.integer):
            raise Unreadable(f"no number in {tag:08X}, without which no frame can be read")
        return int(found)

    bits_allocated = number(BITS_ALLOCATED)
    if is_float is None:
        is_float = bits_allocated in (32, 64) and value(PIXEL_REPRESENTATION) is None
    bits_stored = number(BITS_STORED, bits_allocated)
    return ImagePixel(
        rows=number(ROWS),
        columns=number(COLUMNS),
        samples=number(SAMPLES_PER_PIXEL, 1),
        bits_allocated=bits_allocated,
        bits_stored=bits_stored,
        high_bit=number(HIGH_BIT, bits_stored - 1),
        is_signed=number(PIXEL_REPRESENTATION, 0) == 1,
        photometric=str(value(PHOTOMETRIC_INTERPRETATION) or "MONOCHROME2").strip(),
        is_planar=number(PLANAR_CONFIGURATION, 0) == 1,
        is_float=is_float,
    )


def of_data_set(found: "Dataset") -> ImagePixel:
    """From pydicom's data set. Raises Unreadable."""
    is_float = False if "PixelData" in found else None
    return image_pixel(lambda tag: found[tag].value if tag in found else None, is_float)


def of_members(members: Mapping[str, Any]) -> ImagePixel:
    """From the members of DICOM JSON (PS3.18 §F). Raises Unreadable."""
    return image_pixel(lambda tag: next(iter(members.get(f"{tag:08X}", {}).get("Value", ())), None))
