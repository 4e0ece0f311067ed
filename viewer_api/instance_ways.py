"""How whole instances leave for what a reader accepts (PS3.18 §8.7.3, §8.7.8, §10.4.3). Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from storage.archive import Stored
from storage.elements import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from storage.leaving import Way
from storage.syntaxes import LOSSLESS, NATIVE
from viewer_api.media import DICOM, ZIP, Range
from viewer_api.problems import NotAcceptable


@dataclass(frozen=True, slots=True)
class Decoding:
    """What can be decoded here."""

    syntaxes: frozenset[str]  # lossless ones with a decoder
    limit_bytes: int  # of an object

    def reaches(self, syntax: str, size: int) -> bool:
        """Whether an object in that syntax can be decoded."""
        return syntax in self.syntaxes and size <= self.limit_bytes


#: What is left when decoding failed.
NO_DECODING = Decoding(frozenset(), 0)


class Wrapping(Enum):
    """What instances leave in."""

    MULTIPART = "multipart/related"
    ALONE = DICOM
    ZIPPED = ZIP


@dataclass(frozen=True, slots=True)
class Chosen:
    """How instances leave: those that can be had, in order, each in its own way."""

    wrapping: Wrapping
    ways: Sequence[tuple[Stored, Way]]


def choose(ranges: Sequence[Range], instances: Sequence[Stored], decoding: Decoding) -> Chosen:
    """The first wrapping accepted in which all can be had, else most of them. Raises NotAcceptable.

    Within it, each instance leaves in the first syntax accepted that it can be had in (PS3.18 §8.7.8.1).
    """
    by_wrapping: dict[Wrapping, list[Range]] = {}
    for each in ranges:
        if (wrapping := _wrapping(each, len(instances))) is not None:
            by_wrapping.setdefault(wrapping, []).append(each)
    best: Chosen | None = None
    for wrapping, within in by_wrapping.items():
        ways = ((stored, _first_way(stored, within, decoding)) for stored in instances)
        had = [(stored, way) for stored, way in ways if way is not None]
        if had and (best is None or len(had) > len(best.ways)):
            best = Chosen(wrapping, had)
    if best is None:
        raise NotAcceptable(offers({each.transfer_syntax for each in instances}, decoding))
    return best


def _wrapping(each: Range, count: int) -> Wrapping | None:
    if not each.is_multipart and each.media_type == ZIP:
        return Wrapping.ZIPPED
    if not each.takes(DICOM):
        return None
    if each.is_multipart or each.media_type in ("*/*", "application/*"):
        return Wrapping.MULTIPART
    return Wrapping.ALONE if count == 1 else None


def _first_way(stored: Stored, ranges: Iterable[Range], decoding: Decoding) -> Way | None:
    for each in ranges:
        way = way_for(stored.transfer_syntax, stored.size, each.transfer_syntax, decoding)
        if way is not None:
            return way
    return None


def way_for(stored: str, size: int, wanted: str | None, decoding: Decoding) -> Way | None:
    """How an instance stored in one syntax leaves for a reader who wants another; None where it cannot.

    Without a syntax, readers get Explicit VR Little Endian, but what was stored lossy, or is too long
    to decode, as it is. "*" is as stored, but Implicit VR and Big Endian are not for the web (PS3.18
    §8.7.3). A reader who names exactly what is stored gets exactly that.
    """
    if wanted == stored or (stored == EXPLICIT_LITTLE and wanted in (None, "*")):
        return Way.AS_STORED
    if wanted == "*":
        return Way.EXPLICIT if stored in (IMPLICIT_LITTLE, EXPLICIT_BIG) else Way.AS_STORED
    if wanted not in (None, EXPLICIT_LITTLE):
        return None
    if stored in NATIVE:
        return Way.EXPLICIT
    if decoding.reaches(stored, size):
        return Way.DECODED
    if wanted is None and (stored not in LOSSLESS or size > decoding.limit_bytes):
        return Way.AS_STORED
    return None


def offers(stored: Iterable[str], decoding: Decoding) -> list[str]:
    """What instances in these syntaxes can be had as, for the body of a 406."""
    syntaxes = set(stored)
    if syntaxes & (NATIVE | decoding.syntaxes):
        syntaxes.add(EXPLICIT_LITTLE)
    return [*(f"{DICOM}; transfer-syntax={syntax}" for syntax in sorted(syntaxes)), ZIP]
