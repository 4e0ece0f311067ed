"""What the channels of a waveform measured (PS3.3 §C.10.9)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from ologies.ecg.leads import lead_of
from storage.errors import Unreadable
from viewer_api.rendering.numbers import Values, floats

#: Bits allocated and interpretation of a sample (PS3.3 §C.10.9.1.5). MB and AB are companded sound.
_KINDS = {
    (8, "SB"): "i1", (8, "UB"): "u1", (16, "SS"): "<i2", (16, "US"): "<u2", (32, "SL"): "<i4",
    (32, "UL"): "<u4", (64, "SV"): "<i8", (64, "UV"): "<u8",
}  # fmt: skip
#: Of a volt, by UCUM code.
_VOLTS = {"V": 1.0, "mV": 1e-3, "uV": 1e-6, "nV": 1e-9}
_SAMPLES_LIMIT = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Channel:
    """One lead, or one sensor."""

    name: str
    values: Values  # in `unit`; not a number where nothing was recorded
    unit: str  # "mV" for anything in volts
    filters: str  # as the recorder said


@dataclass(frozen=True, slots=True)
class Recording:
    """One multiplex group: channels sampled together."""

    label: str
    hertz: float
    channels: tuple[Channel, ...]

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.channels[0].values) / self.hertz if self.channels else 0.0


def recordings(found: Dataset) -> Iterator[Recording]:
    """The multiplex groups of a waveform, in order. Raises Unreadable."""
    for group in found.get("WaveformSequence") or []:
        yield _recording(group)


def _recording(group: Dataset) -> Recording:
    count, length = int(group.NumberOfWaveformChannels), int(group.NumberOfWaveformSamples)
    bits = int(group.WaveformBitsAllocated)
    kind = _KINDS.get((bits, str(group.WaveformSampleInterpretation)))
    if kind is None:
        raise Unreadable(
            f"waveform samples of the kind {group.WaveformSampleInterpretation!s:.8} are not drawn"
        )
    hertz = floats(group, "SamplingFrequency")
    if not hertz or hertz[0] <= 0 or not 0 < count * length <= _SAMPLES_LIMIT:
        raise Unreadable("the waveform has no samples, or no sampling frequency")
    raw: bytes = group.WaveformData
    samples = np.frombuffer(raw, kind, count * length).reshape(length, count)
    padding = _padding(group, kind)
    definitions = list(group.get("ChannelDefinitionSequence") or [])
    definitions += [Dataset()] * (count - len(definitions))
    channels = tuple(
        _channel(samples[:, number], definitions[number], padding, number) for number in range(count)
    )
    return Recording(str(group.get("MultiplexGroupLabel") or ""), hertz[0], channels)


def _padding(group: Dataset, kind: str) -> float | None:
    value = group.get("WaveformPaddingValue")
    if isinstance(value, bytes):
        size = np.dtype(kind).itemsize
        return float(np.frombuffer(value[:size], kind)[0]) if len(value) >= size else None
    return float(value) if isinstance(value, int | float) else None


def _channel(
    samples: "np.ndarray[tuple[int], np.dtype[np.int64]]", said: Dataset, padding: float | None, number: int
) -> Channel:
    """Sample × sensitivity × correction + baseline (PS3.3 §C.10.9.1.4.2, §C.10.9.1.4.3)."""
    values = samples.astype(np.float64)
    is_gap = values == padding if padding is not None else None
    sensitivity = floats(said, "ChannelSensitivity")
    unit = ""
    if sensitivity:
        factor = (floats(said, "ChannelSensitivityCorrectionFactor") or [1.0])[0]
        baseline = (floats(said, "ChannelBaseline") or [0.0])[0]
        values = values * sensitivity[0] * factor + baseline
        units = said.get("ChannelSensitivityUnitsSequence") or [Dataset()]
        unit = str(units[0].get("CodeValue") or "")
    if unit in _VOLTS:
        values, unit = values * (_VOLTS[unit] / 1e-3), "mV"
    if is_gap is not None:
        values[is_gap] = np.nan
    return Channel(_name(said, number), values, unit, _filters(said))


def _name(said: Dataset, number: int) -> str:
    """As short as an ECG is lettered: by its code, else "Lead aVR (Einthoven)" is aVR."""
    sources = said.get("ChannelSourceSequence") or [Dataset()]
    scheme, value = (str(sources[0].get(each) or "") for each in ("CodingSchemeDesignator", "CodeValue"))
    if (lead := lead_of(scheme, value)) is not None:
        return lead
    text = str(said.get("ChannelLabel") or sources[0].get("CodeMeaning") or f"Channel {number + 1}").strip()
    short = text.removeprefix("Lead ").partition("(")[0].strip()
    return short or text


def _filters(said: Dataset) -> str:
    low, high, notch = (
        floats(said, keyword)
        for keyword in ("FilterLowFrequency", "FilterHighFrequency", "NotchFilterFrequency")
    )
    band = f"{low[0]:g}–{high[0]:g} Hz" if low and high else ""
    if not band:
        band = f"from {low[0]:g} Hz" if low else f"to {high[0]:g} Hz" if high else ""
    stopped = f"notch {notch[0]:g} Hz" if notch and notch[0] > 0 else ""
    return ", ".join(filter(None, (band, stopped)))
