"""What the region pushes: the files of every modality, written before anything is sent."""

import shutil
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from pydicom import config
from pydicom.dataset import Dataset

from imx.demo.people import Person, crowd
from imx.demo.phantoms import phantoms
from imx.demo.region import MODALITIES, TRUSTS, Modality
from imx.demo.restamp import LeftOut, restamped
from imx.demo.stamp import Visit
from imx.part10 import Part10, head_of

PEOPLE = 24

#: Whose timeline the demo shows, by place in the crowd, and what they have besides an MR of the head.
TRAVELLER, TRAVELS = 2, ("ECG", "slide")


@dataclass(frozen=True, slots=True)
class Cargo:
    """The files of each modality, in the order they are sent, and the test files that cannot be."""

    files: Mapping[Modality, list[tuple[Path, Part10]]]
    left_out: list[LeftOut] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many instances."""
        return sum(len(files) for files in self.files.values())


def load(outbox: Path) -> Cargo:
    """Write everything anew under `outbox`, a folder a modality. The same each time."""
    be_tolerant()
    shutil.rmtree(outbox, ignore_errors=True)
    people = crowd(PEOPLE, TRUSTS)
    cargo = Cargo({modality: [] for modality in MODALITIES})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's own words on files that are odd on purpose
        for modality, ds in _phantom_studies(people):
            _put(cargo, outbox, modality, ds)
        seen: dict[str, str] = {}
        for made in restamped([modality for modality in MODALITIES if not modality.phantoms], people):
            if isinstance(made, LeftOut):
                cargo.left_out.append(made)
                continue
            path, modality, ds = made
            first = seen.setdefault(str(ds.SOPInstanceUID), path.name)
            if first == path.name:
                _put(cargo, outbox, modality, ds)
            else:
                cargo.left_out.append(LeftOut(path.name, f"the same as {first}"))
    return cargo


def be_tolerant() -> None:
    """Values against the standard are passed on as they are: they are what a region sends."""
    config.settings.reading_validation_mode = config.IGNORE
    config.settings.writing_validation_mode = config.IGNORE


def _phantom_studies(people: tuple[Person, ...]) -> Iterator[tuple[Modality, Dataset]]:
    """Each phantom with the next person; so the first two are those who share a number.

    One of them has been to several trusts, for pictures of several specialties.
    """
    numbers = count()
    for modality in MODALITIES:
        for name in modality.phantoms:
            person = people[next(numbers)]
            visit = Visit(people[TRAVELLER] if name in TRAVELS else person, modality, name)
            for ds in phantoms(name, visit):
                yield modality, ds


def _put(cargo: Cargo, outbox: Path, modality: Modality, ds: Dataset) -> None:
    folder = outbox / modality.ae_title
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{len(cargo.files[modality]):04d}.dcm"
    ds.save_as(path, enforce_file_format=True)
    cargo.files[modality].append((path, head_of(path)))
