"""Whether two data sets say the same, however they are encoded, and where they differ.

Ordinary senders re-encode: another transfer syntax, other lengths, other padding. None of that is other
content; other values are, and other pixels. In doubt they differ: nothing is lost by keeping both.
"""

from dataclasses import dataclass

from storage.content import Content, Encoded, content_of
from storage.elements import encoding_of
from storage.errors import Unreadable
from storage.frames import PIXELS
from storage.pixels import may_show_the_same, show_the_same
from storage.syntaxes import COLOURS

__all__ = ["Difference", "Encoded", "differences"]

_PHOTOMETRIC_INTERPRETATION = 0x00280004
_PLANAR_CONFIGURATION = 0x00280006


@dataclass(frozen=True, slots=True)
class Difference:
    """One attribute that two data sets do not share. Never its values."""

    tag: str
    how: str  # "changed", "only in the first", "only in the second"


#: One of them breaks off, or cannot be walked to its end: whether they say the same cannot be told.
INCOMPARABLE = Difference("FFFFFFFF", "cannot be read to its end")


def differences(first: Encoded, second: Encoded) -> tuple[Difference, ...]:
    """What tells two data sets apart; nothing where they say the same."""
    try:
        ours, theirs = _contents(first, second)
    except Unreadable:
        return (INCOMPARABLE,)
    ignored = _explained_by_pixels(first, second, ours, theirs)
    return tuple(
        Difference(f"{tag:08X}", _how(tag, ours, theirs))
        for tag in sorted(ours.prints.keys() | theirs.prints.keys())
        if tag not in ignored and ours.prints.get(tag) != theirs.prints.get(tag)
    )


def _contents(first: Encoded, second: Encoded) -> tuple[Content, Content]:
    """Both; the one that says the VRs of private attributes lends them to the other."""
    if not encoding_of(first.transfer_syntax_uid).explicit:
        theirs = content_of(second, {})
        return content_of(first, theirs.vrs), theirs
    ours = content_of(first, {})
    theirs = content_of(second, ours.vrs)
    if ours.unnamed & theirs.vrs.keys():
        ours = content_of(first, theirs.vrs)
    return ours, theirs


def _how(tag: int, ours: Content, theirs: Content) -> str:
    if tag not in theirs.prints:
        return "only in the first"
    return "changed" if tag in ours.prints else "only in the second"


def _explained_by_pixels(first: Encoded, second: Encoded, ours: Content, theirs: Content) -> set[int]:
    """What differs only because the same pixels are encoded otherwise. Lossy ones never are the same."""
    differing = {tag for tag in PIXELS if ours.prints.get(tag) != theirs.prints.get(tag)}
    pair = (first, second)
    if not differing or not may_show_the_same(*pair):
        return set()
    if not show_the_same(*pair):
        return set()
    explained = differing | {_PLANAR_CONFIGURATION}
    if {ours.photometric, theirs.photometric} <= COLOURS:
        explained.add(_PHOTOMETRIC_INTERPRETATION)
    return explained
