"""The data sets that the pydicom and pydicom-data packages carry, with new UIDs for each who sends them."""

import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import data_store
import pydicom.data
from pydicom import dcmread
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import _read_file_meta_info, read_dataset, read_preamble
from pydicom.filewriter import write_file_meta_info
from pydicom.tag import BaseTag, Tag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
)

_CLASS, _INSTANCE = Tag(0x0008, 0x0016), Tag(0x0008, 0x0018)
_STUDY, _SERIES = Tag(0x0020, 0x000D), Tag(0x0020, 0x000E)

#: A UID is replaced by one of its own length, where that leaves room enough to be new.
_SHORTEST = 24
_LONGEST = 64


@dataclass(frozen=True, slots=True)
class Material:
    """A data set as somebody wrote it."""

    name: str
    transfer_syntax_uid: str
    data_set: bytes  # inflated, where it was deflated
    uids: dict[BaseTag, str]  # class, instance, study and series, where it has them

    @property
    def has_uids(self) -> bool:
        """Whether it says what it is, and where it belongs."""
        return set(self.uids) == {_CLASS, _INSTANCE, _STUDY, _SERIES}


@dataclass(frozen=True, slots=True)
class Stamped:
    """A material under UIDs of its own, as a file on disk."""

    name: str
    path: Path
    transfer_syntax_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    study_uid: str
    series_uid: str


def packages() -> Iterator[Material]:
    """Every DICOM data set that the two packages carry; DICOMDIRs and what is not DICOM are left out."""
    own, more = Path(pydicom.data.__file__).parent, Path(data_store.__file__).parent
    for folder in (own / "test_files", own / "charset_files", more):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "DICOMDIR" not in path.name and (path.suffix == ".dcm" or _says_dicm(path)):
                yield read_material(path)


def _says_dicm(path: Path) -> bool:
    return path.read_bytes()[128:132] == b"DICM"


def read_material(path: Path) -> Material:
    """What a file holds, however it is malformed: many of these are, on purpose."""
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read_preamble(file, force=True)
        _read_file_meta_info(file)
        encoded = path.read_bytes()[file.tell() :]
        whole = dcmread(path, force=True, stop_before_pixels=True)
    syntax = _syntax_of(whole)
    if syntax == DeflatedExplicitVRLittleEndian:
        encoded = zlib.decompress(encoded, -zlib.MAX_WBITS)
    elements = _elements(encoded, syntax)
    uids = {tag: _text(elements[tag]) for tag in (_CLASS, _INSTANCE, _STUDY, _SERIES) if tag in elements}
    return Material(path.name, syntax, encoded, {tag: uid for tag, uid in uids.items() if uid})


def _syntax_of(whole: FileDataset) -> str:
    named = whole.file_meta.get("TransferSyntaxUID")
    if named:
        return str(named)
    implicit, little = whole.original_encoding
    return str(
        ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian
    )


def _elements(encoded: bytes, syntax: str) -> dict[BaseTag, RawDataElement]:
    """The elements with UIDs, as they lie in the bytes."""
    uid = UID(syntax)

    def beyond(tag: BaseTag, vr: str | None, length: int) -> bool:
        return bool(tag > _SERIES)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data_set: Dataset = read_dataset(
            BytesIO(encoded), uid.is_implicit_VR, uid.is_little_endian, stop_when=beyond
        )
    found: dict[BaseTag, RawDataElement] = {}
    for tag in (_CLASS, _INSTANCE, _STUDY, _SERIES):
        element = data_set.get_item(tag)
        if isinstance(element, RawDataElement):
            found[tag] = element
    return found


def _text(element: RawDataElement) -> str:
    return (element.value or b"").decode("ascii", "replace").strip("\0 ")


@dataclass
class Stamp:
    """One sender's UIDs: an instance is always new, studies and series stay together."""

    folder: Path
    _new: dict[tuple[str, ...], str]

    @classmethod
    def into(cls, folder: Path) -> "Stamp":
        """A stamp whose files go into this folder."""
        folder.mkdir(parents=True)
        return cls(folder, {})

    def __call__(self, material: Material) -> Stamped:
        """The material as a Part 10 file; but for its UIDs, every byte of its data set as it was."""
        old_study, old_series = material.uids[_STUDY], material.uids[_SERIES]
        study = self._new.setdefault((old_study,), _like(old_study))
        series = self._new.setdefault((old_study, old_series), _like(old_series))
        instance = _like(material.uids[_INSTANCE])
        encoded = _replaced(material, {_INSTANCE: instance, _STUDY: study, _SERIES: series})
        return self._write(material, encoded, instance, study, series)

    def nameless(self, material: Material) -> Stamped:
        """The material as a Part 10 file whose meta information names what the data set does not."""
        instance = material.uids.get(_INSTANCE) or _like("")
        return self._write(material, material.data_set, instance, study="", series="")

    def _write(self, material: Material, encoded: bytes, instance: str, study: str, series: str) -> Stamped:
        if material.transfer_syntax_uid == DeflatedExplicitVRLittleEndian:
            encoded = _deflated(encoded)
        stamped = Stamped(
            name=material.name,
            path=self.folder / f"{len(list(self.folder.iterdir())):03}-{material.name}",
            transfer_syntax_uid=material.transfer_syntax_uid,
            sop_class_uid=material.uids.get(_CLASS) or SecondaryCaptureImageStorage,
            sop_instance_uid=instance,
            study_uid=study,
            series_uid=series,
        )
        stamped.path.write_bytes(_head(stamped) + encoded)
        return stamped


def _like(old: str) -> str:
    """A UID that nobody has seen before, as long as the old one where that can be."""
    length = min(max(len(old), _SHORTEST), _LONGEST)
    return f"2.25.{uuid4().int}{uuid4().int}"[:length]


def _replaced(material: Material, values: dict[BaseTag, str]) -> bytes:
    encoded = bytearray(material.data_set)
    elements = _elements(material.data_set, material.transfer_syntax_uid)
    for tag, value in sorted(values.items(), reverse=True):  # from the back: a longer one moves what follows
        element = elements[tag]
        padded = value.encode() + b"\0" * (len(value) % 2)
        start = element.value_tell
        encoded[start : start + element.length] = padded
        if len(padded) != element.length:
            order = "<" if element.is_little_endian else ">"
            length = struct.pack(order + ("L" if element.is_implicit_VR else "H"), len(padded))
            encoded[start - len(length) : start] = length
    return bytes(encoded)


def _deflated(encoded: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    deflated = packer.compress(encoded) + packer.flush()
    return deflated + b"\0" * (len(deflated) % 2)  # PS3.5 §A.5


def _head(stamped: Stamped) -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(stamped.sop_class_uid)
    meta.MediaStorageSOPInstanceUID = UID(stamped.sop_instance_uid)
    meta.TransferSyntaxUID = UID(stamped.transfer_syntax_uid)
    meta.ImplementationClassUID = UID("2.25.1")
    buffer = DicomBytesIO()
    write_file_meta_info(buffer, meta)
    return b"\0" * 128 + b"DICM" + buffer.getvalue()
