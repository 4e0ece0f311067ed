"""pydicom's own test files, given to synthetic people: real objects of many kinds and transfer syntaxes.

Only what names the person, the trust and the object is written anew; pixel data and transfer syntax
stay as they are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.data.data_manager import DATA_ROOT, external_data_sources
from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import MediaStorageDirectoryStorage

from imx.demo.people import Person
from imx.demo.region import Modality
from imx.demo.stamp import Visit, can_be_written, name_by_content, stamp


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A test file that cannot be sent, and why."""

    name: str
    because: str


class CannotRestamp(ValueError):
    """The file is no instance that could be pushed."""


def source_files() -> list[Path]:
    """What the wheels of pydicom and, where it is installed, pydicom-data hold. Nothing is downloaded."""
    folders = [Path(DATA_ROOT) / "test_files", Path(DATA_ROOT) / "charset_files"]
    folders += [Path(source.data_path) for source in external_data_sources().values()]
    return [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]


def restamp(path: Path, modality: Modality, people: Sequence[Person]) -> FileDataset:
    """A test file as a picture of one of `people`, pushed by `modality`. Raises CannotRestamp."""
    ds = _read(path)
    charset = ds.get("SpecificCharacterSet")
    start = sum(str(ds.StudyInstanceUID).encode()) % len(people)
    person = next(who for who in (*people[start:], *people[:start]) if can_be_written(who.name, charset))
    stamp(ds, Visit(person, modality, str(ds.StudyInstanceUID)), series=str(ds.SeriesInstanceUID))
    try:
        name_by_content(ds, path.name)
    except Exception as error:  # whatever a broken value makes pydicom raise: the file is named, not hidden
        raise CannotRestamp(f"pydicom cannot write it again ({type(error).__name__})") from error
    return ds


def restamped(
    modalities: Sequence[Modality], people: Sequence[Person]
) -> Iterator[tuple[Path, Modality, FileDataset] | LeftOut]:
    """Every test file, each study at one of the modalities in turn; or why a file is left out."""
    places: dict[str, Modality] = {}
    for path in source_files():
        try:
            study = str(_read(path).StudyInstanceUID)
            modality = places.setdefault(study, modalities[len(places) % len(modalities)])
            yield path, modality, restamp(path, modality, people)
        except CannotRestamp as error:
            yield LeftOut(path.name, str(error))


def _read(path: Path) -> FileDataset:
    try:
        ds = dcmread(path)
        if _lacks_its_vrs(ds):
            ds.walk(lambda dataset, element: None)  # pydicom then knows every VR
    except Exception as error:  # many of these files are broken on purpose, in as many ways
        raise CannotRestamp(f"pydicom cannot read it ({type(error).__name__})") from error
    if "TransferSyntaxUID" not in ds.file_meta:
        raise CannotRestamp("no transfer syntax")
    if _uid(ds, "SOPClassUID") == MediaStorageDirectoryStorage or "DirectoryRecordSequence" in ds:
        raise CannotRestamp("a directory of media, not an instance")
    for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        if not _uid(ds, keyword):
            raise CannotRestamp(f"no {keyword}")
    return ds


def _lacks_its_vrs(ds: FileDataset) -> bool:
    """Whether an explicit transfer syntax is named over elements without VRs."""
    syntax = ds.file_meta.get("TransferSyntaxUID")
    tags = list(ds.keys())  # a data set iterates over its elements
    return bool(syntax) and not syntax.is_implicit_VR and any(ds.get_item(tag).VR is None for tag in tags)


def _uid(ds: Dataset, keyword: str) -> str:
    return str(ds.get(keyword) or "")
