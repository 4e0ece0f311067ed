"""An object as a Part 10 file (PS3.10 §7), its pixels frame by frame (PS3.5 §A.4): nothing large is held."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomFileLike
from pydicom.filewriter import dcmwrite, write_file_meta_info
from pydicom.uid import UID, ExplicitVRLittleEndian

from ologies.errors import Damaged
from ologies.wrapped import Wrapped

#: Of everything that imx writes (PS3.7 §D.3.3.2); the archive's is the same.
IMPLEMENTATION_CLASS_UID = "2.25.212530056752052206698448233873160460206"
IMPLEMENTATION_VERSION_NAME = "IMX_0_1"

#: A fragment's length is four bytes, and even (PS3.5 §A.4); the largest says "undefined".
FRAGMENT_LIMIT_BYTES = 0xFFFFFFFE

_PIXEL_DATA = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF)
_NO_OFFSETS = struct.pack("<HHI", 0xFFFE, 0xE000, 0)
_END = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
_COPIED_AT_ONCE = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes of a file, too many to hold."""

    path: Path
    at: int
    length: int


@dataclass(frozen=True, slots=True)
class Joined:
    """Pieces that are one, one after another."""

    pieces: tuple[bytes | Stretch, ...]

    @property
    def length(self) -> int:
        """In bytes."""
        return sum(_length(each) for each in self.pieces)


Frame = bytes | Stretch | Joined


@dataclass(frozen=True, slots=True)
class Encapsulated:
    """Compressed pixels: each frame one fragment; of a video, the whole of it (PS3.5 §8.2.5)."""

    frames: Iterable[Frame]
    count: int
    has_table: bool = False  # an Extended Offset Table (7FE0,0001), which many frames are found by


@dataclass(frozen=True, slots=True)
class Made:
    """An object before it is written; its frames may be made only then."""

    dataset: Dataset  # whole, but for file meta and for what `pixels` holds
    transfer_syntax_uid: str = ExplicitVRLittleEndian
    pixels: Encapsulated | None = None
    notes: tuple[str, ...] = ()  # what a person should know of the conversion


def write(made: Made, into: Path) -> Wrapped:
    """Raises Damaged where the pixels are not what their source promised, OSError of the disk."""
    dataset = made.dataset
    path = into / f"{dataset.SOPInstanceUID}.dcm"
    with path.open("wb") as file:
        file.write(bytes(128) + b"DICM")
        write_file_meta_info(DicomFileLike(file), _meta(made))
        at = file.tell()
        dcmwrite(file, dataset, implicit_vr=False, little_endian=True, enforce_file_format=False)
        if made.pixels is not None:
            _write_pixels(file, made.pixels)
    return Wrapped(
        dataset.SOPClassUID,
        dataset.SOPInstanceUID,
        dataset.StudyInstanceUID,
        dataset.SeriesInstanceUID,
        made.transfer_syntax_uid,
        path,
        at,
    )


def _meta(made: Made) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = made.dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = made.dataset.SOPInstanceUID
    meta.TransferSyntaxUID = UID(made.transfer_syntax_uid)
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    return meta


def _write_pixels(file: BinaryIO, pixels: Encapsulated) -> None:
    """The table stands before the frames but is known after them: its place is kept, and filled last."""
    table_at = file.tell()
    if pixels.has_table:
        file.write(_table([0] * pixels.count, [0] * pixels.count))
    file.write(_PIXEL_DATA + _NO_OFFSETS)
    offsets, lengths, at = [], [], 0  # from the first byte after the (empty) Basic Offset Table
    for frame in pixels.frames:
        length = _length(frame)
        if length > FRAGMENT_LIMIT_BYTES:
            raise Damaged("a frame of it is larger than DICOM can hold (4 GB)")
        padded = length + length % 2
        file.write(struct.pack("<HHI", 0xFFFE, 0xE000, padded))
        write_frame(file, frame)
        if length % 2:
            file.write(b"\0")
        offsets.append(at)
        lengths.append(length)
        at += 8 + padded
    if len(offsets) != pixels.count:
        raise Damaged(f"it says that it has {pixels.count} frames, and has {len(offsets)}")
    file.write(_END)
    if pixels.has_table:
        file.seek(table_at)
        file.write(_table(offsets, lengths))


def _table(offsets: list[int], lengths: list[int]) -> bytes:
    """Extended Offset Table and its lengths (PS3.3 §C.7.6.3.1.8)."""
    return b"".join(
        struct.pack("<HH2sHI", 0x7FE0, element, b"OV", 0, 8 * len(values))
        + struct.pack(f"<{len(values)}Q", *values)
        for element, values in ((1, offsets), (2, lengths))
    )


def write_frame(file: BinaryIO, frame: Frame) -> None:
    """Its bytes alone."""
    for piece in frame.pieces if isinstance(frame, Joined) else (frame,):
        if isinstance(piece, Stretch):
            _copy(piece, file)
        else:
            file.write(piece)


def _length(frame: Frame) -> int:
    return len(frame) if isinstance(frame, bytes) else frame.length


def _copy(stretch: Stretch, file: BinaryIO) -> None:
    with stretch.path.open("rb") as source:
        source.seek(stretch.at)
        left = stretch.length
        while left:
            piece = source.read(min(left, _COPIED_AT_ONCE))
            if not piece:
                raise Damaged("it ends within its pixels")
            file.write(piece)
            left -= len(piece)
