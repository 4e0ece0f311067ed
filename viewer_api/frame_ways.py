"""How frames leave for what a reader accepts (PS3.18 §8.7.3.3, Tables 8.7.3-4 and 8.7.3-5). Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from storage.elements import EXPLICIT_LITTLE
from storage.syntaxes import LOSSLESS, NATIVE
from storage.transcoding import TARGETS, can_transcode
from viewer_api.media import OCTETS, PIXEL_MEDIA_TYPES, Range

#: What is encoded for a reader who names a media type and no syntax, the most usual first.
_ENCODED = [syntax for syntax in PIXEL_MEDIA_TYPES if syntax in TARGETS and syntax != EXPLICIT_LITTLE]


@dataclass(frozen=True, slots=True)
class FrameWay:
    """One form in which frames can leave."""

    media_type: str
    transfer_syntax: str  # Explicit VR Little Endian: native, whatever else is stored
    is_multipart: bool
    is_as_stored: bool  # no codec is asked

    @property
    def content_type(self) -> str:
        """Of each part."""
        return f"{self.media_type}; transfer-syntax={self.transfer_syntax}"


def frame_ways(ranges: Iterable[Range], stored: str, count: int) -> Iterator[FrameWay]:
    """The forms in which so many frames can leave, the best first, as far as the transfer syntaxes say.

    Of ranges that a reader likes alike (their order says nothing, RFC 9110 §12.5.1), those come first that
    take the frames as they are stored: a viewer of slides names every compression that it knows, and no tile
    is to be encoded anew for it. Whether an encoding has room for the pixels only their description says
    (storage.transcoding.described).
    """
    for each in sorted(ranges, key=lambda each: (-each.quality, not _takes_as_stored(each, stored))):
        is_multipart = each.is_multipart or each.media_type == "*/*"
        if count != 1 and not is_multipart:
            continue
        for syntax in _syntaxes(each, stored):
            media_type = _media_type(each, syntax)
            if media_type is not None and can_transcode(stored, syntax):
                yield FrameWay(media_type, syntax, is_multipart, syntax == _as_stored(stored))


def _takes_as_stored(each: Range, stored: str) -> bool:
    """Whether frames as they are stored are the first that the range takes."""
    syntax = _syntaxes(each, stored)[0]
    return syntax == _as_stored(stored) and _media_type(each, syntax) is not None


def _as_stored(stored: str) -> str:
    """Native frames leave little endian, whatever data set they lie in."""
    return EXPLICIT_LITTLE if stored in NATIVE else stored


def _syntaxes(each: Range, stored: str) -> list[str]:
    as_stored = _as_stored(stored)
    if each.transfer_syntax not in (None, "*"):
        wanted = each.transfer_syntax
        return [as_stored if wanted == stored else wanted]
    named = [] if each.media_type in ("*/*", OCTETS) else _ENCODED
    if each.transfer_syntax == "*":
        return [as_stored, *named]
    # Explicit VR Little Endian, but what was stored lossy as it is (§8.7.3.3); so is what nobody can decode
    if stored in LOSSLESS:
        return [EXPLICIT_LITTLE, as_stored, *named]
    return [as_stored, EXPLICIT_LITTLE, *named]


def _media_type(each: Range, syntax: str) -> str | None:
    """What frames in that syntax are called within the range; octets may be of any syntax that is named."""
    usual = OCTETS if syntax == EXPLICIT_LITTLE else PIXEL_MEDIA_TYPES.get(syntax, OCTETS)
    if each.media_type == OCTETS and each.transfer_syntax is not None:
        return OCTETS
    return usual if each.takes(usual) else None


def frame_offers(stored: str) -> list[str]:
    """What frames stored in a syntax can be had as, for the body of a 406."""
    syntaxes = dict.fromkeys(
        [_as_stored(stored), *(each for each in sorted(TARGETS) if can_transcode(stored, each))]
    )
    named = [(PIXEL_MEDIA_TYPES.get(each, OCTETS), each) for each in syntaxes]
    if stored not in NATIVE and PIXEL_MEDIA_TYPES.get(stored) is not None:
        named.append((OCTETS, stored))
    return [f"{media_type}; transfer-syntax={syntax}" for media_type, syntax in named]
