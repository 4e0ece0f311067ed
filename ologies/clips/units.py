"""What a coded stream holds besides its pictures: messages of its maker (SEI, ISO 14496-10 annex D)."""

from collections.abc import Iterator

import numpy as np

from ologies.clips.movie import Track
from ologies.codestreams import Fetch

#: Samples that are looked at, and bytes of each: such messages stand before the picture.
_SAMPLES = 64
_HEAD_BYTES = 4096
#: SEI as a unit of H.264, and the two of H.265; the messages that hold what anybody likes.
_SEI_H264, _SEI_H265 = 6, frozenset({39, 40})
_USER_DATA = frozenset({4, 5})
#: Of x264 and x265, who write how they were set and no more.
_KNOWN = frozenset(
    {bytes.fromhex("dc45e9bde6d948b7962cd820d923eeef"), bytes.fromhex("2ca2de09b51747dbbb55a4fe7fc2fc4e")}
)


def holds_messages(fetch: Fetch, track: Track, length_bytes: int, is_h264: bool) -> bool:
    """Whether the first samples hold user data that is not known to be harmless."""
    return any(
        _is_unknown(unit[1 if is_h264 else 2 :])
        for head in _heads(fetch, track)
        for unit in _units(head, length_bytes)
        if (unit[0] & 0x1F == _SEI_H264 if is_h264 else unit[0] >> 1 & 0x3F in _SEI_H265)
    )


def _heads(fetch: Fetch, track: Track) -> Iterator[bytes]:
    before = np.concatenate(([0], np.cumsum(track.sizes)))
    for first, count, place in track.chunks:
        for sample in range(first, min(first + count, _SAMPLES)):
            at = place + int(before[sample] - before[first])
            yield fetch(at, at + min(int(track.sizes[sample]), _HEAD_BYTES))
        if first + count >= _SAMPLES:
            return


def _units(head: bytes, length_bytes: int) -> Iterator[bytes]:
    """Each with its length in front (ISO 14496-15 §5.3.2); the last may be cut."""
    at = 0
    while at + length_bytes < len(head):
        length = int.from_bytes(head[at : at + length_bytes], "big")
        at += length_bytes
        if length:
            yield head[at : at + length]
        at += length


def _is_unknown(messages: bytes) -> bool:
    """Types and lengths are each as many 255s as it takes, and a rest (§7.3.2.3.1)."""
    at = 0
    while at + 2 < len(messages):
        numbers = []
        for _ in range(2):
            number = 0
            while at < len(messages) and messages[at] == 0xFF:
                number, at = number + 255, at + 1
            if at >= len(messages):
                return False
            numbers.append(number + messages[at])
            at += 1
        kind, length = numbers
        if kind in _USER_DATA and messages[at : at + 16] not in _KNOWN:
            return True
        at += length
    return False
