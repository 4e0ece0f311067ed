"""Elements met before, recognised by their bytes.

The instances of a series share most of their header to the byte: the same manufacturer, protocol,
orientation. What such an element says was worked out for the first of them; for the others one look by its
bytes is enough, and one look for a run of elements that stood together before.
"""

import struct
from functools import cache

from storage.dicom_json import READING_TAGS, Member
from storage.elements import Element, Encoding

#: Longer values (descriptions, UIDs of images) seldom come again.
_VALUE_BYTES = 64
_REMEMBERED = 20_000
_HEADER_BYTES = 8
#: Of one run, and how many runs.
_RUN_BYTES = 4096
_RUNS = 500

_NUMERIC = frozenset({"US", "SS", "UL", "SL", "FL", "FD", "AT"})


class Recall:
    """The elements of data sets in one encoding that were met before. Shared by all threads of a process.

    Only what means the same wherever it stands is remembered: short, in ASCII, and not one of those that
    change how others are read. Members are shared: nobody changes one.
    """

    def __init__(self, encoding: Encoding) -> None:
        self._length = struct.Struct("<H" if encoding.explicit else "<I").unpack_from
        self._length_at = 6 if encoding.explicit else 4
        self._known: dict[bytes, tuple[str, Member]] = {}
        self._runs: dict[bytes, tuple[bytes, dict[str, Member]]] = {}  # by their first element

    def take(self, data: bytes, position: int, members: dict[str, Member]) -> int:
        """Put the elements from `position` on that are known into `members`; where the first other begins.

        A long value representation keeps its length elsewhere and reads as 0 here: eight bytes that are
        never remembered.
        """
        known, runs, length_of, length_at = self._known, self._runs, self._length, self._length_at
        last = len(data) - _HEADER_BYTES
        begun, run = position, dict[str, Member]()
        while position <= last:
            (length,) = length_of(data, position + length_at)
            if length > _VALUE_BYTES:
                break
            raw = data[position : position + _HEADER_BYTES + length]
            if not run and (met := runs.get(raw)) is not None and data.startswith(met[0], position):
                members.update(met[1])
                begun = position = position + len(met[0])
                continue
            found = known.get(raw)
            if found is None:
                break
            members[found[0]] = run[found[0]] = found[1]
            position += len(raw)
            if position - begun > _RUN_BYTES:
                self._remember_run(data[begun:position], run)
                begun, run = position, {}
        if len(run) > 1:
            self._remember_run(data[begun:position], run)
        return position

    def _remember_run(self, raw: bytes, run: dict[str, Member]) -> None:
        (length,) = self._length(raw, self._length_at)
        if len(self._runs) >= _RUNS:
            self._runs.clear()
        self._runs[raw[: _HEADER_BYTES + length]] = raw, run

    def remember(self, data: bytes, position: int, element: Element, member: Member) -> None:
        """An element that was just read, beginning at `position`, if it may be recognised."""
        short = element.offset - position == _HEADER_BYTES and 0 < element.length <= _VALUE_BYTES
        if not short or "Value" not in member or element.tag in READING_TAGS:
            return
        raw = data[position : element.offset + element.length]
        if len(raw) != _HEADER_BYTES + element.length:
            return  # `data` are only the beginning, and end within it
        if element.vr in _NUMERIC or (raw[_HEADER_BYTES:].isascii() and b"\x1b" not in raw[_HEADER_BYTES:]):
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[raw] = f"{element.tag:08X}", member


@cache
def recall_for(encoding: Encoding) -> Recall | None:
    """The memory of this process for an encoding; None for big endian, which is rare."""
    return Recall(encoding) if encoding.little else None
