"""What a killed service may have left running on the data folder.

A process is ours only when its id, its start time and the folder it works in all agree: process ids
are used again, soonest of all in containers.
"""

import json
import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import structlog

from imx.postgres.cluster import Cluster
from imx.postgres.errors import DidNotStart

log = structlog.get_logger()

#: How long processes of a PostgreSQL that is gone may take to notice.
LEFTOVER_PATIENCE_S = 60.0


def end_survivors(cluster: Cluster) -> None:
    """Stop a PostgreSQL that outlived its service, and wait for all its processes to be gone.

    It is asked for a fast shutdown and waited for as long as that takes; it is never killed.
    """
    handle = _recorded(cluster)
    if handle is not None:
        try:
            log.warning("postgres.survivor", action="stopping")
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGINT)
            while not select.select([handle], [], [], 10)[0]:
                log.info("postgres.survivor", action="waiting for its shutdown")
        finally:
            os.close(handle)
    deadline = time.monotonic() + LEFTOVER_PATIENCE_S
    while leftover := list(working_in(cluster.data)):
        if time.monotonic() > deadline:
            raise DidNotStart(
                f"processes of an earlier PostgreSQL still work in {cluster.data}: "
                f"{', '.join(map(str, leftover))}. Wait until they end, or end them, and start again"
            )
        time.sleep(0.05)
    cluster.record.unlink(missing_ok=True)
    _drop_stale_pid_file(cluster)


def working_in(folder: Path) -> Iterator[int]:
    """The processes whose working folder it is: PostgreSQL's are, in whatever mount namespace."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _works_in(int(entry.name), folder):
            yield int(entry.name)


def _recorded(cluster: Cluster) -> int | None:
    """A handle (pidfd) of the process that the record names, when it is still that process."""
    try:
        record = json.loads(cluster.record.read_text())
        pid, started, boot = int(record["pid"]), int(record["started"]), str(record["boot"])
    except (FileNotFoundError, ValueError, KeyError):
        return None
    if boot != Path("/proc/sys/kernel/random/boot_id").read_text().strip():
        return None
    try:
        handle = os.pidfd_open(pid)  # before we look: from here on the id cannot become another's
    except OSError:
        return None
    if start_time(pid) == started and _works_in(pid, cluster.data) is not False:
        return handle
    os.close(handle)
    return None


def start_time(pid: int) -> int | None:
    """When a process started, in clock ticks since boot (proc(5), field 22 of stat)."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (FileNotFoundError, ProcessLookupError):
        return None


def _works_in(pid: int, folder: Path) -> bool | None:
    """None when we may not look (a container's root without CAP_SYS_PTRACE)."""
    try:
        return os.path.samestat(os.stat(f"/proc/{pid}/cwd"), folder.stat())
    except PermissionError:
        return None
    except OSError:
        return False


def _drop_stale_pid_file(cluster: Cluster) -> None:
    """PostgreSQL would refuse to start where its old id is now another process of the same user."""
    path = cluster.data / "postmaster.pid"
    try:
        pid = int(path.read_text().split()[0])
    except (FileNotFoundError, ValueError, IndexError):
        return
    if start_time(pid) is not None and _works_in(pid, cluster.data) is False:
        path.unlink()
