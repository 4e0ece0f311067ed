"""Files wrapped side by side, in processes that a hostile file can only end, not use.

Each process has so much memory and computing time; one that is ended for it takes no other file along.
"""

import multiprocessing
import os
import resource
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ologies.case import Case
from ologies.errors import Damaged, OlogyError
from ologies.wrapping import Wrapped, wrap

#: Address space of one process, and its computing time for one file.
MEMORY_BYTES = 3 * 1024**3
COMPUTING_S = 120

#: A process is replaced after so many files, so that what a library leaks is given back.
FILES_A_PROCESS = 200

#: Files of each process that are on their way, or wait to be taken.
AHEAD = 2


@dataclass(frozen=True, slots=True)
class Job:
    """A file, and the case it belongs to."""

    path: Path
    case: Case


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a job: its object, or why there is none."""

    job: Job
    outcome: Wrapped | OlogyError


def wrap_all(
    jobs: Iterable[Job], processes: int | None = None, work: Callable[[Path, Case], Wrapped] = wrap
) -> Iterator[Done]:
    """Each job's end, in the order of the jobs. One that ends its process is Damaged; the others go on.

    No more than a few objects wait for whoever takes them: a batch may be larger than the memory.
    """
    size = processes or os.cpu_count() or 1
    waiting = iter(jobs)
    while left := list(islice(waiting, FILES_A_PROCESS * size)):
        while left:
            left = yield from _together(left, size, work)


def _together(
    jobs: list[Job], size: int, work: Callable[[Path, Case], Wrapped]
) -> Generator[Done, None, list[Job]]:
    """Until a process is ended; then those that were on their way, each alone. Returns what is left."""
    flying: deque[Future[Wrapped | OlogyError]] = deque()
    ended = sent = 0
    with _pool(min(size, len(jobs))) as pool:
        while ended < len(jobs):
            try:
                while sent < len(jobs) and len(flying) < AHEAD * size:
                    flying.append(pool.submit(_kept, work, jobs[sent]))
                    sent += 1
                outcome = flying.popleft().result()
            except BrokenProcessPool:  # which file it had is not known
                break
            yield Done(jobs[ended], outcome)
            ended += 1
    for job in jobs[ended:sent]:
        yield Done(job, _alone(job, work))
    return jobs[sent:]


def _alone(job: Job, work: Callable[[Path, Case], Wrapped]) -> Wrapped | OlogyError:
    with _pool(1) as pool:
        try:
            return pool.submit(_kept, work, job).result()
        except BrokenProcessPool:
            return Damaged("to read it took more memory or time than a file may, or broke its reader")


def _kept(work: Callable[[Path, Case], Wrapped], job: Job) -> Wrapped | OlogyError:
    """In the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = int(used.ru_utime + used.ru_stime) + COMPUTING_S
    resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))
    try:
        return work(job.path, job.case)
    except OlogyError as error:
        return error
    except MemoryError:
        return Damaged("to read it took more memory than a file may")


def _pool(size: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(size, multiprocessing.get_context("spawn"), _confine)


def _confine() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
