"""The case of each file: one for all of them, or the JSON beside it; and what an archive adds to it."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from ologies.case import Case, DocumentOf, read_case
from ologies.confined import Job
from ologies.errors import OlogyError
from ologies.recognition import SIGNALS, recognise
from ologies.wrapping import files_beside

T = TypeVar("T")

#: A file that cannot be tried, and why.
Refused = tuple[Path, OlogyError]


def wrapped_alone(paths: Iterable[Path]) -> list[Path]:
    """Without cases, and what belongs to another one of them, such as a WFDB header's signals."""
    found = [path for path in paths if not is_case(path)]
    belonging = set()
    for path in found:
        with suppress(OlogyError):
            belonging |= {each.resolve() for each in files_beside(path, recognise(path))}
    return [path for path in found if path.resolve() not in belonging]


def is_case(path: Path) -> bool:
    """FILE.json beside FILE is no file to wrap."""
    return path.suffix == ".json" and path.with_suffix("").is_file()


def case_beside(path: Path) -> Path:
    """Where its own case lies, if it has one."""
    return path.with_name(path.name + ".json")


def case_of(path: Path, shared: Case | None) -> Case:
    """The one for all, else the one beside it, else an empty one. Raises BadCase."""
    beside = case_beside(path)
    if shared is not None or not beside.is_file():
        return shared or Case()
    return read_case(beside)


def papers_last(jobs: Iterable[Job]) -> list[Job]:
    """ECGs on paper after everything else: they are nothing beside their signal."""
    return sorted(jobs, key=lambda job: job.case.document is DocumentOf.ECG and not _is_signal(job.path))


def _is_signal(path: Path) -> bool:
    try:
        return recognise(path) in SIGNALS
    except OlogyError:
        return False


def jobs_of(paths: Iterable[Path], shared: Case | None) -> tuple[list[Job], list[Refused]]:
    """What can be tried, and what cannot."""
    return _each(paths, lambda path: Job(path, case_of(path, shared)), lambda path: path)


def changed(jobs: Iterable[Job], change: Callable[[Case], Case]) -> tuple[list[Job], list[Refused]]:
    """The same with other cases, and those whose case cannot be."""
    return _each(jobs, lambda job: Job(job.path, change(job.case)), lambda job: job.path)


def _each(
    given: Iterable[T], job_of: Callable[[T], Job], path_of: Callable[[T], Path]
) -> tuple[list[Job], list[Refused]]:
    jobs, refused = [], []
    for each in given:
        try:
            jobs.append(job_of(each))
        except OlogyError as error:
            refused.append((path_of(each), error))
    return jobs, refused
