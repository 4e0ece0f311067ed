"""The tables of an MP4 or QuickTime file (ISO 14496-12 §8): its tracks, and where each sample lies."""

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from ologies.boxes import boxes, inside
from ologies.codestreams import Fetch
from ologies.errors import Damaged

Numbers = NDArray[np.int64]

#: The sample entry of AAC, the one sound that is copied.
COPIED_SOUND = b"mp4a"

#: Thirty-eight hours of thirty pictures a second. Tables are read whole, so this bounds memory.
SAMPLES_LIMIT = 1 << 22
_DESCRIPTION_LIMIT_BYTES = 1 << 20
#: What a file's clock counts from (ISO 14496-12 §8.2.2.3).
_EPOCH = datetime(1904, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One track; times in its own ticks."""

    handler: bytes  # b"vide", b"soun"
    entry: bytes  # the sample entry's kind: b"avc1", b"mp4a"
    description: bytes  # what the entry holds
    ticks_a_second: int
    delay_s: float  # before it begins (an empty edit)
    starts_at: int  # the time of presentation of its beginning
    presented: int | None  # ticks that are shown from there; None where the file does not cut
    is_cut_up: bool  # several edits, or one of another speed
    turned: int  # degrees clockwise, for a person to see it upright
    sizes: Numbers  # of each sample, in bytes
    durations: Numbers
    shifts: Numbers  # from time of decoding to time of presentation
    is_key: NDArray[np.bool_]
    chunks: tuple[tuple[int, int, int], ...]  # first sample, samples, and where they lie in the file

    @property
    def times(self) -> Numbers:
        """When each sample is presented, in the order of decoding."""
        return np.cumsum(self.durations) - self.durations + self.shifts


@dataclass(frozen=True, slots=True)
class Movie:
    """A file's tracks, and what it says of itself."""

    tracks: tuple[Track, ...]
    made_at: datetime | None
    said: dict[str, str]  # what it says of its making, by its keys


def read_movie(fetch: Fetch, size: int) -> Movie:
    """Raises Damaged, for one in fragments (ISO 14496-12 §8.8) as well: its samples lie elsewhere."""
    try:
        found = inside(fetch, 0, size, b"moov")
        if len(found) != 1:
            raise Damaged("the clip is cut off: its table of contents is missing")
        start, stop = found[0]
        head = _one(fetch, start, stop, b"mvhd")
        ticks_a_second = _ticks(head)
        if ticks_a_second == 0:
            raise Damaged("the clip's clock does not run")
        tracks = []
        for first, last in inside(fetch, start, stop, b"trak"):
            track = _track(fetch, first, last, ticks_a_second, size)
            if track is not None:
                _check_places(track, size)
                tracks.append(track)
        return Movie(tuple(tracks), _moment(head), _said(fetch, start, stop))
    except (struct.error, IndexError, ValueError, OverflowError) as error:
        raise Damaged("the clip's tables do not hold what they announce") from error


def is_in_fragments(fetch: Fetch, size: int) -> bool:
    """Whether its samples lie in fragments. Raises Damaged."""
    try:
        return bool(inside(fetch, 0, size, b"moov", b"mvex"))
    except struct.error as error:
        raise Damaged("the clip ends within a box") from error


def _track(fetch: Fetch, start: int, stop: int, movie_ticks: int, size: int) -> Track | None:
    """None where it has no samples, or is neither picture nor sound."""
    handler = _one(fetch, start, stop, b"mdia", b"hdlr")[8:12]
    if handler not in (b"vide", b"soun"):
        return None
    table = inside(fetch, start, stop, b"mdia", b"minf", b"stbl")
    if len(table) != 1:
        raise Damaged("a track of the clip has no table of samples")
    inner = {name: (at, end) for name, at, end in boxes(fetch, *table[0])}
    ticks_a_second = _ticks(_one(fetch, start, stop, b"mdia", b"mdhd"))
    if not ticks_a_second:
        raise Damaged("a track's clock does not run")
    entry, description = _description(fetch, *inner[b"stsd"]) if b"stsd" in inner else (b"", b"")
    if handler == b"soun" and entry != COPIED_SOUND:
        return _only_named(handler, entry)
    sizes = _sizes(fetch, inner, size)
    count = len(sizes)
    if not count:
        return None
    durations = _runs(_words(fetch, inner, b"stts", 2), count, "how long")
    shifts = (
        _runs(_words(fetch, inner, b"ctts", 2), count, "when")
        if b"ctts" in inner
        else np.zeros(count, np.int64)
    )
    keys = np.ones(count, np.bool_)
    if b"stss" in inner:
        keys[:] = False
        named = _words(fetch, inner, b"stss", 1)[:, 0] - 1
        keys[named[(named >= 0) & (named < count)]] = True
    # Times before the time of decoding are written as they come, in whichever version of ctts.
    shifts = shifts.astype(np.int32).astype(np.int64)
    delay, starts_at, presented, is_cut_up = _edits(fetch, start, stop, movie_ticks, ticks_a_second)
    return Track(
        handler, entry, description, ticks_a_second, delay, starts_at, presented, is_cut_up,
        _turned(_one(fetch, start, stop, b"tkhd")), sizes, durations, shifts, keys,
        _chunks(fetch, inner, count),
    )  # fmt: skip


def _only_named(handler: bytes, entry: bytes) -> Track:
    """A sound that is not copied, whatever its tables say: of PCM each sample is one of theirs."""
    none = np.zeros(0, np.int64)
    return Track(handler, entry, b"", 1, 0.0, 0, None, False, 0, none, none, none, none.astype(np.bool_), ())


def _one(fetch: Fetch, start: int, stop: int, *path: bytes) -> bytes:
    """The content of the one box of that path that has to be there."""
    found = inside(fetch, start, stop, *path)
    if len(found) != 1 or found[0][1] - found[0][0] > _DESCRIPTION_LIMIT_BYTES:
        raise Damaged(
            f"the clip has {len(found)} {path[-1].decode('ascii', 'replace')} boxes where one is wanted"
        )
    return fetch(*found[0])


def _ticks(head: bytes) -> int:
    """Ticks a second of mvhd or mdhd, which begin alike."""
    return int(struct.unpack_from(">I", head, 20 if head[0] == 1 else 12)[0])


def _moment(head: bytes) -> datetime | None:
    """When it was made, of mvhd; devices without a clock say nothing, or the epoch of another clock."""
    (seconds,) = struct.unpack_from(">Q" if head[0] == 1 else ">I", head, 4)
    try:
        made_at = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return None
    return made_at if made_at.year >= 1990 else None


def _turned(head: bytes) -> int:
    """By the matrix of tkhd (ISO 14496-12 §8.3.2); a mirrored or slanting one counts as upright."""
    at = 52 if head[0] == 1 else 40
    a, b, _, c, d = struct.unpack_from(">5i", head, at)
    signs = tuple((each > 0) - (each < 0) for each in (a, b, c, d))
    return {(0, 1, -1, 0): 90, (-1, 0, 0, -1): 180, (0, -1, 1, 0): 270}.get(signs, 0)


def _words(fetch: Fetch, inner: dict[bytes, tuple[int, int]], kind: bytes, width: int) -> Numbers:
    """A table of a full box: rows of so many 32-bit numbers."""
    if kind not in inner:
        raise Damaged(f"a track of the clip has no {kind.decode()} box")
    start, stop = inner[kind]
    (count,) = struct.unpack(">I", fetch(start + 4, start + 8))
    if count > SAMPLES_LIMIT or start + 8 + 4 * width * count > stop:
        raise Damaged(f"the clip's {kind.decode()} box is shorter than it says, or longer than a clip's")
    table = np.frombuffer(fetch(start + 8, start + 8 + 4 * width * count), ">u4")
    return table.reshape(count, width).astype(np.int64)


def _runs(table: Numbers, count: int, what: str) -> Numbers:
    """Run lengths and values, as one value a sample."""
    if int(table[:, 0].sum()) != count:
        raise Damaged(f"the clip says {what} of other samples than it has")
    return np.repeat(table[:, 1], table[:, 0])


def _sizes(fetch: Fetch, inner: dict[bytes, tuple[int, int]], size: int) -> Numbers:
    if b"stsz" not in inner:
        raise Damaged("a track of the clip does not say how large its samples are")
    start, stop = inner[b"stsz"]
    same, count = struct.unpack(">II", fetch(start + 4, start + 12))
    if count > SAMPLES_LIMIT:
        raise Damaged(f"a track of more than {SAMPLES_LIMIT:,} samples")
    if same * count > size:
        raise Damaged("the clip is cut off: samples of it are missing")
    if same:
        return np.full(count, same, np.int64)
    if start + 12 + 4 * count > stop:
        raise Damaged("the clip's stsz box is shorter than it says")
    return np.frombuffer(fetch(start + 12, start + 12 + 4 * count), ">u4").astype(np.int64)


def _chunks(
    fetch: Fetch, inner: dict[bytes, tuple[int, int]], count: int
) -> tuple[tuple[int, int, int], ...]:
    """Samples lie together in chunks: stsc says how many in which, stco or co64 where."""
    runs = _words(fetch, inner, b"stsc", 3)
    if b"co64" in inner:
        halves = _words(fetch, inner, b"co64", 2)
        places = halves[:, 0] * (1 << 32) + halves[:, 1]
    else:
        places = _words(fetch, inner, b"stco", 1)[:, 0]
    number = len(places)
    firsts = runs[:, 0] - 1
    if not len(runs) or firsts[0] or (np.diff(firsts) <= 0).any() or firsts[-1] >= number:
        raise Damaged("the clip's chunks are not where it says")
    if (runs[:, 2] != 1).any():
        raise Damaged("a track of the clip changes its encoding on the way: split it there")
    each = np.repeat(runs[:, 1], np.diff(np.append(firsts, number)))
    if int(each.sum()) != count:
        raise Damaged("the clip's chunks hold other samples than it has")
    starts = np.cumsum(each) - each
    return tuple(zip(starts.tolist(), each.tolist(), places.tolist(), strict=True))


def _description(fetch: Fetch, start: int, stop: int) -> tuple[bytes, bytes]:
    """The first entry of stsd; others belong to samples that name them, which is refused."""
    for kind, at, end in boxes(fetch, start + 8, stop):
        if end - at > _DESCRIPTION_LIMIT_BYTES:
            raise Damaged("the description of a track is longer than one is")
        return kind, fetch(at, end)
    raise Damaged("a track of the clip does not say how it is encoded")


def _edits(
    fetch: Fetch, start: int, stop: int, movie_ticks: int, ticks_a_second: int
) -> tuple[float, int, int | None, bool]:
    """Delay, beginning, length, and whether it is cut up (ISO 14496-12 §8.6.6)."""
    found = inside(fetch, start, stop, b"edts", b"elst")
    if not found:
        return 0.0, 0, None, False
    table = fetch(found[0][0], min(found[0][1], found[0][0] + _DESCRIPTION_LIMIT_BYTES))
    layout = ">Qqi" if table[0] == 1 else ">Iii"
    (count,) = struct.unpack_from(">I", table, 4)
    edits = list(struct.iter_unpack(layout, table[8 : 8 + count * struct.calcsize(layout)]))
    delay = 0.0
    while edits and edits[0][1] == -1:
        delay += edits.pop(0)[0] / movie_ticks
    if not edits:
        return delay, 0, None, False
    length, starts_at, rate = edits[0]
    is_cut_up = len(edits) > 1 or rate != 0x10000
    return delay, starts_at, round(length * ticks_a_second / movie_ticks) or None, is_cut_up


def _check_places(track: Track, size: int) -> None:
    """Samples are within the file: an announced one that is not there is how a cut-off clip is known."""
    before = np.concatenate(([0], np.cumsum(track.sizes)))
    for first, count, place in track.chunks:
        if place + int(before[first + count] - before[first]) > size:
            raise Damaged("the clip is cut off: samples of it are missing")


def _said(fetch: Fetch, start: int, stop: int) -> dict[str, str]:
    """Texts of udta (QuickTime's ©mak …) and of meta's keys (com.apple.quicktime.make …)."""
    found: dict[str, str] = {}
    for first, last in inside(fetch, start, stop, b"udta"):
        for kind, at, end in boxes(fetch, first, last):
            if kind[:1] == b"\xa9" and end - at > 4:
                found[kind[1:].decode("ascii", "replace")] = _text(fetch(at + 4, min(end, at + 260)))
    for first, last in (*inside(fetch, start, stop, b"meta"), *inside(fetch, start, stop, b"udta", b"meta")):
        # QuickTime's has no version and flags in front; ISO's has.
        at = first if fetch(first + 4, first + 8) == b"hdlr" else first + 4
        found |= _keyed(fetch, at, last)
    return found


def _keyed(fetch: Fetch, start: int, stop: int) -> dict[str, str]:
    inner = {name: (at, end) for name, at, end in boxes(fetch, start, stop)}
    if b"keys" not in inner or b"ilst" not in inner:
        return {}
    first, last = inner[b"keys"]
    keys = [fetch(at, min(end, at + 200)) for _, at, end in boxes(fetch, first + 8, last)]
    found = {}
    for number, at, end in boxes(fetch, *inner[b"ilst"]):
        index = int.from_bytes(number, "big") - 1
        for kind, value, value_end in boxes(fetch, at, end):
            if kind == b"data" and 0 <= index < len(keys):
                key = keys[index].decode("ascii", "replace").rpartition(".")[2]
                found[key] = _text(fetch(value + 8, min(value_end, value + 264)))
    return found


def _text(said: bytes) -> str:
    return said.decode("utf-8", "replace").strip("\0 ")
