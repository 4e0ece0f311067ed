"""What /proc says of a process and all it started: who they are, their CPU time, their memory."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Process:
    """One running process. `cpu_s` includes its children that have ended and were waited for."""

    pid: int
    parent: int
    command: str
    cpu_s: float


def family(pid: int) -> list[Process]:
    """The process, its children and theirs; nothing when it has ended."""
    everyone = {each.pid: each for each in map(_read, _pids()) if each}
    found = [everyone[pid]] if pid in everyone else []
    for each in found:  # grows as it is walked
        found.extend(child for child in everyone.values() if child.parent == each.pid)
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of the whole family."""
    return sum(each.cpu_s for each in family(pid))


def memory_bytes(pids: Iterable[int]) -> int:
    """Proportional set size: shared pages count once however many processes map them."""
    return sum(_vanished_as(0, _pss, pid) for pid in pids)


def forget_peaks(pids: Iterable[int]) -> int:
    """Begin to note anew how much each has at most; what they have now, in bytes (proc(5), clear_refs)."""
    now = 0
    for pid in pids:
        Path("/proc", str(pid), "clear_refs").write_text("5")
        now += peak_bytes([pid])
    return now


def peak_bytes(pids: Iterable[int]) -> int:
    """The most that each has had resident since then, shared pages too."""
    return sum(_vanished_as(0, _high_water, pid) for pid in pids)


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _read(pid: int) -> Process | None:
    return _vanished_as(None, _read_now, pid)


def _read_now(pid: int) -> Process | None:
    folder = Path("/proc", str(pid))
    fields = folder.joinpath("stat").read_text().rpartition(")")[2].split()
    if fields[0] == "Z":
        return None
    ticks = sum(int(field) for field in fields[11:15])  # utime, stime, cutime, cstime
    command = folder.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return Process(pid, int(fields[1]), command, ticks / _TICKS_PER_S)


def _pss(pid: int) -> int:
    for line in Path("/proc", str(pid), "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def _high_water(pid: int) -> int:
    for line in Path("/proc", str(pid), "status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _vanished_as(default: T, read: Callable[[int], T], pid: int) -> T:
    """What `read` says of a process that may end at any moment."""
    try:
        return read(pid)
    except (FileNotFoundError, ProcessLookupError):
        return default
