"""How often a peer may open associations: a rate that holds across processes.

A leaky bucket in eight bytes of a file: the time at which it will be empty (the virtual scheduling algorithm
of ITU-T I.371). Its clock is the machine's own, which all processes share and which a reboot begins anew.
"""

import fcntl
import os
import struct
from pathlib import Path
from time import monotonic

from dicom_router.slots import SlotsUnavailable

MINUTE_S = 60.0
_MOMENT = struct.Struct("<d")


def is_within_rate(folder: Path, a_minute: int) -> bool:
    """Whether one more of `a_minute` may come now; counted, if so. Raises SlotsUnavailable."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / "rate", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            said = os.pread(descriptor, _MOMENT.size, 0)
            empty_at = _MOMENT.unpack(said)[0] if len(said) == _MOMENT.size else 0.0
            later = after_one_more(empty_at, monotonic(), a_minute)
            if later is not None:
                os.pwrite(descriptor, _MOMENT.pack(later), 0)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise SlotsUnavailable(f"cannot count in {folder}: {error.strerror}") from error
    return later is not None


def after_one_more(empty_at: float, now: float, a_minute: int) -> float | None:
    """When the bucket is empty if one more comes now; None where it is full.

    It holds a minute's worth, so a peer may open them all at once and then waits. What cannot be, as of
    before a reboot, counts as empty.
    """
    each = MINUTE_S / a_minute
    if not now <= empty_at <= now + MINUTE_S + each:
        empty_at = now
    later = empty_at + each
    return later if later <= now + MINUTE_S + each / 2 else None
