"""Look-up tables of a data set (PS3.3 §C.11.1, §C.11.2, §C.11.6)."""

from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from viewer_api.rendering.numbers import Values, integers


@dataclass(frozen=True, slots=True)
class Lut:
    """Entries for values from `first` on; values before and behind have the first and the last."""

    first: int
    entries: Values
    bits: int  # of an entry

    def of(self, values: Values) -> Values:
        """The entry of each value."""
        places = np.clip(np.nan_to_num(values) - self.first, 0, len(self.entries) - 1)
        return self.entries[places.astype(np.intp)]

    def shown(self, values: Values) -> Values:
        """The entry of each value, from 0 to 1."""
        return self.of(values) / (2.0**self.bits - 1)


def read_lut(item: Dataset, *, is_signed: bool = False) -> Lut:
    """Of LUT Descriptor and LUT Data in an item of a LUT sequence.

    `is_signed` is of the values that are looked up: it reads a first value that is written without its sign.
    """
    count, first, bits = integers(item, "LUTDescriptor")[:3]
    count = count or 65_536
    if is_signed and first >= 32_768:
        first -= 65_536
    return Lut(first, *entries_of(item["LUTData"].value, count, bits))


def entries_of(data: object, count: int, bits: int) -> tuple[Values, int]:
    """The entries, and how many bits they are of: what is written says more than the descriptor does.

    Entries of 8 bits come two in a word (PS3.3 §C.7.6.3.1.6), or one in a word each.
    """
    if isinstance(data, bytes | bytearray):
        is_packed = bits <= 8 and len(data) <= count + 1
        raw = np.frombuffer(data, "u1" if is_packed else "<u2", count=-1 if is_packed else len(data) // 2)
    else:
        raw = np.atleast_1d(np.asarray(data, np.int64)).astype(np.uint16)
        if bits <= 8 and len(raw) < count <= 2 * len(raw):
            raw = raw.astype("<u2").view(np.uint8)
    entries = raw[:count].astype(np.float64)
    if not entries.size:
        raise ValueError("a table without entries")
    return entries, max(bits, int(entries.max()).bit_length(), 1)
