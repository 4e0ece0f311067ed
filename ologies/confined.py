"""Files wrapped side by side, in processes that a hostile file can only end, not use.

Each process has so much memory, disk and computing time; one that is ended for it takes no other file along.
"""

import ctypes
import errno
import multiprocessing
import os
import resource
import shutil
import signal
import tempfile
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from ologies.case import Case
from ologies.errors import Damaged, NoRoom, OlogyError
from ologies.wrapping import Wrapping, length_of, wrap

#: Address space of one process.
MEMORY_BYTES = 3 * 1024**3

#: Computing time for one file: so much, and more for a large one.
COMPUTING_S = 120
COMPUTING_BYTES_A_S = 1024 * 1024

#: The largest file that may be made of one: so much, and more of a large one.
WRITTEN_BYTES = 2 * 1024**3
WRITTEN_TIMES = 8

#: A process is replaced after so many files, so that what a library leaks is given back.
FILES_A_PROCESS = 200

#: Files of each process that are on their way, or wait to be taken.
AHEAD = 2


#: Said of a file whose process was ended.
ENDED = "to read it took more memory or time than a file may, or broke its reader"


@dataclass(frozen=True, slots=True)
class Job:
    """A file, and the case it belongs to."""

    path: Path
    case: Case


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a job: its object, or why there is none."""

    job: Job
    outcome: Wrapping | OlogyError


Work = Callable[[Path, Case, Path], Wrapping]
Of = TypeVar("Of")


def wrap_all(
    jobs: Iterable[Job], scratch: Path, processes: int | None = None, work: Work = wrap
) -> Iterator[Done]:
    """Each job's end, in the order of the jobs. One that ends its process is Damaged; the others go on.

    The objects lie in a folder of their own in `scratch`, and are gone once the next end is asked for: who
    wants them moves or reads them first. No more than a few wait: a batch may be larger than the disk.
    """
    size = processes or os.cpu_count() or 1
    waiting = iter(jobs)
    with tempfile.TemporaryDirectory(prefix=".wrapping-", dir=scratch) as folder:
        while left := list(islice(waiting, FILES_A_PROCESS * size)):
            while left:
                left = yield from _together(left, Path(folder), size, work)


def _together(jobs: list[Job], scratch: Path, size: int, work: Work) -> Generator[Done, None, list[Job]]:
    """Until a process is ended; then those that were on their way, each alone. Returns what is left."""
    flying: deque[tuple[Path, Future[Wrapping | OlogyError]]] = deque()
    ended = sent = 0
    with _pool(min(size, len(jobs))) as pool:
        while ended < len(jobs):
            try:
                while sent < len(jobs) and len(flying) < AHEAD * size:
                    into = Path(tempfile.mkdtemp(dir=scratch))
                    job = jobs[sent]
                    call = partial(work, job.path, job.case, into)
                    flying.append((into, pool.submit(_kept, call, job.path)))
                    sent += 1
                into, future = flying.popleft()
                outcome = future.result()
            except BrokenProcessPool:  # which file it had is not known
                break
            yield Done(jobs[ended], outcome)
            shutil.rmtree(into)
            ended += 1
    for job in jobs[ended:sent]:
        with tempfile.TemporaryDirectory(dir=scratch) as into_this:
            yield Done(job, alone(partial(work, job.path, job.case, Path(into_this)), job.path))
    return jobs[sent:]


def alone(call: Callable[[], Of], path: Path) -> Of | OlogyError:
    """What is done with one file, in a process of its own; the call and what it returns can be pickled."""
    with _pool(1) as pool:
        try:
            return pool.submit(_kept, call, path).result()
        except BrokenProcessPool:
            return Damaged(ENDED)


def _kept(call: Callable[[], Of], path: Path) -> Of | OlogyError:
    """In the process."""
    size = length_of(path)
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = int(used.ru_utime + used.ru_stime) + COMPUTING_S + size // COMPUTING_BYTES_A_S
    resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (WRITTEN_BYTES + WRITTEN_TIMES * size, resource.RLIM_INFINITY))
    try:
        return call()
    except OlogyError as error:
        return error
    except MemoryError:
        return Damaged("to read it took more memory than a file may")
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return NoRoom()
        return Damaged(f"it cannot be read, or what it becomes cannot be written: {error.strerror}")
    except Exception as error:  # a reader's fault is that file's, and no other's
        return Damaged(f"its reader broke on it ({type(error).__name__})")


def _pool(size: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(size, multiprocessing.get_context("spawn"), _confine)


def _confine() -> None:
    # Whoever started this has ended, however: then nobody takes what it makes (prctl(2), PR_SET_PDEATHSIG)
    ctypes.CDLL(None).prctl(1, int(signal.SIGKILL), 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
