"""A waveform on squared paper: 25 mm a second, 10 mm a millivolt."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from math import ceil

import numpy as np
from pydicom.dataset import Dataset

from storage.errors import Unreadable
from viewer_api.rendering.marks import NOT_FOR_DIAGNOSIS, patient_lines, technique_lines
from viewer_api.rendering.numbers import Values
from viewer_api.rendering.sheet import Curve, Grid, Sheet, Words
from viewer_api.rendering.waveform import Channel, Recording, recordings
from viewer_api.view import Annotation

MM_A_SECOND = 25.0
MM_A_MILLIVOLT = 10.0

#: Columns of the usual page, 2.5 seconds each, above ten seconds of lead II.
_TWELVE = (("I", "II", "III"), ("aVR", "aVL", "aVF"), ("V1", "V2", "V3"), ("V4", "V5", "V6"))
_COLUMN_S = 2.5
_PAGE_S = 10.0
_GAP_S = 0.2
#: What is drawn of a long recording, and how many rows there can be.
_LONGEST_S = 60.0
_ROWS_LIMIT = 96

_MARGIN, _PULSE, _LINE, _FOOT = 5.0, 10.0, 4.0, 6.0
_LEAST_ROW, _MOST_ROW = 20.0, 60.0
#: Points a millimetre: no more can be seen.
_POINTS_A_MM = 20


@dataclass(frozen=True, slots=True)
class _Strip:
    """One stretch of one channel at its place on a row."""

    channel: Channel
    start_s: float
    stop_s: float
    left: float  # mm from where the traces begin


def drawn(
    found: Dataset, annotations: frozenset[Annotation] = frozenset(), *, is_thumbnail: bool = False
) -> Sheet:
    """The groups of a waveform, one below the other; the first alone in a thumbnail. Raises Unreadable."""
    every = recordings(found)
    shown = [each for each in (islice(every, 1) if is_thumbnail else every) if each.channels]
    if not shown:
        raise Unreadable("the waveform has no channels")
    head = [
        *(patient_lines(found) if Annotation.PATIENT in annotations else ()),
        *(technique_lines(found) if Annotation.TECHNIQUE in annotations else ()),
    ]
    page = _Page()
    for line in head:
        page.say(line)
    rows = 0
    for recording in shown:
        layout = _layout(recording)
        rows += len(layout)
        if rows > _ROWS_LIMIT:
            page.say("More was recorded than is drawn here.")
            break
        page.say(_heading(recording, layout))
        for strips in layout:
            page.row(strips, recording.hertz)
    return page.sheet("Electrocardiogram" if _is_electric(shown[0]) else "Waveform")


def _layout(recording: Recording) -> list[list[_Strip]]:
    """Rows of strips: the usual page for twelve leads of ten seconds, else a row a channel.

    Short ones, as median beats are, stand beside one another.
    """
    by_name = {each.name.casefold(): each for each in recording.channels}
    names = [name for column in _TWELVE for name in column]
    if all(name.casefold() in by_name for name in names) and recording.seconds >= _PAGE_S - 0.1:
        rows = [
            [
                _Strip(by_name[column[row].casefold()], start, start + _COLUMN_S, start * MM_A_SECOND)
                for start, column in zip(np.arange(4) * _COLUMN_S, _TWELVE, strict=True)
            ]
            for row in range(3)
        ]
        return [*rows, [_Strip(by_name["ii"], 0.0, _PAGE_S, 0.0)]]
    seconds = min(recording.seconds, _LONGEST_S)
    abreast = min(6, int(_PAGE_S / (seconds + _GAP_S))) if seconds else 1
    if abreast > 1:
        return [
            [
                _Strip(channel, 0.0, seconds, place * 5 * ceil((seconds + _GAP_S) * MM_A_SECOND / 5))
                for place, channel in enumerate(recording.channels[start : start + abreast])
            ]
            for start in range(0, len(recording.channels), abreast)
        ]
    pages = max(1, ceil(seconds / _PAGE_S - 1e-6))
    return [
        [_Strip(channel, page * _PAGE_S, min(seconds, (page + 1) * _PAGE_S), 0.0)]
        for page in range(pages)
        for channel in recording.channels
    ]


def _heading(recording: Recording, layout: Sequence[Sequence[_Strip]]) -> str:
    drawn_s = max((strip.stop_s for strips in layout for strip in strips), default=0.0)
    of_all = f"first {drawn_s:g} s of {recording.seconds:g} s" if drawn_s < recording.seconds - 0.05 else ""
    filters = {each.filters for each in recording.channels}
    said = next(iter(filters)) if len(filters) == 1 else "filters differ between channels"
    gain = f"{MM_A_MILLIVOLT:g} mm/mV" if _is_electric(recording) else "each channel to its own scale"
    parts = (recording.label, f"{MM_A_SECOND:g} mm/s", gain, said, f"{recording.hertz:g} samples/s", of_all)
    return "   ".join(part for part in parts if part)


def _is_electric(recording: Recording) -> bool:
    return all(each.unit == "mV" for each in recording.channels)


class _Page:
    """Grows downwards as rows are put on it."""

    def __init__(self) -> None:
        self._top = _MARGIN
        self._width = 0.0
        self._grids: list[Grid] = []
        self._curves: list[Curve] = []
        self._words: list[Words] = []

    def say(self, line: str) -> None:
        self._words.append(Words(_MARGIN, self._top + _LINE - 1, line))
        self._top += _LINE

    def row(self, strips: Sequence[_Strip], hertz: float) -> None:
        """Traces above and below one line, with a calibration pulse before them."""
        traces = [(_values(strip, hertz), strip) for strip in strips]
        scales = [_scale(values, strip.channel.unit) for values, strip in traces]
        lifted = [
            np.asarray(values - _middle(values, strip.channel.unit)) * scale
            for (values, strip), scale in zip(traces, scales, strict=True)
        ]
        above, below = _reach(lifted)
        top = self._top + 1
        height = 5 * ceil((above + below) / 5)
        line = top + 5 * round(above / 5)
        left = _MARGIN + _PULSE
        width = max(strip.left + (strip.stop_s - strip.start_s) * MM_A_SECOND for strip in strips)
        width = 5 * ceil(round(width, 3) / 5)
        self._grids.append(Grid(_MARGIN, top, _PULSE + width, height))
        self._pulse(line, strips[0].channel.unit)
        for trace, (_, strip), scale in zip(lifted, traces, scales, strict=True):
            x = left + strip.left + np.arange(len(trace)) / hertz * MM_A_SECOND
            for part in _unbroken(x, np.clip(line - trace, top, top + height)):
                self._curves.append(Curve(thinned(part)))
            if strip.left:
                tick = np.asarray([[left + strip.left, line - 5], [left + strip.left, line + 5]])
                self._curves.append(Curve(tick, 0.2))
            name = strip.channel.name
            if strip.channel.unit != "mV" and np.isfinite(scale) and scale:
                name += f"  ({10 / scale:.3g} {strip.channel.unit or 'units'} a cm)"
            elif not strip.left and strip.start_s:
                name += f"  from {strip.start_s:g} s"
            self._words.append(Words(left + strip.left + 1.5, top + 4, name, 3.5))
        self._width = max(self._width, _MARGIN + _PULSE + width)
        self._top = top + height

    def _pulse(self, line: float, unit: str) -> None:
        """One millivolt, for a fifth of a second, as recorders print it."""
        if unit == "mV":
            x = _MARGIN + np.asarray([0, 2.5, 2.5, 7.5, 7.5, 10])
            y = line - np.asarray([0, 0, 1, 1, 0, 0]) * MM_A_MILLIVOLT
            self._curves.append(Curve(np.column_stack((x, y))))

    def sheet(self, title: str) -> Sheet:
        """All of it."""
        width, height = self._width + _MARGIN, self._top + _FOOT
        foot = Words(_MARGIN, height - 2, NOT_FOR_DIAGNOSIS, 3.0, "start", "#b00000")
        return Sheet(max(width, 90.0), height, title, self._grids, self._curves, [*self._words, foot])


def _values(strip: _Strip, hertz: float) -> Values:
    values = strip.channel.values
    return values[round(strip.start_s * hertz) : round(strip.stop_s * hertz)]


def _middle(values: Values, unit: str) -> float:
    """An ECG's line is at no volts, but for one that drifted off the paper; others are centred."""
    seen = values[np.isfinite(values)]
    if not seen.size:
        return 0.0
    median = float(np.median(seen))
    if unit == "mV":
        return median if abs(median) > 1.0 else 0.0
    return float(seen.min() + seen.max()) / 2


def _scale(values: Values, unit: str) -> float:
    """Millimetres a unit."""
    if unit == "mV":
        return MM_A_MILLIVOLT
    seen = values[np.isfinite(values)]
    spread = float(np.ptp(seen)) if seen.size else 0.0
    return (_LEAST_ROW - 4) / spread if spread else 0.0


def _reach(traces: Sequence[Values]) -> tuple[float, float]:
    """How far a row goes above and below its line, in mm: room for the trace, for a pulse and the name."""
    seen = [each[np.isfinite(each)] for each in traces]
    above = max((float(each.max()) for each in seen if each.size), default=0.0)
    below = max((-float(each.min()) for each in seen if each.size), default=0.0)
    half = _LEAST_ROW / 2
    return min(max(half + 5, 5 * ceil(above / 5)), _MOST_ROW), min(max(half, 5 * ceil(below / 5)), _MOST_ROW)


def _unbroken(x: Values, y: Values) -> list[Values]:
    """The stretches between gaps, each of two points or more."""
    points = np.column_stack((x, y))
    is_seen = np.isfinite(y)
    if is_seen.all():
        return [points] if len(points) > 1 else []
    edges = np.flatnonzero(np.diff(is_seen)) + 1
    parts = (part for part in np.split(points, edges) if len(part) > 1)
    return [part for part in parts if np.isfinite(part[0, 1])]


def thinned(points: Values) -> Values:
    """No more points than can be seen, with every peak: the least and the largest of each stretch."""
    length = float(points[-1, 0] - points[0, 0])
    stretches = int(length * _POINTS_A_MM / 2)
    if stretches < 1 or len(points) <= 4 * stretches:
        return points
    kept = [0, len(points) - 1]
    for part in np.array_split(np.arange(len(points)), stretches):
        y = points[part, 1]
        kept += [int(part[y.argmin()]), int(part[y.argmax()])]
    return points[np.unique(kept)]
