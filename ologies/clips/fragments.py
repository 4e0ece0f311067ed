"""A video stream as the fragments of Pixel Data (PS3.5 §8.2.5 to §8.2.11, §A.4)."""

from collections.abc import Iterator, Sequence

from ologies.videos import H265_MAIN, H265_MAIN_10
from ologies.writing import FRAGMENT_LIMIT_BYTES, Encapsulated, Joined, Stretch

#: These may be in several fragments as they are; the others have a Fragmentable form, whose UID ends so.
_FRAGMENTABLE = frozenset({H265_MAIN, H265_MAIN_10})
_SUFFIX = ".1"


def fragmented(
    syntax: str, pieces: Sequence[bytes | Stretch], limit: int = FRAGMENT_LIMIT_BYTES
) -> tuple[str, Encapsulated]:
    """In one fragment where it fits, and the transfer syntax that says so."""
    fragments = [*_cut(pieces, limit)]
    if len(fragments) > 1 and syntax not in _FRAGMENTABLE:
        syntax += _SUFFIX
    return syntax, Encapsulated(fragments, len(fragments))


def _cut(pieces: Sequence[bytes | Stretch], limit: int) -> Iterator[Joined]:
    held: list[bytes | Stretch] = []
    room = limit
    for piece in pieces:
        rest = piece
        while (length := _length(rest)) > room:
            begun, rest = _split(rest, room)
            yield Joined((*held, begun))
            held, room = [], limit
        held.append(rest)
        room -= length
    yield Joined(tuple(held))


def _length(piece: bytes | Stretch) -> int:
    return len(piece) if isinstance(piece, bytes) else piece.length


def _split(piece: bytes | Stretch, at: int) -> tuple[bytes | Stretch, bytes | Stretch]:
    if isinstance(piece, bytes):
        return piece[:at], piece[at:]
    return Stretch(piece.path, piece.at, at), Stretch(piece.path, piece.at + at, piece.length - at)
