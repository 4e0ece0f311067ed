"""The process in which codecs run, `python -m storage.codecs.worker FD LIMITS`: `workers` starts it.

It holds no secret, no connection and no file of the service. What it may use up is limited before the first
frame comes, so that a frame made to exhaust a decoder exhausts this process and no other.
"""

import json
import resource
import signal
import socket
import sys
from dataclasses import dataclass

from storage.codecs.converting import converted
from storage.codecs.frame import FRAME_LIMIT_BYTES
from storage.codecs.pipe import Gone, frame_head, framed, receive, send
from storage.errors import Unencodable, Unreadable


@dataclass(frozen=True, slots=True)
class Limits:
    """What a worker may use up."""

    #: Of address space. OpenJPEG holds a frame as 32-bit numbers besides what goes in and comes out.
    memory_bytes: int = 8 * FRAME_LIMIT_BYTES
    #: Of processor time for one frame: so much, and as much again as a slow codec on a slow machine needs.
    cpu_s: int = 10
    bytes_per_cpu_s: int = 2 * 1024 * 1024
    #: How much longer than that a frame may take on a busy machine before its worker is given up.
    patience: float = 3.0

    def cpu_of(self, frame_bytes: int) -> int:
        """For a frame that has so many bytes when it is native."""
        return self.cpu_s + frame_bytes // self.bytes_per_cpu_s

    def wall_of(self, frame_bytes: int) -> float:
        """The same, by the clock on the wall."""
        return self.patience * self.cpu_of(frame_bytes)


def main(descriptor: int, limits: Limits) -> None:
    """Answer until the other side goes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which then ends us
    _confine(limits.memory_bytes)
    with socket.socket(fileno=descriptor) as link:
        try:
            while True:
                _answer(link, limits)
        except Gone:
            return


def _answer(link: socket.socket, limits: Limits) -> None:
    head, body = receive(link)
    frame = framed(head["pixel"], body)
    _allow(limits.cpu_of(frame.pixel.frame_bytes))
    try:
        made = converted(frame, head["stored"], head["wanted"])
    except (Unreadable, Unencodable) as error:
        send(link, {"error": type(error).__name__, "why": str(error)})
    except MemoryError:
        send(link, {"error": "Unreadable", "why": "a codec needs more memory for the frame than it may have"})
    else:
        send(link, {"pixel": frame_head(made)}, made.data)


def _confine(memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # pixels are of patients
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # nothing is written


def _allow(seconds: int) -> None:
    """So much more processor time than was used; the process is killed beyond it, even if its parent died."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + seconds, most))


if __name__ == "__main__":
    main(int(sys.argv[1]), Limits(**json.loads(sys.argv[2])))
