"""How whole instances leave for what a reader accepts (PS3.18 §8.7.3, §8.7.8, §10.4.3). Pure."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from enum import Enum

from storage.elements import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from storage.stored import Stored
from storage.syntaxes import LOSSLESS, NATIVE
from storage.transcoding import INSTANCE_TARGETS, can_transcode_instance
from viewer_api.media import DICOM, ZIP, Range
from viewer_api.problems import NotAcceptable

_NOT_FOR_THE_WEB = frozenset({IMPLICIT_LITTLE, EXPLICIT_BIG})


class Wrapping(Enum):
    """What instances leave in."""

    MULTIPART = "multipart/related"
    ALONE = DICOM
    ZIPPED = ZIP


@dataclass(frozen=True, slots=True)
class Chosen:
    """How instances leave: those that can be had, in order, each in its own transfer syntax."""

    wrapping: Wrapping
    syntaxes: Sequence[tuple[Stored, str]]


def choose(ranges: Sequence[Range], instances: Sequence[Stored], too_long: Set[int]) -> Chosen:
    """The first wrapping accepted in which all can be had, else most of them. Raises NotAcceptable.

    Within it, each instance leaves in the first syntax accepted that it can be had in (PS3.18 §8.7.8.1).
    `too_long` are the ids of those that have no room without compression.
    """
    by_wrapping: dict[Wrapping, list[Range]] = {}
    for each in ranges:
        if (wrapping := _wrapping(each, len(instances))) is not None:
            by_wrapping.setdefault(wrapping, []).append(each)
    best: Chosen | None = None
    for wrapping, within in by_wrapping.items():
        found = ((stored, _first(stored, within, stored.id in too_long)) for stored in instances)
        had = [(stored, syntax) for stored, syntax in found if syntax is not None]
        if had and (best is None or len(had) > len(best.syntaxes)):
            best = Chosen(wrapping, had)
    if best is None:
        raise NotAcceptable(offers({each.transfer_syntax for each in instances}))
    return best


def _wrapping(each: Range, count: int) -> Wrapping | None:
    if not each.is_multipart and each.media_type == ZIP:
        return Wrapping.ZIPPED
    if not each.takes(DICOM):
        return None
    if each.is_multipart or each.media_type in ("*/*", "application/*"):
        return Wrapping.MULTIPART
    return Wrapping.ALONE if count == 1 else None


def _first(stored: Stored, ranges: Iterable[Range], is_too_long: bool) -> str | None:
    syntaxes = (syntax_for(stored.transfer_syntax, each.transfer_syntax, is_too_long) for each in ranges)
    return next(filter(None, syntaxes), None)


def syntax_for(stored: str, wanted: str | None, is_too_long: bool = False) -> str | None:
    """In what an instance leaves for a reader who wants a syntax; None where it cannot.

    Without a syntax, readers get Explicit VR Little Endian, but what was stored lossy, or is too long for it,
    as it is. "*" is as stored, but Implicit VR and Big Endian are not for the web (PS3.18 §8.7.3). A reader
    who names exactly what is stored gets exactly that.
    """
    if wanted == stored:
        return stored
    if wanted == "*":
        return EXPLICIT_LITTLE if stored in _NOT_FOR_THE_WEB else stored
    can_be_native = can_transcode_instance(stored, EXPLICIT_LITTLE) and not is_too_long
    if wanted is None:
        return EXPLICIT_LITTLE if stored in NATIVE | LOSSLESS and can_be_native else stored
    if wanted in _NOT_FOR_THE_WEB or (wanted in NATIVE and not can_be_native):
        return None
    return wanted if can_transcode_instance(stored, wanted) else None


def offers(stored: Iterable[str]) -> list[str]:
    """What instances in these syntaxes can be had as, for the body of a 406."""
    syntaxes = set(stored)
    for each in tuple(syntaxes):
        syntaxes |= {wanted for wanted in INSTANCE_TARGETS if syntax_for(each, wanted) == wanted}
    return [*(f"{DICOM}; transfer-syntax={syntax}" for syntax in sorted(syntaxes)), ZIP]


def offers_as_stored(stored: Iterable[str]) -> list[str]:
    """What is left where transcoding failed."""
    return [*(f"{DICOM}; transfer-syntax={syntax}" for syntax in sorted(set(stored))), ZIP]
