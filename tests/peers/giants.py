"""Instances too large to hold in memory, written to disk as they are made."""

import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import chain
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    EncapsulatedPDFStorage,
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
)

from benchmarks.phantoms import new_uid

#: A frame of most of these: 1024 by 1024 pixels of a byte.
SIDE_PX = 1024
FRAME = SIDE_PX * SIDE_PX

_UNDEFINED = 0xFFFFFFFF
_END_OF_SEQUENCE = struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)


@dataclass(frozen=True, slots=True)
class Giant:
    """A file, and where it belongs."""

    path: Path
    study_uid: str
    series_uid: str
    instance_uid: str


def native(path: Path, size: int) -> Giant:
    """Frames of noise, uncompressed."""
    return _write(path, _image(size // FRAME), ExplicitVRLittleEndian, _frames(size, _noise(0xFF)))


def deflated(path: Path, size: int) -> Giant:
    """Frames that deflate to about half."""
    return _write(path, _image(size // FRAME), DeflatedExplicitVRLittleEndian, _frames(size, _noise(0x0F)))


def bomb(path: Path, size: int) -> Giant:
    """Frames of nothing, which deflate to a thousandth."""
    return _write(path, _image(size // FRAME), DeflatedExplicitVRLittleEndian, _frames(size, bytes(FRAME)))


def document(path: Path, size: int) -> Giant:
    """An encapsulated document (PS3.3 §A.45.1)."""
    head = _head(EncapsulatedPDFStorage, "DOC")
    head.MIMETypeOfEncapsulatedDocument = "application/pdf"
    value = chain([_long(0x0042, 0x0011, b"OB", size)], _repeated(_noise(0xFF), size))
    return _write(path, head, ExplicitVRLittleEndian, value)


def fragmented(path: Path, fragments: int) -> Giant:
    """A frame a fragment, without an offset table (PS3.5 §A.4)."""
    frame = _item(b"\xff\xd8" + bytes(60) + b"\xff\xd9")
    opening = _long(0x7FE0, 0x0010, b"OB", _UNDEFINED) + _item(b"")
    value = chain([opening], (frame for _ in range(fragments)), [_END_OF_SEQUENCE])
    return _write(path, _image(fragments), JPEGBaseline8Bit, value)


def functional_groups(path: Path, frames: int) -> Giant:
    """An enhanced image whose frames each have a place of their own (PS3.3 §C.7.6.16)."""
    head = _image(frames)
    head.SOPClassUID = EnhancedCTImageStorage
    head.Rows = head.Columns = 1
    pixels = bytes(frames + frames % 2)
    value = chain(
        [_long(0x5200, 0x9230, b"SQ", _UNDEFINED)],
        (_item(_place(number)) for number in range(frames)),
        [_END_OF_SEQUENCE, _long(0x7FE0, 0x0010, b"OB", len(pixels)), pixels],
    )
    return _write(path, head, ExplicitVRLittleEndian, value)


def _place(number: int) -> bytes:
    """Plane Position Sequence (0020,9113) with one item."""
    text = f"0\\0\\{number}".encode()
    text += b" " * (len(text) % 2)
    inside = _item(struct.pack("<HH2sH", 0x0020, 0x0032, b"DS", len(text)) + text)
    return _long(0x0020, 0x9113, b"SQ", len(inside)) + inside


def _head(sop_class: UID, modality: str) -> Dataset:
    head = Dataset()
    head.SOPClassUID, head.SOPInstanceUID = sop_class, UID(new_uid())
    head.StudyInstanceUID, head.SeriesInstanceUID = UID(new_uid()), UID(new_uid())
    head.PatientID, head.PatientName, head.PatientBirthDate = "GIANT", "Phantom^Giant", "19700101"
    head.StudyDate, head.StudyTime, head.Modality = "20260105", "101500", modality
    head.SeriesNumber = head.InstanceNumber = 1
    return head


def _image(frames: int) -> Dataset:
    head = _head(MultiFrameGrayscaleByteSecondaryCaptureImageStorage, "OT")
    head.SamplesPerPixel, head.PhotometricInterpretation = 1, "MONOCHROME2"
    head.NumberOfFrames, head.Rows, head.Columns = frames, SIDE_PX, SIDE_PX
    head.BitsAllocated, head.BitsStored, head.HighBit, head.PixelRepresentation = 8, 8, 7, 0
    return head


def _frames(size: int, frame: bytes) -> Iterator[bytes]:
    return chain([_long(0x7FE0, 0x0010, b"OB", size)], _repeated(frame, size))


def _noise(mask: int) -> bytes:
    return bytes(byte & mask for byte in os.urandom(FRAME))


def _repeated(block: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, size, len(block)):
        yield block[: size - start]


def _long(group: int, element: int, vr: bytes, length: int) -> bytes:
    """An element's head, with a length of four bytes (PS3.5 §7.1.2)."""
    return struct.pack("<HH2sxxL", group, element, vr, length)


def _item(value: bytes) -> bytes:
    return struct.pack("<HHL", 0xFFFE, 0xE000, len(value)) + value


def _write(path: Path, head: Dataset, syntax: UID, value: Iterable[bytes]) -> Giant:
    """The head, and after it the value that is too large for it."""
    encoded = BytesIO()
    head.save_as(encoded, implicit_vr=False, little_endian=True)
    data_set = chain([encoded.getvalue()], value)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = head.SOPClassUID, head.SOPInstanceUID
    meta.TransferSyntaxUID, meta.ImplementationClassUID = syntax, UID("2.25.1")
    first = DicomBytesIO()
    write_file_meta_info(first, meta)
    with path.open("wb") as file:
        file.write(bytes(128) + b"DICM" + first.getvalue())
        for chunk in _deflated(data_set) if syntax == DeflatedExplicitVRLittleEndian else data_set:
            file.write(chunk)
    return Giant(path, head.StudyInstanceUID, head.SeriesInstanceUID, head.SOPInstanceUID)


def _deflated(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """PS3.5 §A.5, padded to an even length."""
    packer, size = zlib.compressobj(level=1, wbits=-zlib.MAX_WBITS), 0
    for chunk in chunks:
        packed = packer.compress(chunk)
        size += len(packed)
        yield packed
    rest = packer.flush()
    yield rest + b"\0" * ((size + len(rest)) % 2)
