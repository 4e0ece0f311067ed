"""Damage to a file, as disks, networks and people who mean harm do it. Pure: a seed names what it makes."""

from collections.abc import Callable, Sequence
from random import Random

#: Numbers that lengths, counts and offsets should not be.
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)

#: What stands for much more than it is.
WORDS = (
    b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>&b;",
    b"<a>" * 200,
    b"[" * 2000,
    b"9" * 400,
    b"nan",
    b"1e999",
    b"\xff\xfe",
    b"\0" * 64,
    b"../../",
)

Change = Callable[[bytearray, Random], None]


def changed(content: bytes, seed: int) -> bytes:
    """The same content and seed always give the same file: one change, or a few."""
    random = Random(seed)
    damaged = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 4, 8))):
        random.choice(_CHANGES)(damaged, random)
    return bytes(damaged)


def _place(content: bytearray, random: Random) -> int:
    """Heads hold what steers a reader: every second change is there."""
    return (
        random.randrange(min(len(content), 4096) if random.random() < 0.5 else len(content)) if content else 0
    )


def _flip(content: bytearray, random: Random) -> None:
    if content:
        content[_place(content, random)] ^= 1 << random.randrange(8)


def _noise(content: bytearray, random: Random) -> None:
    at = _place(content, random)
    noise = random.randbytes(random.randint(1, 16))
    content[at : at + len(noise)] = noise


def _extreme(content: bytearray, random: Random) -> None:
    """A number of one, two, four or eight bytes, in either order."""
    at, width = _place(content, random), random.choice((1, 2, 4, 4, 8))
    value = random.choice(EXTREMES) % (1 << 8 * width)
    content[at : at + width] = value.to_bytes(width, random.choice(("little", "big")))


def _cut(content: bytearray, random: Random) -> None:
    del content[_place(content, random) :]


def _drop(content: bytearray, random: Random) -> None:
    at = _place(content, random)
    del content[at : at + random.randint(1, 64)]


def _repeat(content: bytearray, random: Random) -> None:
    at = _place(content, random)
    piece = content[at : at + random.randint(1, 256)]
    content[at:at] = piece * random.choice((1, 2, 50))


def _swap(content: bytearray, random: Random) -> None:
    """One part in the place of another: offsets that lead elsewhere, tags twice."""
    start, end, length = _place(content, random), _place(content, random), random.randint(1, 32)
    content[end : end + length] = content[start : start + length]


def _word(content: bytearray, random: Random) -> None:
    at = _place(content, random)
    content[at:at] = random.choice(WORDS)


_CHANGES: Sequence[Change] = (_flip, _noise, _extreme, _extreme, _cut, _drop, _repeat, _swap, _word)
