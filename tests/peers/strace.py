"""The system calls of running processes, in the order in which they ended."""

import re
import signal
import subprocess
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.service import PATIENCE_S

#: What makes bytes durable, and what tells somebody something.
_CALLS = "fsync,fdatasync,sendto,sendmsg,write,writev"

_LINE = re.compile(r"(?P<pid>\d+) +(?P<name>\w+)\((?P<arguments>.*)")
_RESUMED = re.compile(r"(?P<pid>\d+) +<\.\.\. (?P<name>\w+) resumed>")


@dataclass(frozen=True, slots=True)
class Call:
    """One system call that has returned."""

    pid: int
    name: str
    arguments: str  # as strace prints them: a descriptor, what it is, bytes


@dataclass
class Trace:
    """Filled when the tracing is over."""

    calls: list[Call] = field(default_factory=list)


@contextmanager
def traced(pids: Collection[int], output: Path) -> Iterator[Trace]:
    """Trace these processes, their threads and their children for as long as this lasts."""
    options = ("-f", "-yy", "-s", "64", "-e", f"trace={_CALLS}", "-o", str(output))
    attached = [argument for pid in pids for argument in ("-p", str(pid))]
    strace = subprocess.Popen(["strace", *options, *attached], stderr=subprocess.DEVNULL)
    trace = Trace()
    try:
        _wait_until_traced(pids)
        yield trace
    finally:
        strace.send_signal(signal.SIGINT)
        strace.wait()
    trace.calls.extend(_calls(output.read_text()))


def _wait_until_traced(pids: Collection[int], patience_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + patience_s
    while any("TracerPid:\t0\n" in Path(f"/proc/{pid}/status").read_text() for pid in pids):
        assert time.monotonic() < deadline, "strace does not attach"
        time.sleep(0.05)


def _calls(text: str) -> Iterator[Call]:
    begun: dict[int, Call] = {}
    for line in text.splitlines():
        if found := _RESUMED.match(line):
            call = begun.pop(int(found["pid"]), None)
            if call is not None:
                yield call
        elif found := _LINE.match(line):
            call = Call(int(found["pid"]), found["name"], found["arguments"])
            if line.endswith("<unfinished ...>"):
                begun[call.pid] = call
            else:
                yield call
