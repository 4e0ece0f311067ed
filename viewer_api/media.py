"""What a reader accepts, and what an instance can be given as (PS3.18 §8.7)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from starlette.requests import Request

from storage.elements import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from storage.leaving import Way
from storage.syntaxes import LOSSLESS, NATIVE

DICOM = "application/dicom"
DICOM_JSON = "application/dicom+json"
DICOM_XML = "application/dicom+xml"
JSON = "application/json"
OCTETS = "application/octet-stream"

_JPEG_FAMILY = "1.2.840.10008.1.2.4."
#: Media type of a frame or video in each transfer syntax (PS3.18 §8.7.3.3.2, Table 8.7.3-5).
PIXEL_MEDIA_TYPES: Mapping[str, str] = {
    "1.2.840.10008.1.2.5": "image/dicom-rle",
    **{
        _JPEG_FAMILY + last: media
        for media, lasts in (
            ("image/jpeg", "50 51 57 70"),
            ("image/jls", "80 81"),
            ("image/jp2", "90 91"),
            ("image/jpx", "92 93"),
            ("image/jphc", "201 202 203"),
            ("image/jxl", "110 111 112"),
            ("video/mpeg", "100 100.1 101 101.1"),
            ("video/mp4", "102 102.1 103 103.1 104 104.1 105 105.1 106 106.1"),
            ("video/H265", "107 108"),
        )
        for last in lasts.split()
    },
}


@dataclass(frozen=True, slots=True)
class Range:
    """One media type of an Accept header (RFC 9110 §12.5.1, PS3.18 §8.7.5)."""

    media_type: str  # of the parts, where multipart
    transfer_syntax: str | None  # a UID, "*", or None where none is named
    is_multipart: bool
    quality: float

    def takes(self, media_type: str) -> bool:
        """Whether that media type lies in this range."""
        wanted, _, wild = self.media_type.partition("/")
        return self.media_type in ("*/*", media_type) or (wild == "*" and media_type.startswith(f"{wanted}/"))


def accepted(request: Request) -> list[Range]:
    """What the reader accepts, best first; the query parameter `accept` counts before the header."""
    texts = request.query_params.getlist("accept") or request.headers.getlist("accept")
    ranges = parse_accept(",".join(texts))
    return ranges or parse_accept("*/*")


def parse_accept(text: str) -> list[Range]:
    """The ranges of an Accept header, best first."""
    ranges = [_range(each) for each in _split(text, ",") if each.strip()]
    return sorted((each for each in ranges if each.quality > 0), key=lambda each: -each.quality)


def _range(text: str) -> Range:
    media_type, *parameters = (part.strip() for part in _split(text, ";"))
    named = {
        name.strip().lower(): value.strip().strip('"')
        for name, _, value in (parameter.partition("=") for parameter in parameters)
    }
    media_type = media_type.lower()
    is_multipart = media_type in ("multipart/related", "multipart/*")
    if is_multipart:
        media_type = named.get("type", "*/*").lower()
    return Range(media_type, named.get("transfer-syntax"), is_multipart, _quality(named.get("q", "1")))


def _quality(text: str) -> float:
    return float(text) if re.fullmatch(r"[01](\.\d{0,3})?", text) else 1.0


def _split(text: str, separator: str) -> list[str]:
    """Split where no quotation marks are around; always at least one piece."""
    pieces = [""]
    is_quoted = False
    for part in re.split(rf'(["{separator}])', text):
        if part == separator and not is_quoted:
            pieces.append("")
            continue
        is_quoted ^= part == '"'
        pieces[-1] += part
    return pieces


#: What data sets without pixels can be had as: searches, metadata.
TEXT_OFFERS = (DICOM_JSON, JSON, f'multipart/related; type="{DICOM_XML}"')


def text_type(ranges: Iterable[Range]) -> str | None:
    """How data sets are written for a reader (PS3.18 §8.7.4); None where nothing accepted can be had.

    JSON is one body, whatever a program calls it; XML is a part for each data set.
    """
    for each in ranges:
        if each.is_multipart:
            if each.takes(DICOM_XML):
                return DICOM_XML
        elif each.takes(DICOM_JSON):
            return DICOM_JSON
        elif each.takes(JSON):
            return JSON
    return None


@dataclass(frozen=True, slots=True)
class Decoding:
    """What can be decoded here."""

    syntaxes: frozenset[str]  # lossless ones with a decoder
    limit_bytes: int  # of an object

    def reaches(self, syntax: str, size: int) -> bool:
        """Whether an object in that syntax can be decoded."""
        return syntax in self.syntaxes and size <= self.limit_bytes


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
    return [f"{DICOM}; transfer-syntax={syntax}" for syntax in sorted(syntaxes)]


@dataclass(frozen=True, slots=True)
class FrameWay:
    """How frames leave."""

    media_type: str  # of each part, with its transfer syntax
    is_decoded: bool
    is_multipart: bool


def frame_way(
    ranges: Iterable[Range], stored: str, size: int, is_grey: bool, decoding: Decoding
) -> FrameWay | None:
    """How frames of an instance leave (PS3.18 §8.7.3.3); None where nothing accepted can be had.

    Decoded frames of colour would have to say how their metadata change, so only grey ones are decoded.
    """
    for each in ranges:
        if (way := _frame_way_in(each, stored, size, is_grey, decoding)) is not None:
            return way
    return None


def _frame_way_in(each: Range, stored: str, size: int, is_grey: bool, decoding: Decoding) -> FrameWay | None:
    wanted = each.transfer_syntax
    is_multipart = each.is_multipart or each.media_type == "*/*"
    native = FrameWay(f"{OCTETS}; transfer-syntax={EXPLICIT_LITTLE}", stored not in NATIVE, is_multipart)
    if stored in NATIVE:
        return native if each.takes(OCTETS) and wanted in (None, "*", EXPLICIT_LITTLE, stored) else None
    can_decode = is_grey and decoding.reaches(stored, size)
    if each.takes(OCTETS) and wanted in (None, EXPLICIT_LITTLE) and can_decode:
        return native
    image = PIXEL_MEDIA_TYPES.get(stored, OCTETS)
    if each.media_type == OCTETS and wanted in ("*", stored):
        return FrameWay(f"{OCTETS}; transfer-syntax={stored}", False, is_multipart)
    if each.takes(image) and each.media_type != OCTETS and wanted in (None, "*", stored):
        return FrameWay(f"{image}; transfer-syntax={stored}", False, is_multipart)
    return None


def frame_offers(stored: str, is_grey: bool, decoding: Decoding) -> list[str]:
    """What frames of an instance can be had as, for the body of a 406."""
    native = f"{OCTETS}; transfer-syntax={EXPLICIT_LITTLE}"
    if stored in NATIVE:
        return [native]
    media_types = [PIXEL_MEDIA_TYPES.get(stored, OCTETS), OCTETS]
    had = [f"{media}; transfer-syntax={stored}" for media in dict.fromkeys(media_types)]
    return [*had, native] if is_grey and stored in decoding.syntaxes else had
