"""Overlay planes: bitmaps over a picture (PS3.3 §C.9)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from storage.errors import Unreadable
from viewer_api.rendering.numbers import Mask
from viewer_api.rendering.pixels import Samples

_GROUPS = frozenset(range(0x6000, 0x6020, 2))
_ROWS, _COLUMNS, _FRAMES, _TYPE, _ORIGIN, _FIRST_FRAME = 0x0010, 0x0011, 0x0015, 0x0040, 0x0050, 0x0051
_ALLOCATED, _POSITION, _LAYER, _DATA = 0x0100, 0x0102, 0x1001, 0x3000
_BITS_LIMIT = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Plane:
    """What one overlay marks of a frame."""

    group: int
    marked: Mask  # as large as the picture
    layer: str  # on which graphic layer a presentation state shows it; "" where none is named
    is_region: bool = False  # Overlay Type R, of which the outline is drawn: what is inside is to be seen

    @property
    def drawn(self) -> Mask:
        """What of it covers the picture."""
        if not self.is_region:
            return self.marked
        inside = self.marked.copy()
        for axis in (0, 1):
            for step in (1, -1):
                inside &= np.roll(self.marked, step, axis)
        return self.marked & ~inside


def planes(found: Dataset, number: int, raw: Samples | None, size: tuple[int, int]) -> Iterator[Plane]:
    """The overlays of frame `number`, from one, of a picture of `size` (rows, columns)."""
    for group in sorted({tag >> 16 for tag in found.keys()} & _GROUPS):  # noqa: SIM118 -- its items are elements
        plane = _plane(found, group, number, raw, size)
        if plane is not None:
            yield plane


def _plane(
    found: Dataset, group: int, number: int, raw: Samples | None, size: tuple[int, int]
) -> Plane | None:
    layer, kind = (
        str(found[group, each].value or "").strip() if (group, each) in found else ""
        for each in (_LAYER, _TYPE)
    )
    if (group, _DATA) not in found:
        position = _number(found, group, _POSITION, 0)
        if (group, _POSITION) not in found or raw is None or raw.shape != size:
            return None
        stored = int(found.get("BitsStored", 16))
        high = int(found.get("HighBit", stored - 1))
        if not 0 <= position < raw.dtype.itemsize * 8 or high - stored < position <= high:
            return None  # not an unused bit: a picture's own
        unsigned = np.asarray(raw).view(f"u{raw.dtype.itemsize}")
        return Plane(group, (unsigned >> position & 1).astype(bool), layer, kind == "R")
    rows, columns = _number(found, group, _ROWS, size[0]), _number(found, group, _COLUMNS, size[1])
    frames, first = _number(found, group, _FRAMES, 1), _number(found, group, _FIRST_FRAME, 1)
    index = number - first
    if (group, _FRAMES) not in found or frames <= 1:
        index = 0  # one plane is over every frame
    if not 0 <= index < max(1, frames) or rows < 1 or columns < 1:
        return None
    bits = _bits(found[group, _DATA].value, index * rows * columns, rows * columns)
    marked = _placed(bits.reshape(rows, columns), _origin(found, group), size)
    return Plane(group, marked, layer, kind == "R")


def _bits(data: object, first: int, count: int) -> Mask:
    """Single bits, the least significant first (PS3.5 §8.1.2)."""
    if not isinstance(data, bytes) or count > _BITS_LIMIT:
        raise Unreadable("an overlay cannot be read")
    part = np.frombuffer(data[first // 8 : (first + count + 7) // 8], np.uint8)
    found = np.unpackbits(part, bitorder="little")[first % 8 : first % 8 + count]
    if len(found) < count:
        found = np.pad(found, (0, count - len(found)))
    return found.astype(bool)


def _placed(bits: Mask, origin: tuple[int, int], size: tuple[int, int]) -> Mask:
    """Where the plane lies over the picture: it may begin before it, and end behind."""
    marked = np.zeros(size, bool)
    top, left = origin[0] - 1, origin[1] - 1
    rows = slice(max(0, top), max(0, min(size[0], top + bits.shape[0])))
    columns = slice(max(0, left), max(0, min(size[1], left + bits.shape[1])))
    part = bits[max(0, -top) :, max(0, -left) :]
    wanted = marked[rows, columns]
    marked[rows, columns] = part[: wanted.shape[0], : wanted.shape[1]]
    return marked


def _origin(found: Dataset, group: int) -> tuple[int, int]:
    """Row and column of the first bit, from one."""
    value = found[group, _ORIGIN].value if (group, _ORIGIN) in found else None
    if value is None or isinstance(value, int) or len(value) != 2:
        return 1, 1
    return int(value[0]), int(value[1])


def _number(found: Dataset, group: int, element: int, otherwise: int) -> int:
    value = found[group, element].value if (group, element) in found else None
    return int(value) if isinstance(value, int | str) and str(value).strip() else otherwise
