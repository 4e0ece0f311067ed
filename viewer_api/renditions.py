"""What an instance can be shown as (PS3.18 §8.7.2, §8.7.4). Pure."""

from collections.abc import Mapping, Sequence
from enum import Enum

from storage.archive import Stored
from storage.frames import Form
from viewer_api.media import PIXEL_MEDIA_TYPES, Range
from viewer_api.rendering.files import PICTURES

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
#: Grayscale, Color and Pseudo-Color Softcopy Presentation States: of one picture at a time.
_PRESENTATIONS = frozenset({_STORAGE + "11.1", _STORAGE + "11.2", _STORAGE + "11.3"})


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
        if each.media_type != "*/*" and each.is_multipart is not is_multipart:
            continue
        for media_type in offer:
            if each.takes(media_type):
                return media_type
    return None


def _media_of_pixels(stored: Stored) -> str:
    return PIXEL_MEDIA_TYPES.get(stored.transfer_syntax, "")
