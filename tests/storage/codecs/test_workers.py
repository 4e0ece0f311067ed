"""A codec that crashes, hangs or takes too much ends its own process; the next frame finds another."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from storage.codecs.converting import converted
from storage.codecs.frame import Frame, ImagePixel
from storage.codecs.worker import Limits
from storage.codecs.workers import Workers
from storage.errors import Unencodable, Unreadable
from storage.syntaxes import DEFLATED_FRAMES, EXPLICIT_LITTLE, HTJ2K_LOSSLESS, J2K_LOSSLESS, RLE


def noise(side: int) -> Frame:
    rng = np.random.default_rng(4)
    return Frame(rng.integers(0, 65536, side * side, "u2").tobytes(), ImagePixel(side, side))


SMALL = noise(32)


@pytest.fixture
def workers() -> Iterator[Workers]:
    made = Workers(1)
    yield made
    made.close()


#: Workers of tests before, which are none of ours.
OTHERS: set[int] = set()


@pytest.fixture(autouse=True)
def _alone() -> None:
    OTHERS.clear()
    OTHERS.update(process_ids())


def process_ids() -> list[int]:
    """Of the workers that this test has."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status, command = (folder / "stat").read_text(), (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if int(status.rpartition(")")[2].split()[1]) == os.getpid() and b"storage.codecs.worker" in command:
            found.append(int(folder.name))
    return [each for each in found if each not in OTHERS]


def eventually(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("syntax", [HTJ2K_LOSSLESS, J2K_LOSSLESS, RLE, DEFLATED_FRAMES])
def test_a_frame_goes_there_and_comes_back(workers: Workers, syntax: str) -> None:
    made = workers.convert(SMALL, EXPLICIT_LITTLE, syntax)

    assert made == converted(SMALL, EXPLICIT_LITTLE, syntax)
    assert workers.convert(made, syntax, EXPLICIT_LITTLE) == SMALL


def test_one_process_serves_many_frames(workers: Workers) -> None:
    for _ in range(5):
        workers.convert(SMALL, EXPLICIT_LITTLE, RLE)

    assert len(process_ids()) == 1


def test_what_needs_no_codec_needs_no_process(workers: Workers) -> None:
    workers.convert(SMALL, EXPLICIT_LITTLE, DEFLATED_FRAMES)

    assert process_ids() == []


def test_what_is_refused_is_told_with_its_reason_and_the_process_goes_on(workers: Workers) -> None:
    with pytest.raises(Unreadable, match="begins like nothing"):
        workers.convert(Frame(b"not a frame", SMALL.pixel), J2K_LOSSLESS, EXPLICIT_LITTLE)
    (first,) = process_ids()
    with pytest.raises(Unencodable, match="above Bits Stored"):
        workers.convert(
            Frame(SMALL.data, ImagePixel(32, 32, bits_stored=9, high_bit=8)), EXPLICIT_LITTLE, J2K_LOSSLESS
        )

    assert process_ids() == [first]


def test_a_crash_costs_one_frame(workers: Workers) -> None:
    workers.convert(SMALL, EXPLICIT_LITTLE, RLE)
    (worker,) = process_ids()
    with ThreadPoolExecutor(1) as pool:
        large = pool.submit(workers.convert, noise(4000), EXPLICIT_LITTLE, J2K_LOSSLESS)
        eventually(lambda: "R" in Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2][:3])
        os.kill(worker, signal.SIGSEGV)
        with pytest.raises(Unreadable, match="ended on the frame"):
            large.result()

    assert workers.convert(SMALL, EXPLICIT_LITTLE, RLE).pixel == SMALL.pixel


def test_one_that_died_meanwhile_is_replaced(workers: Workers) -> None:
    workers.convert(SMALL, EXPLICIT_LITTLE, RLE)
    (worker,) = process_ids()
    os.kill(worker, signal.SIGKILL)
    os.waitid(os.P_PID, worker, os.WEXITED | os.WNOWAIT)

    assert workers.convert(SMALL, EXPLICIT_LITTLE, RLE).pixel == SMALL.pixel


def test_one_that_never_ends_is_given_up() -> None:
    workers = Workers(1, Limits(patience=0.005))

    with pytest.raises(Unreadable, match="took too long"):
        workers.convert(noise(4000), EXPLICIT_LITTLE, J2K_LOSSLESS)

    assert process_ids() == []


def test_processor_time_is_limited() -> None:
    workers = Workers(1, Limits(cpu_s=1, bytes_per_cpu_s=1 << 40, patience=600))

    with pytest.raises(Unreadable, match="ended on the frame"):
        workers.convert(noise(8000), EXPLICIT_LITTLE, J2K_LOSSLESS)


def test_memory_is_limited() -> None:
    workers = Workers(1, Limits(memory_bytes=400 * 1024 * 1024))

    with pytest.raises((Unreadable, Unencodable)):
        workers.convert(noise(8000), EXPLICIT_LITTLE, J2K_LOSSLESS)
    workers.close()


def test_many_at_once_share_few_processes() -> None:
    workers = Workers(2)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: workers.convert(SMALL, EXPLICIT_LITTLE, RLE), range(40)))

    assert len(made) == 40
    assert len(process_ids()) <= 2
    workers.close()
    assert process_ids() == []


def test_a_closed_pool_leaves_no_process_behind_when_work_ends() -> None:
    workers = Workers(1)
    begun = threading.Event()

    def work() -> None:
        begun.set()
        workers.convert(noise(1500), EXPLICIT_LITTLE, J2K_LOSSLESS)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(work)
        assert begun.wait(60)
        workers.close()
        done.result()

    assert process_ids() == []
