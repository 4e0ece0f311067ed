"""Where the compressed frames of a DICOM file lie (PS3.5 §A.4), without reading them."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ologies.errors import Damaged
from ologies.writing import Stretch

_PIXEL_DATA = struct.pack("<HH", 0x7FE0, 0x0010)
_ITEM, _END = struct.pack("<HH", 0xFFFE, 0xE000), struct.pack("<HH", 0xFFFE, 0xE0DD)


def fragments_of(path: Path, at: int) -> Iterator[Stretch]:
    """Each, behind the offset table; `at` is where Pixel Data begins, in Explicit VR Little Endian.

    Raises Damaged where they do not follow one another to the end.
    """
    with path.open("rb") as file:
        size = path.stat().st_size
        file.seek(at)
        head = file.read(12)
        if head[:4] != _PIXEL_DATA or head[8:] != b"\xff\xff\xff\xff":
            raise Damaged("its pixels are not where they have to be")
        at += 12
        first = True
        while (length := _item(file, at)) is not None:
            if at + 8 + length > size:
                raise Damaged("it ends within its pixels")
            if not first:
                yield Stretch(path, at + 8, length)
            first = False
            at += 8 + length


def _item(file: BinaryIO, at: int) -> int | None:
    """Its length; None behind the last."""
    file.seek(at)
    head = file.read(8)
    if head[:4] == _END:
        return None
    if head[:4] != _ITEM or len(head) < 8:
        raise Damaged("its pixels are cut off, or broken")
    (length,) = struct.unpack("<I", head[4:])
    if length == 0xFFFFFFFF:
        raise Damaged("its pixels are cut off, or broken")
    return int(length)
