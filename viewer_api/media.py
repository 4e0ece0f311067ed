"""Media types, and which of them a reader accepts (PS3.18 §8.7)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from starlette.requests import Request

DICOM = "application/dicom"
DICOM_JSON = "application/dicom+json"
DICOM_XML = "application/dicom+xml"
JSON = "application/json"
ZIP = "application/zip"
OCTETS = "application/octet-stream"

_MEDIA_RANGE = re.compile(r"\*/\*|[^\s/*]+/(\*|[^\s/*]+)")
#: A viewer's header is the same each time, and remembered; what is longer is not worth the memory.
_USUAL_LENGTH = 1024
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
    but: frozenset[str] = frozenset()  # media types that the reader refuses by q=0

    def takes(self, media_type: str) -> bool:
        """Whether that media type lies in this range."""
        media_type = media_type.lower()  # in any case (RFC 9110 §8.3.1)
        wanted, _, wild = self.media_type.partition("/")
        is_within = self.media_type in ("*/*", media_type) or (
            wild == "*" and media_type.startswith(f"{wanted}/")
        )
        return is_within and media_type not in self.but


def accepted(request: Request) -> list[Range]:
    """What the reader accepts, best first; the query parameter `accept` counts before the header (§8.7.8.1).

    A reader who names nothing accepts anything (RFC 9110 §12.5.1): the standard would have us refuse it
    (PS3.18 §8.7.5), which no other server does and no old viewer expects.
    """
    asked = parse_accept(",".join(request.query_params.getlist("accept")))
    header = ",".join(request.headers.getlist("accept"))
    return [*asked, *parse_accept(header if header.strip() else "*/*")]


def parse_accept(text: str) -> list[Range]:
    """The ranges of an Accept header, best first. What is malformed counts for nothing (PS3.18 §8.7.7)."""
    return list(_parsed(text) if len(text) <= _USUAL_LENGTH else _parsed.__wrapped__(text))


@lru_cache(maxsize=256)
def _parsed(text: str) -> tuple[Range, ...]:
    ranges = [found for each in _split(text, ",") for found in _ranges(each)]
    refused = frozenset(each.media_type for each in ranges if not each.quality and not _is_wild(each))
    kept = (replace(each, but=refused if _is_wild(each) else each.but) for each in ranges if each.quality)
    return tuple(sorted(kept, key=lambda each: -each.quality))


def _ranges(text: str) -> Iterator[Range]:
    """One for each transfer syntax that it names."""
    media_type, *parameters = (part.strip() for part in _split(text, ";"))
    pairs = [parameter.partition("=") for parameter in parameters]
    values = [(name.strip().lower(), value.strip().strip('"')) for name, _, value in pairs]
    named = dict(values)
    media_type = media_type.lower()
    is_multipart = media_type in ("multipart/related", "multipart/*")
    if is_multipart:
        media_type = named.get("type", "*/*").lower()
    if not _MEDIA_RANGE.fullmatch(media_type):
        return
    syntaxes: list[str | None] = [value for name, value in values if name == "transfer-syntax"]
    for syntax in syntaxes or [None]:
        yield Range(media_type, syntax, is_multipart, _quality(named.get("q", "1")))


def _is_wild(each: Range) -> bool:
    return each.media_type.endswith("/*")


def _quality(text: str) -> float:
    return min(1.0, float(text)) if re.fullmatch(r"[01](\.\d{0,3})?", text) else 1.0


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
