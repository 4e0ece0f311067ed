"""Children die with their supervisor, whatever it dies of (prctl(2), PR_SET_PDEATHSIG)."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """From now on the kernel kills this process when its parent ends. Call it first of all.

    The signal comes when the thread that started us ends: supervisors start children from their
    main thread. SIGKILL, since without its supervisor a process has no database to drain into, and
    must let go of its sockets at once.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        sys.exit("cannot be tied to the supervisor (prctl)")
    if os.getppid() != parent:
        sys.exit("the supervisor is gone")
