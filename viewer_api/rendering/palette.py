"""Palette colour: look-up tables of red, green and blue (PS3.3 §C.7.6.3.1.5, §C.7.9)."""

import struct
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from viewer_api.rendering.lut import entries_of
from viewer_api.rendering.numbers import Bytes, integers
from viewer_api.rendering.pixels import Samples

_COLOURS = ("Red", "Green", "Blue")
_ENTRY_LIMIT = 65_536


@dataclass(frozen=True, slots=True)
class Palette:
    """A colour for each value from `first` on; values before and behind have the first and the last."""

    first: int
    colours: Bytes  # (entries, 3)

    def of(self, samples: Samples) -> Bytes:
        """The colour of each."""
        places = np.clip(np.asarray(samples).astype(np.int64) - self.first, 0, len(self.colours) - 1)
        return np.asarray(self.colours[places], np.uint8)


def read_palette(found: Dataset) -> Palette:
    """The Palette Color Lookup Tables of a data set, plain or segmented."""
    tables = []
    bits = 8
    first = 0
    for colour in _COLOURS:
        count, first, of_each = integers(found, f"{colour}PaletteColorLookupTableDescriptor")[:3]
        count = count or _ENTRY_LIMIT
        if found.get("PixelRepresentation") == 1 and first >= 32_768:
            first -= 65_536
        if (segmented := found.get(f"Segmented{colour}PaletteColorLookupTableData")) is not None:
            entries = np.asarray(expanded(segmented, of_each, count), np.float64)
        else:
            entries, _ = entries_of(found[f"{colour}PaletteColorLookupTableData"].value, count, of_each)
        tables.append(entries)
        bits = max(bits, of_each)
    if len({len(each) for each in tables}) > 1:
        raise ValueError("the three tables differ in length")
    colours = np.stack(tables, axis=-1)
    if bits > 8 and colours.max() > 255:  # some say 16 bits, and mean 8
        colours = np.floor(colours / 2.0 ** (bits - 8))
    return Palette(first, np.clip(colours, 0, 255).astype(np.uint8))


def expanded(raw: bytes, bits: int, limit: int = _ENTRY_LIMIT) -> list[int]:
    """The entries of segmented data (PS3.3 §C.7.9.2): discrete, linear and indirect segments.

    Raises ValueError where they make no sense, or more entries than `limit`.
    """
    size = 1 if bits <= 8 else 2
    words = struct.unpack(f"<{len(raw) // size}{'B' if size == 1 else 'H'}", raw[: len(raw) // size * size])
    entries: list[int] = []
    _run(words, 0, len(words), size, entries, limit)
    return entries


def _run(
    words: tuple[int, ...], start: int, stop: int, size: int, entries: list[int], limit: int, many: int = 0
) -> None:
    """Segments from `start`: up to `stop`, or so many of them."""
    done = 0
    while start + 1 < stop and len(entries) < limit and (not many or done < many):
        kind, length = words[start], words[start + 1]
        start += 2
        if kind == 0:
            entries += words[start : start + length]
            start += length
        elif kind == 1:
            if not entries or start >= stop:
                raise ValueError("a linear segment follows nothing")
            before, after = entries[-1], words[start]
            entries += [int(before + (after - before) * step / length + 0.5) for step in range(1, length + 1)]
            start += 1
        elif kind == 2 and not many:
            low, high = (_offset(words, start, size, half) for half in (0, 1))
            _run(words, (high << 16 | low) // size, stop, size, entries, limit, many=length)
            start += 2 if size == 2 else 4
        else:
            raise ValueError("a segment of no known kind")
        done += 1
    if len(entries) > limit:
        raise ValueError("more entries than the descriptor says")


def _offset(words: tuple[int, ...], start: int, size: int, half: int) -> int:
    """Half of the byte offset to the segments that are used once more."""
    if size == 2:
        return words[start + half]
    return words[start + 2 * half] | words[start + 2 * half + 1] << 8


def supplemental(found: Dataset) -> Palette | None:
    """The colours of high values in an image that else is grey (PS3.3 §C.7.6.19)."""
    if found.get("PixelPresentation") not in ("COLOR", "MIXED"):
        return None
    return read_palette(found) if "RedPaletteColorLookupTableDescriptor" in found else None
