"""What an instance can be shown as (PS3.18 §8.7.2, §8.7.4). Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from storage.errors import NotHeld
from storage.frames import Form
from storage.stored import Stored
from viewer_api.media import DICOM, PIXEL_MEDIA_TYPES, Range
from viewer_api.problems import NotAcceptable
from viewer_api.rendering.files import GIF, PICTURES

HTML, PLAIN, PDF, XML, SVG = "text/html", "text/plain", "application/pdf", "text/xml", "image/svg+xml"

_STORAGE = "1.2.840.10008.5.1.4.1.1."
#: What is in an Encapsulated Document of each class (PS3.3 §C.24).
_DOCUMENTS: Mapping[str, str] = {
    _STORAGE + "104.1": PDF,
    _STORAGE + "104.2": XML,
    _STORAGE + "104.3": "model/stl",
    _STORAGE + "104.4": "model/obj",
    _STORAGE + "104.5": "model/mtl",
}
KEY_OBJECTS = _STORAGE + "88.59"
#: Grayscale and Color Softcopy Presentation States: of one picture at a time.
_PRESENTATIONS = frozenset({_STORAGE + "11.1", _STORAGE + "11.2"})


#: Pictures in one answer: more are asked for series by series, or frame by frame.
PARTS_LIMIT = 10_000


class Kind(Enum):
    """What is drawn, and how."""

    PICTURE = "picture"
    VIDEO = "video"
    WAVEFORM = "waveform"
    DOCUMENT = "document"
    REPORT = "report"
    PRESENTATION = "presentation state"
    NONE = "no rendition"


def kind_of(stored: Stored) -> Kind:
    """By its SOP class, and what its pixels are encoded as."""
    sop_class = stored.sop_class
    if sop_class in _DOCUMENTS:
        return Kind.DOCUMENT
    if sop_class.startswith(_STORAGE + "9."):
        return Kind.WAVEFORM
    if sop_class.startswith(_STORAGE + "88."):
        return Kind.REPORT
    if sop_class in _PRESENTATIONS:
        return Kind.PRESENTATION
    if stored.frame_form == Form.NONE or not stored.frame_count:
        return Kind.NONE
    return Kind.VIDEO if _media_of_pixels(stored).startswith("video/") else Kind.PICTURE


def offered(stored: Stored) -> tuple[str, ...]:
    """The media types of an instance's rendition, the default first."""
    match kind_of(stored):
        case Kind.PICTURE | Kind.PRESENTATION:
            return PICTURES
        case Kind.VIDEO:
            return (_media_of_pixels(stored),)
        case Kind.WAVEFORM:
            return (SVG, *PICTURES)
        case Kind.DOCUMENT:
            return (_DOCUMENTS[stored.sop_class],)
        case Kind.REPORT:
            return (HTML, PLAIN)
        case Kind.NONE:
            return ()


def chosen(ranges: Sequence[Range], offer: Sequence[str], *, is_multipart: bool) -> str | None:
    """The media type that a reader likes best of those on offer; None where it takes none of them.

    As one part or as many: "*/*" takes either.
    """
    for each in ranges:
        takes_either = each.media_type == "*/*" and not each.is_multipart
        if each.is_multipart is not is_multipart and not takes_either:
            continue
        for media_type in offer:
            if each.takes(media_type):
                return media_type
    return None


def _media_of_pixels(stored: Stored) -> str:
    return PIXEL_MEDIA_TYPES.get(stored.transfer_syntax, "")


@dataclass(frozen=True, slots=True)
class Piece:
    """One part of an answer: an instance, or one frame of it."""

    stored: Stored
    number: int | None  # None: all of it
    media_type: str
    path: str  # of its URL, below that of all studies


def divided(
    instances: Sequence[Stored], numbers: Sequence[int] | None, ranges: Sequence[Range]
) -> tuple[list[Piece], bool]:
    """The parts of an answer, and whether it is a multipart one. Raises NotAcceptable, NotHeld.

    A reader who takes one part gets one: of an instance of many frames the first, or all of them moving.
    """
    for stored in instances:
        if beyond := [number for number in numbers or () if not 1 <= number <= max(1, stored.frame_count)]:
            raise NotHeld(f"frame {beyond[0]} of instance {stored.uid}, which has {stored.frame_count}")
    offers = {each.uid: offered(each) for each in instances}
    alone = len(instances) == 1 and (numbers is None or len(numbers) == 1)
    if alone:
        (stored,) = instances
        if (media_type := chosen(ranges, offers[stored.uid], is_multipart=False)) is not None:
            number = numbers[0] if numbers else None if _moves(stored, media_type) else 1
            return [Piece(stored, number, media_type, _path(stored, number if numbers else None))], False
    pieces: list[Piece] = []
    for stored in instances:
        media_type = chosen(ranges, offers[stored.uid], is_multipart=True)
        if media_type is None:
            continue
        of_each: Sequence[int | None] = [None]
        if kind_of(stored) is Kind.PICTURE and (numbers or not _moves(stored, media_type)):
            of_each = numbers or every_frame(stored)
        if len(pieces) + len(of_each) > PARTS_LIMIT:
            raise NotAcceptable([], f"more than {PARTS_LIMIT:,} pictures: ask by series, instance or frames")
        pieces += [Piece(stored, each, media_type, _path(stored, each)) for each in of_each]
    if not pieces:
        had = list(dict.fromkeys(media for offer in offers.values() for media in offer))
        many = [f'multipart/related; type="{media}"' for media in had]
        raise NotAcceptable([*(had if alone else ()), *many, DICOM])
    return pieces, True


def representative(instances: Sequence[Stored]) -> Stored:
    """The one in the middle of the first series that has pictures; without any, of the first that there is.

    Series of pictures to look at count before those that mark others' pictures.
    """
    for kinds in ({Kind.PICTURE}, {Kind.WAVEFORM}, set(Kind)):
        able = [each for each in instances if kind_of(each) in kinds]
        if able:
            own = [each for each in able if not _marks_others(each)] or able
            of_first = [each for each in own if each.series_uid == own[0].series_uid]
            return of_first[len(of_first) // 2]
    raise NotHeld("a picture")


def words_of(stored: Stored, kind: Kind) -> tuple[str, ...]:
    """What an instance without a picture is called on its thumbnail."""
    match kind:
        case Kind.DOCUMENT:
            return (offered(stored)[0].rpartition("/")[2].upper(), "Document")
        case Kind.REPORT:
            return ("Key", "images") if stored.sop_class.endswith(".88.59") else ("SR", "Report")
        case Kind.PRESENTATION:
            return ("PR", "Presentation")
        case Kind.VIDEO:
            return ("Video",)
        case _:
            return ("DICOM", "No picture")


#: Segmentation, Label Map Segmentation, Parametric Map: pictures that mean little without those they mark.
_MARKING = ("66.4", "66.7", "30")


def _marks_others(stored: Stored) -> bool:
    return stored.sop_class.removeprefix("1.2.840.10008.5.1.4.1.1.") in _MARKING


def _moves(stored: Stored, media_type: str) -> bool:
    return media_type == GIF and stored.frame_count > 1


def every_frame(stored: Stored) -> list[int]:
    """All of its frames; how many, is the sender's word."""
    if stored.frame_count > PARTS_LIMIT:
        raise NotAcceptable([], f"more than {PARTS_LIMIT:,} frames: ask for some of them")
    return list(range(1, stored.frame_count + 1))


def _path(stored: Stored, number: int | None) -> str:
    return f"{stored.path}/frames/{number}/rendered" if number else f"{stored.path}/rendered"
