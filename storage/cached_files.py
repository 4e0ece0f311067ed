"""What the page cache holds of a file, for those who must not wait for a disk (or for a server behind it).

openat2(2) with RESOLVE_CACHED opens what needs no look at the disk, preadv2(2) with RWF_NOWAIT reads what
needs none; both say EAGAIN otherwise. Python has the second alone.
"""

import ctypes
import os
import sys

_OPENAT2 = 437  # on every architecture
_RESOLVE_CACHED = 0x20


class _How(ctypes.Structure):
    """struct open_how of linux/openat2.h."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


_HOW = _How(os.O_RDONLY | os.O_CLOEXEC, 0, _RESOLVE_CACHED)
_syscall = ctypes.CDLL(None).syscall
_syscall.restype = ctypes.c_long


def read_cached(folder: int, name: str, start: int, stop: int | None, at_most: int) -> bytes | None:
    """Those bytes of a file, below an open folder; None where they are not all in memory, or too many.

    None, too, where the kernel is not Linux: then a thread reads.
    """
    if sys.platform != "linux":
        return None
    file = _syscall(
        ctypes.c_long(_OPENAT2), folder, os.fsencode(name), ctypes.byref(_HOW), ctypes.c_size_t(24)
    )
    if file < 0:
        return None
    try:
        size = os.fstat(file).st_size
        wanted = max(0, (size if stop is None else min(stop, size)) - start)
        if wanted > at_most:
            return None
        found = bytearray(wanted)
        is_whole = os.preadv(file, [found], start, os.RWF_NOWAIT) == wanted
    except OSError:
        return None
    finally:
        os.close(file)
    return bytes(found) if is_whole else None
