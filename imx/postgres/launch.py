"""Become a PostgreSQL program: as the right user, seeing the right folders, tied to its parent.

Run by path in an interpreter of its own (`python -I -S launch.py PLAN`), with one JSON argument, and
imports the standard library alone: after a fork from a process with threads only an exec is safe, and what
happens here (a mount namespace, dropping root) must not happen to the service itself.
The process id stays the same through the exec, so the record written here names PostgreSQL.
"""

import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

CLONE_NEWNS = 0x00020000
MS_BIND, MS_REC, MS_PRIVATE, MS_NOSUID, MS_NODEV = 0x1000, 0x4000, 0x40000, 0x2, 0x4
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38

#: Exit codes that tell the parent what was refused.
NOT_PERMITTED, PARENT_GONE, NOT_RUNNABLE = 120, 121, 122

libc = ctypes.CDLL(None, use_errno=True)


def main(plan: dict[str, Any]) -> NoReturn:
    if plan["record"]:
        write_record(Path(plan["record"]))
    if plan["binds"]:
        try:
            show_folders(plan["stage"], plan["binds"])
        except OSError as error:
            sys.stderr.write(f"no private view of the folders: {error.strerror}\n")
            sys.exit(NOT_PERMITTED)
    if plan["account"]:
        uid, gid = plan["account"]
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    os.umask(0o077)
    checked(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    # After the change of user, which clears it. The parent may have died before this took hold.
    checked(libc.prctl(PR_SET_PDEATHSIG, plan["death_signal"], 0, 0, 0))
    if os.getppid() != plan["parent"]:
        sys.exit(PARENT_GONE)
    os.chdir("/")
    try:
        os.execv(plan["argv"][0], plan["argv"])  # noqa: S606 -- becoming the program is the point
    except OSError as error:
        sys.stderr.write(f"cannot run {plan['argv'][0]}: {error.strerror}\n")
        sys.exit(NOT_RUNNABLE)


def write_record(path: Path) -> None:
    """Who we are, before we are PostgreSQL, so that no survivor is ever without a record."""
    # After the last parenthesis of the program's name come fields 3 onwards; 22 is the start time (proc(5)).
    started = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"pid": os.getpid(), "started": int(started), "boot": boot}))
    fresh.replace(path)


def show_folders(stage: str, binds: dict[str, str]) -> None:
    """Bind folders below `stage`, in a mount namespace of our own: nobody else sees them there.

    For folders that lie below one that the other user may not pass (a 0700 home). Sources are held
    open first, since `stage` may cover them.
    """
    os.umask(0o022)
    checked(libc.unshare(CLONE_NEWNS))
    mount(None, "/", None, MS_REC | MS_PRIVATE, None)
    held = {inside: os.open(source, os.O_PATH | os.O_DIRECTORY) for inside, source in binds.items()}
    mount("tmpfs", stage, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=1m")
    for inside, source in held.items():
        os.makedirs(inside, 0o755, exist_ok=True)
        mount(f"/proc/self/fd/{source}", inside, None, MS_BIND | MS_REC, None)
        os.close(source)


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None) -> None:
    def encoded(text: str | None) -> bytes | None:
        return None if text is None else os.fsencode(text)

    checked(libc.mount(encoded(source), encoded(target), encoded(kind), ctypes.c_ulong(flags), encoded(data)))


def checked(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
