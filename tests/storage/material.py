"""The files of pydicom and pydicom-data, and instances made for tests."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import data_store
from pydicom.data import get_charset_files, get_testdata_files
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, generate_uid

from storage.elements import DEFLATED
from storage.errors import Unreadable
from storage.part10 import FileMeta, read_meta
from storage.source import Inflated, Source, Whole


@dataclass(frozen=True)
class Sample:
    """One Part 10 file."""

    path: Path
    meta: FileMeta

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def syntax(self) -> str:
        return self.meta.transfer_syntax_uid

    @property
    def data(self) -> bytes:
        """The data set."""
        return self.path.read_bytes()[self.meta.data_offset :]

    def source(self) -> Source:
        return Inflated(iter((self.data,))) if self.syntax == DEFLATED else Whole(self.data)


@cache
def samples() -> tuple[Sample, ...]:
    """Every Part 10 file of the two wheels."""
    return tuple(_found())


def sample(name: str) -> Sample:
    """The first by that name."""
    return next(each for each in samples() if each.name == name)


def _found() -> Iterator[Sample]:
    more = sorted((Path(data_store.__file__).parent / "data").rglob("*"))
    for path in sorted({Path(name) for name in (*get_testdata_files(), *get_charset_files())}) + more:
        if path.is_file() and path.stat().st_size < 8 * 1024 * 1024:
            try:
                yield Sample(path, read_meta(path.read_bytes()))
            except Unreadable:
                continue


def instance(**attributes: object) -> Dataset:
    """A small CT image. `attributes` replace its own; None leaves one out."""
    made = Dataset()
    for keyword, value in {
        "SpecificCharacterSet": "ISO_IR 100",
        "SOPClassUID": CTImageStorage,
        "SOPInstanceUID": generate_uid(),
        "StudyDate": "20260102",
        "StudyTime": "030405",
        "AccessionNumber": "A1",
        "Modality": "CT",
        "StudyDescription": "Thorax",
        "ReferringPhysicianName": "Jones^Ann",
        "PatientName": "Müller^Zoë",
        "PatientID": "123456",
        "PatientBirthDate": "19700101",
        "PatientSex": "F",
        "StudyInstanceUID": generate_uid(),
        "SeriesInstanceUID": generate_uid(),
        "SeriesNumber": "1",
        "InstanceNumber": "1",
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": 4,
        "Columns": 4,
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 0,
        "PixelData": bytes(range(32)),
        **attributes,
    }.items():
        if value is not None:
            setattr(made, keyword, value)
    if "PixelData" in made:
        made["PixelData"].VR = "OW"
    return made
