"""DICOM files as they lie on disk (PS3.10 §7): what is in front of the data set, and where it starts."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from storage.errors import Unreadable
from storage.part10 import META_LIMIT_BYTES, read_meta


class NotPart10(ValueError):
    """The bytes are not a DICOM file that names its class, its instance and its transfer syntax."""


@dataclass(frozen=True, slots=True)
class Part10:
    """The head of a DICOM file. The data set is everything from `data_set_at` to the end."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    data_set_at: int  # bytes from the start of the file


def read_head(file: BinaryIO) -> Part10:
    """The head of an open DICOM file, which stands at its beginning (PS3.10 §7.1)."""
    return _head(file.read(META_LIMIT_BYTES))


def head_of(path: Path) -> Part10:
    """The head of a DICOM file. Raises NotPart10, also for a file that cannot be opened."""
    try:
        with path.open("rb") as file:
            return read_head(file)
    except OSError as error:
        raise NotPart10(f"cannot be opened: {error.strerror or type(error).__name__}") from error


def split(content: bytes) -> tuple[Part10, memoryview]:
    """A DICOM file in memory as its head and its data set."""
    head = _head(content[:META_LIMIT_BYTES])
    return head, memoryview(content)[head.data_set_at :]


def _head(start: bytes) -> Part10:
    try:
        meta = read_meta(start)
    except Unreadable as error:
        raise NotPart10(str(error)) from error
    if not (meta.sop_class_uid and meta.sop_instance_uid and meta.transfer_syntax_uid):
        raise NotPart10("its file meta lacks its SOP class, SOP instance or transfer syntax")
    return Part10(meta.sop_class_uid, meta.sop_instance_uid, meta.transfer_syntax_uid, meta.data_offset)
