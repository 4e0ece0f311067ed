"""A file and its case become DICOM: what it is, what it says, what is missing, and the objects."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ologies.case import Case, DocumentOf
from ologies.digests import digest_of, digest_of_all
from ologies.ecg import wfdb
from ologies.errors import NotUnderstood, OlogyError
from ologies.recognition import Kind, recognise
from ologies.slides import mirax
from ologies.wrapped import Wrapped

#: SOP Class UID (PS3.6 §A).
_ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"

#: Why an ECG on paper is not kept beside its signal.
BESIDE_A_SIGNAL = (
    "the signal of an ECG of this encounter is there: a picture of one adds nothing. If it is of another"
    ' recording, one without a signal, its case says so ("document": "ecg without signal")'
)


@dataclass(frozen=True, slots=True)
class Beside:
    """A file that belongs to another: the samples of a WFDB header."""

    path: Path
    digest: str  # SHA-256, in hexadecimal


@dataclass(frozen=True, slots=True)
class Wrapping:
    """What became of one file: one object, or several of one study."""

    kind: Kind
    digest: str  # of the file, SHA-256 in hexadecimal
    objects: tuple[Wrapped, ...]
    notes: tuple[str, ...] = ()  # what a person should know of the conversion
    beside: tuple[Beside, ...] = ()  # files that belong to it: originals, too

    def is_paper_of_an_ecg(self, case: Case) -> bool:
        """A picture of an ECG, which is kept only where there is no signal of it."""
        classes = {each.sop_class_uid for each in self.objects}
        return case.document is DocumentOf.ECG and classes == {_ENCAPSULATED_PDF}

    @property
    def study_uid(self) -> str:
        """One file is of one encounter."""
        return self.objects[0].study_uid


def wrap(path: Path, case: Case, into: Path) -> Wrapping:
    """Its objects as Part 10 files in the folder `into`, which may hold other files beside them.

    Raises an OlogyError: NotUnderstood, Damaged, NoRoom, or Asked with all that a person has to say first.
    """
    kind = recognise(path)
    with ThreadPoolExecutor(1) as pool:
        digesting = pool.submit(_digested, path, kind)
        # The readers' libraries take half a second to import: they are not a command's that only asks, and
        # a large file is digested meanwhile.
        from ologies.specialties import SPECIALTIES, Source
        from ologies.writing import write

        make = SPECIALTIES.get(kind)
        if make is None:
            raise NotUnderstood([each.value for each in Kind])
        digest, beside = digesting.result()
    source = Source(path, kind, digest_of_all([digest, *(each.digest for each in beside)]), into)
    objects, notes = [], []
    for made in make(source, case):
        objects.append(write(made, into))
        notes += [note for note in made.notes if note not in notes]
    return Wrapping(kind, digest, tuple(objects), tuple(notes), beside)


def _digested(path: Path, kind: Kind) -> tuple[str, tuple[Beside, ...]]:
    return digest_of(path), tuple(Beside(each, digest_of(each)) for each in files_beside(path, kind))


def files_beside(path: Path, kind: Kind) -> tuple[Path, ...]:
    """The files that belong to one, and are nothing without it. Raises Damaged where one is not there."""
    if kind is Kind.MIRAX:
        return mirax.files_beside(path)
    if kind is Kind.WFDB:
        return wfdb.files_beside(path)
    if kind is Kind.OBJ:
        from ologies.models import materials_beside

        return materials_beside(path)
    return ()


def length_of(path: Path) -> int:
    """In bytes, with the files that belong to it; of what cannot be read, none."""
    try:
        return sum(each.stat().st_size for each in (path, *files_beside(path, recognise(path))))
    except (OlogyError, OSError):
        return path.stat().st_size if path.is_file() else 0
