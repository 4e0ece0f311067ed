"""An ECG: channels of samples as the device counted them, and what was said of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ologies.errors import Damaged

#: A sample that was not measured. No other sample may have this value in 16 bits.
MISSING_16 = -(2**15)
MISSING_32 = -(2**31)


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """One lead: a sample is worth `counts * microvolts_per_count + baseline_uv`.

    Counts are as the source holds them, so nothing is rounded. `is_missing` marks those not measured.
    """

    lead: str
    counts: NDArray[np.int64]
    microvolts_per_count: float
    baseline_uv: float = 0.0
    is_missing: NDArray[np.bool_] | None = None
    derived_from: str = ""  # how it was computed, in words; "" where it was measured

    @property
    def microvolts(self) -> NDArray[np.float64]:
        """What the samples are worth."""
        return np.asarray(self.counts * self.microvolts_per_count + self.baseline_uv, dtype=np.float64)

    @property
    def fits_16_bits(self) -> bool:
        """All counts do, and leave one value for what is missing."""
        return bool(self.counts.size == 0 or (self.counts.min() > MISSING_16 and self.counts.max() < 2**15))


@dataclass(frozen=True, slots=True)
class Filters:
    """What the signal went through, in Hz. A high-pass filter takes away what is below its edge."""

    high_pass_hz: float | None = None
    low_pass_hz: float | None = None
    notch_hz: float | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Channels that were sampled together (a multiplex group, PS3.3 §C.10.9)."""

    label: str
    rate_hz: float
    channels: Sequence[Channel]
    is_median: bool = False

    @property
    def samples(self) -> int:
        """Of each channel."""
        return len(self.channels[0].counts)

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.samples / self.rate_hz


@dataclass(frozen=True, slots=True)
class Ecg:
    """One recording."""

    groups: Sequence[Group]
    filters: Filters = Filters()
    measurements: dict[str, float] = field(default_factory=dict)  # by the names in measurements.py
    statements: Sequence[str] = ()
    stated_by: str = ""  # a person; "" where the device said so itself
    notes: Sequence[str] = ()  # what a person should know of the conversion


def channel_of(lead: str, samples: NDArray[Any], microvolts_per_unit: float, baseline_uv: float) -> Channel:
    """A channel of samples in any unit. Counts stay whole numbers; others are kept to a nanovolt.

    Raises Damaged where a sample is beyond what 32 bits hold.
    """
    if not (np.isfinite(microvolts_per_unit) and microvolts_per_unit != 0 and np.isfinite(baseline_uv)):
        raise Damaged(f"lead {lead} says no voltage")
    values = np.asarray(samples, dtype=np.float64)
    is_missing = ~np.isfinite(values)
    values = np.where(is_missing, 0.0, values)
    if np.any(values != np.rint(values)):
        values = values * microvolts_per_unit * 1000
        microvolts_per_unit = 0.001
    counts = np.rint(values).astype(np.int64)
    if counts.size and (counts.min() <= MISSING_32 or counts.max() >= 2**31):
        raise Damaged(f"lead {lead} has samples beyond 32 bits")
    return Channel(lead, counts, microvolts_per_unit, baseline_uv, is_missing if is_missing.any() else None)
