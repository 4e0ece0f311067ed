"""Samples of an MP4 or QuickTime file, byte for byte, in an MP4 file that says nothing else (ISO 14496-12).

Every table is written anew from what was read: no date, no place, no name, no maker's box has a way through.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ologies.clips.movie import Numbers, Track
from ologies.writing import Stretch

_BRANDS = b"isom\0\0\2\0isomiso2mp41"
_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_UNDETERMINED = 0x55C4  # "und", ISO 639-2 packed (ISO 14496-12 §8.4.2.3)


@dataclass(frozen=True, slots=True, eq=False)
class Copied:
    """A track that is copied, with the sample entry that describes it here."""

    track: Track
    entry: bytes  # stsd's, whole
    width_px: int = 0
    height_px: int = 0


def copied(path: Path, tracks: Sequence[Copied]) -> tuple[bytes | Stretch, ...]:
    """The file in pieces: its head, then the samples as they lie in their own. Of an even length."""
    chunks = sorted(
        (place, number, first, count)
        for number, each in enumerate(tracks)
        for first, count, place in each.track.chunks
    )
    ends = [np.concatenate(([0], np.cumsum(each.track.sizes))) for each in tracks]
    lengths = [int(ends[number][first + count] - ends[number][first]) for _, number, first, count in chunks]
    samples = sum(lengths)
    is_long = samples > 0xF000_0000

    def whole_head(start: int, content: int) -> bytes:
        places: list[list[tuple[int, int]]] = [[] for _ in tracks]
        at = start
        for (_, number, first, _), length in zip(chunks, lengths, strict=True):
            places[number].append((first, at))
            at += length
        in_order = [[at for _, at in sorted(each)] for each in places]
        short, long = (8 + content, b"mdat"), (1, b"mdat", 16 + content)
        opening = struct.pack(">I4sQ", *long) if is_long else struct.pack(">I4s", *short)
        return _box(b"ftyp", _BRANDS) + _moov(tracks, in_order, is_long) + opening

    # Where the samples begin depends on how long the tables are, which does not depend on where they begin.
    start = len(whole_head(0, 0))
    filling = bytes((start + samples) % 2)
    here = [(place, length) for (place, *_), length in zip(chunks, lengths, strict=True)]
    return whole_head(start, samples + len(filling)), *_joined(path, here), *([filling] if filling else [])


def _joined(path: Path, places: Sequence[tuple[int, int]]) -> Iterator[Stretch]:
    """Neighbours in the file are one."""
    open_ = Stretch(path, 0, 0)
    for at, length in places:
        if open_.length and at == open_.at + open_.length:
            open_ = replace(open_, length=open_.length + length)
            continue
        if open_.length:
            yield open_
        open_ = Stretch(path, at, length)
    if open_.length:
        yield open_


def _moov(tracks: Sequence[Copied], places: Sequence[Sequence[int]], is_long: bool) -> bytes:
    ticks = tracks[0].track.ticks_a_second
    lasts = [ceil_div(_shown(each.track) * ticks, each.track.ticks_a_second) for each in tracks]
    head = struct.pack(">IQQIQ", 1 << 24, 0, 0, ticks, max(lasts)) + struct.pack(">IH10x", 0x10000, 0x100)
    return _box(
        b"moov",
        _box(b"mvhd", head, _MATRIX, bytes(24), struct.pack(">I", len(tracks) + 1)),
        *(
            _trak(number + 1, each, places[number], is_long, ticks, lasts[number], tracks[0].track.delay_s)
            for number, each in enumerate(tracks)
        ),
    )


def _shown(track: Track) -> int:
    """Ticks from the beginning of its presentation to its end."""
    return int((track.times + track.durations).max()) - _starts_at(track)


def _starts_at(track: Track) -> int:
    """Pictures are all shown; a sound's first samples may be there for its decoder only."""
    return int(track.times.min()) if track.handler == b"vide" else track.starts_at


def _trak(
    number: int,
    copied: Copied,
    places: Sequence[int],
    is_long: bool,
    ticks: int,
    shown: int,
    video_delay_s: float,
) -> bytes:
    track = copied.track
    is_video = track.handler == b"vide"
    head = struct.pack(
        ">IQQIIQ8xHHHH", 1 << 24 | 3, 0, 0, number, 0, shown, 0, 0, 0 if is_video else 0x100, 0
    )
    size = struct.pack(">II", copied.width_px << 16, copied.height_px << 16)
    media = struct.pack(
        ">IQQIQHH", 1 << 24, 0, 0, track.ticks_a_second, int(track.durations.sum()), _UNDETERMINED, 0
    )
    kind = _full(b"vmhd", struct.pack(">HHHH", 0, 0, 0, 0), flags=1) if is_video else _full(b"smhd", bytes(4))
    return _box(
        b"trak",
        _box(b"tkhd", head, _MATRIX, size),
        _box(b"edts", _elst(track, ticks, shown, video_delay_s)),
        _box(
            b"mdia",
            _box(b"mdhd", media),
            _full(b"hdlr", bytes(4), track.handler, bytes(13)),
            _box(
                b"minf",
                kind,
                _box(b"dinf", _full(b"dref", struct.pack(">I", 1), _full(b"url ", flags=1))),
                _box(b"stbl", *_tables(copied, places, is_long)),
            ),
        ),
    )


def _elst(track: Track, ticks: int, shown: int, video_delay_s: float) -> bytes:
    """The pictures begin at once; the sound as much later, or earlier, as it did (ISO 14496-12 §8.6.6)."""
    starts_at, edits = _starts_at(track), []
    if track.handler != b"vide":
        later_s = track.delay_s - video_delay_s
        if later_s > 0:
            edits.append(struct.pack(">Qqi", round(later_s * ticks), -1, 0x10000))
        else:
            starts_at += round(-later_s * track.ticks_a_second)
    edits.append(struct.pack(">Qqi", shown, starts_at, 0x10000))
    return _box(b"elst", struct.pack(">II", 1 << 24, len(edits)), *edits)


def _tables(copied: Copied, places: Sequence[int], is_long: bool) -> Iterator[bytes]:
    track = copied.track
    yield _full(b"stsd", struct.pack(">I", 1), copied.entry)
    yield _full(b"stts", _runs(track.durations))
    if track.shifts.any():
        yield _full(b"ctts", _runs(track.shifts), version=1)
    if not track.is_key.all():
        keys = np.flatnonzero(track.is_key) + 1
        yield _full(b"stss", struct.pack(">I", len(keys)), keys.astype(">u4").tobytes())
    counts = np.array([count for _, count, _ in sorted(track.chunks)], np.int64)
    at = np.flatnonzero(np.diff(counts, prepend=-1))
    rows = np.stack([at + 1, counts[at], np.ones(len(at), np.int64)], axis=1)
    yield _full(b"stsc", struct.pack(">I", len(rows)), rows.astype(">u4").tobytes())
    yield _full(b"stsz", struct.pack(">II", 0, len(track.sizes)), track.sizes.astype(">u4").tobytes())
    width, name = (">u8", b"co64") if is_long else (">u4", b"stco")
    yield _full(name, struct.pack(">I", len(places)), np.array(places, np.int64).astype(width).tobytes())


def _runs(values: Numbers) -> bytes:
    """Run lengths and values."""
    at = np.flatnonzero(np.diff(values, prepend=values[0] - 1))
    counts = np.diff(np.append(at, len(values)))
    rows = np.stack([counts, values[at]], axis=1)
    return struct.pack(">I", len(rows)) + rows.astype(">i4").tobytes()


def _box(kind: bytes, *content: bytes) -> bytes:
    length = 8 + sum(map(len, content))
    return b"".join((struct.pack(">I4s", length, kind), *content))


def _full(kind: bytes, *content: bytes, version: int = 0, flags: int = 0) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags), *content)


def ceil_div(number: int, by: int) -> int:
    """Rounded up, so that nothing of the end is cut off."""
    return -(-number // by)
