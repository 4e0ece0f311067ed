"""The processes in which codecs run, started as they are needed, killed and replaced when one misbehaves.

Why processes and no threads: docs/decisions/0039.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import weakref
from dataclasses import asdict, dataclass

from storage.codecs.converting import converted, described, is_harmless
from storage.codecs.frame import Frame
from storage.codecs.pipe import Gone, frame_head, framed, receive, send
from storage.codecs.worker import Limits
from storage.errors import ArchiveError, Unencodable, Unreadable

_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class _Worker:
    process: "subprocess.Popen[bytes]"
    link: socket.socket

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def end(self) -> None:
        self.link.close()
        self.process.kill()
        self.process.wait()


class Workers:
    """Converts frames, so many at one time; more wait."""

    def __init__(self, count: int | None = None, limits: Limits = _LIMITS) -> None:
        """As many as there are processors, unless it is said how many."""
        self._limits = limits
        self._places = threading.BoundedSemaphore(count or max(2, os.cpu_count() or 1))
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._is_closed = False
        weakref.finalize(self, _end_all, self._idle)  # also where nobody closes it, and at exit

    def convert(self, frame: Frame, stored: str, wanted: str) -> Frame:
        """A frame in another syntax. Blocking. Raises Unreadable, also where a codec ends or hangs on it,
        and Unencodable.
        """
        described(frame.pixel, stored, wanted)  # refuses before anything is sent or waited for
        if is_harmless(stored, wanted):
            return converted(frame, stored, wanted)
        with self._places:
            worker = self._take()
            try:
                worker.link.settimeout(self._limits.wall_of(frame.pixel.frame_bytes))
                made = _ask(worker, frame, stored, wanted)
            except BaseException as error:
                if isinstance(error, ArchiveError):
                    self._give_back(worker)
                else:
                    worker.end()
                if isinstance(error, Gone):
                    raise Unreadable("a codec ended on the frame, or took too long over it") from error
                raise
            self._give_back(worker)
            return made

    def close(self) -> None:
        """End those that wait; whoever works ends with what it does."""
        with self._lock:
            self._is_closed = True
            _end_all(self._idle)

    def _take(self) -> _Worker:
        while True:
            with self._lock:
                worker = self._idle.pop() if self._idle else None
            if worker is None:
                return _start(self._limits)
            if worker.is_alive:
                return worker
            worker.end()

    def _give_back(self, worker: _Worker) -> None:
        with self._lock:
            if not self._is_closed:
                self._idle.append(worker)
                return
        worker.end()


def _end_all(workers: list[_Worker]) -> None:
    while workers:
        workers.pop().end()


def _ask(worker: _Worker, frame: Frame, stored: str, wanted: str) -> Frame:
    send(worker.link, {"pixel": frame_head(frame), "stored": stored, "wanted": wanted}, frame.data)
    head, body = receive(worker.link)
    match head:
        case {"pixel": dict() as pixel}:
            return framed(pixel, body)
        case {"error": "Unencodable", "why": str() as why}:
            raise Unencodable(why)
        case {"error": "Unreadable", "why": str() as why}:
            raise Unreadable(why)
    raise Gone


def _start(limits: Limits) -> _Worker:
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "storage.codecs.worker", str(theirs.fileno()), json.dumps(asdict(limits))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # codecs write what they like there
            pass_fds=[theirs.fileno()],
            # Nothing of ours: addresses and passwords stand in the environment.
            env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "MALLOC_ARENA_MAX": "1"},
        )
    return _Worker(process, ours)
