"""DICOM files as they lie on disk (PS3.10 §7): what is in front of the data set, and where it starts."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_dataset, read_preamble
from pydicom.tag import BaseTag

SOP_CLASS = 0x00020002  # Media Storage SOP Class UID
SOP_INSTANCE = 0x00020003  # Media Storage SOP Instance UID
TRANSFER_SYNTAX = 0x00020010


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
    """The head of an open DICOM file, read no further than its file meta (PS3.10 §7.1)."""
    try:
        read_preamble(file, False)
        meta = read_dataset(file, is_implicit_VR=False, is_little_endian=True, stop_when=_beyond_meta)
    except InvalidDicomError as error:
        raise NotPart10("not a DICOM file: no preamble with DICM") from error
    except Exception as error:  # pydicom raises what its parsers raise, on bytes that are no file meta
        raise NotPart10(f"its file meta cannot be read ({type(error).__name__})") from error
    head = Part10(
        sop_class_uid=_uid_in(meta, SOP_CLASS),
        sop_instance_uid=_uid_in(meta, SOP_INSTANCE),
        transfer_syntax_uid=_uid_in(meta, TRANSFER_SYNTAX),
        data_set_at=file.tell(),
    )
    if not (head.sop_class_uid and head.sop_instance_uid and head.transfer_syntax_uid):
        raise NotPart10("its file meta lacks its SOP class, SOP instance or transfer syntax")
    return head


def head_of(path: Path) -> Part10:
    """The head of a DICOM file. Raises NotPart10, also for a file that cannot be opened."""
    try:
        with path.open("rb") as file:
            return read_head(file)
    except OSError as error:
        raise NotPart10(f"cannot be opened: {error.strerror or type(error).__name__}") from error


def split(content: bytes) -> tuple[Part10, memoryview]:
    """A DICOM file in memory as its head and its data set."""
    head = read_head(BytesIO(content))
    return head, memoryview(content)[head.data_set_at :]


def files_in(paths: Iterable[Path]) -> Iterator[Path]:
    """The files named, and those of every folder named, in order; hidden ones are left out."""
    for path in paths:
        if path.is_dir():
            yield from files_in(sorted(child for child in path.iterdir() if not child.name.startswith(".")))
        else:
            yield path


def _beyond_meta(tag: BaseTag, vr: str | None, length: int) -> bool:
    return tag.group != 2


def _uid_in(meta: Dataset, tag: int) -> str:
    """A UID as the file holds it: its raw value, so that an odd one is not argued about here."""
    if tag not in meta:
        return ""
    value = meta.get_item(tag).value
    return (value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)).strip("\0 ")
