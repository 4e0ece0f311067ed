"""When the frames of a clip are shown, as the Cine module says it (PS3.3 §C.7.6.5); pure."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from pydicom.dataset import Dataset
from pydicom.valuerep import format_number_as_ds

from ologies.clips.movie import Numbers

#: A clock of a container may be this coarse; steadier than that is steady.
_UNSTEADY_MS = 1.0
#: A value of an explicit VR with two bytes of length (PS3.5 §7.1.2).
_VECTOR_LIMIT_BYTES = 0xFFFE

_FRAME_TIME, _FRAME_TIME_VECTOR = 0x00181063, 0x00181065


@dataclass(frozen=True, slots=True)
class Timing:
    """Of a whole clip."""

    frames: int
    frame_ms: float  # the mean, where it is not steady
    increments_ms: tuple[float, ...] | None  # of an unsteady one that is not too long

    is_steady: bool

    @property
    def rate_hz(self) -> float:
        """Frames a second."""
        return 1000 / self.frame_ms


def timing(times: Numbers, last: int, ticks_a_second: int | Fraction) -> Timing:
    """Of the times of presentation in any order; `last` is how long the last frame is shown."""
    tick_ms = 1000 / float(ticks_a_second)
    shown_ms = np.sort(times).astype(np.float64) * tick_ms
    count = len(shown_ms)
    length_ms = float(shown_ms[-1] - shown_ms[0])
    frame_ms = length_ms / (count - 1) if count > 1 and length_ms > 0 else last * tick_ms
    if frame_ms <= 0:
        frame_ms = 40.0  # one frame, for no time
    steady_ms = shown_ms[0] + np.arange(count) * frame_ms
    if float(np.abs(shown_ms - steady_ms).max()) <= _UNSTEADY_MS:
        return Timing(count, frame_ms, None, True)
    # Rounded where they stand, so that roundings do not add up.
    increments = np.diff(np.round(shown_ms - shown_ms[0], 1), prepend=0.0)
    texts = [f"{each:.4g}" if each < 1000 else f"{each:.1f}" for each in increments]
    if sum(map(len, texts)) + count > _VECTOR_LIMIT_BYTES:
        return Timing(count, frame_ms, None, False)
    return Timing(count, frame_ms, tuple(float(each) for each in texts), False)


def describe_timing(dataset: Dataset, timing: Timing) -> tuple[str, ...]:
    """Cine and Multi-frame (PS3.3 §C.7.6.5, §C.7.6.6); notes for a person."""
    dataset.NumberOfFrames = timing.frames
    rate = max(1, int(round(timing.rate_hz, 3) + 0.5))
    dataset.CineRate = dataset.RecommendedDisplayFrameRate = rate
    if timing.increments_ms is not None:
        dataset.FrameTimeVector = [f"{each:.10g}" for each in timing.increments_ms]
        dataset.FrameIncrementPointer = _FRAME_TIME_VECTOR
        return ("its frames are not evenly spaced: each one's time is in Frame Time Vector",)
    dataset.FrameTime = format_number_as_ds(round(timing.frame_ms, 6))
    dataset.FrameIncrementPointer = _FRAME_TIME
    if timing.is_steady:
        return ()
    return ("its frames are not evenly spaced: Frame Time is their mean, and the stream has each one's time",)
