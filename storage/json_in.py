"""DICOM JSON that somebody sends (PS3.18 §F.2): checked, so that each of its members can be written.

Nothing is guessed: a member that says two things, a value that its VR cannot hold, or nesting without end is
refused, by its tag. What comes out is as storage.dicom_json would have made it.
"""

import base64
import binascii
import math
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

from storage.dicom_json import CODED, DEPTH_LIMIT, NUMBERS, ONE_TEXT, Member
from storage.errors import BadInput

#: Instances that one piece of metadata describes.
INSTANCES_LIMIT = 5_000
#: Characters of a Bulk Data URI.
URI_LIMIT = 2_048

BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
#: Values that may be in a part of their own (PS3.18 §10.4.3.3.2).
BULK = BINARY | {"DS", "FL", "FD", "IS", "LT", "SL", "SS", "ST", "SV", "UC", "UL", "US", "UT", "UV"}
_TEXT = frozenset("AE AS CS DA DT LO LT SH ST TM UC UI UR UT".split())
_VRS = BINARY | _TEXT | NUMBERS.keys() | {"AT", "DS", "IS", "PN", "SQ"}
_SAYS = ("Value", "InlineBinary", "BulkDataURI")
_GROUPS = frozenset({"Alphabetic", "Ideographic", "Phonetic"})

_TAG = re.compile(r"[0-9A-F]{8}")
_NUMBER_TEXT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_NO_NUMBERS: Mapping[str, float] = {
    "NaN": math.nan, "nan": math.nan, "Infinity": math.inf, "inf": math.inf, "-Infinity": -math.inf,
    "-inf": -math.inf,
}  # fmt: skip

CHARACTER_SET = "00080005"
TRANSFER_SYNTAX = "00020010"


class BadMetadata(BadInput):
    """Metadata that describe no instance."""


def read_json(text: bytes) -> list[Any]:
    """The objects of a metadata part, an array or one alone; none is checked yet. Raises BadMetadata."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadMetadata("the metadata are no JSON, or nested without end") from error
    objects = [found] if isinstance(found, dict) else found
    if not isinstance(objects, list):
        raise BadMetadata("the metadata are no array of DICOM JSON objects")
    if len(objects) > INSTANCES_LIMIT:
        raise BadMetadata(f"more than {INSTANCES_LIMIT:,} instances: send the rest in another request")
    return objects


def checked(members: object, depth: int = 0) -> dict[str, Member]:
    """Members in ascending order, without group lengths, command or file meta. Raises BadMetadata.

    Of the file meta, Transfer Syntax UID stays: it says how bulk data are encoded.
    """
    if not isinstance(members, Mapping):
        raise BadMetadata("a data set that is no JSON object")
    if depth > DEPTH_LIMIT:
        raise BadMetadata(f"sequences are nested deeper than {DEPTH_LIMIT}")
    found: dict[str, Member] = {}
    for name, member in members.items():
        tag = str(name).upper()
        if not _TAG.fullmatch(tag):
            raise BadMetadata("a name that is no tag of eight hexadecimal digits")
        if tag in found:
            raise BadMetadata(f"{tag}: twice")
        if tag[4:] == "0000" or (tag < "00080000" and not (tag == TRANSFER_SYNTAX and not depth)):
            continue
        if tag >= "FFFE0000":
            raise BadMetadata(f"{tag}: no data element")
        found[tag] = _member(tag, member, depth)
    return dict(sorted(found.items()))


def bulk_uris(members: Mapping[str, Member]) -> Iterator[str]:
    """Where the values are that members do not hold, in their order."""
    for member in members.values():
        if "BulkDataURI" in member:
            yield member["BulkDataURI"]
        elif member["vr"] == "SQ":
            for item in member.get("Value", ()):
                yield from bulk_uris(item)


def _member(tag: str, member: object, depth: int) -> Member:
    if not isinstance(member, Mapping):
        raise BadMetadata(f"{tag}: no JSON object")
    vr = member.get("vr")
    if not isinstance(vr, str) or vr not in _VRS:
        raise BadMetadata(f"{tag}: no VR, or none that there is")
    said = [name for name in _SAYS if member.get(name) not in (None, [])]
    match said:
        case []:
            return {"vr": vr}
        case ["Value"]:
            return {"vr": vr, "Value": _values(tag, vr, member["Value"], depth)}
        case ["InlineBinary"] if vr in BINARY:
            return _inline(tag, vr, member["InlineBinary"])
        case ["BulkDataURI"] if vr in BULK:
            uri = member["BulkDataURI"]
            if not isinstance(uri, str) or len(uri) > URI_LIMIT:
                raise BadMetadata(f"{tag}: no URI of bulk data")
            return {"vr": vr, "BulkDataURI": uri.strip()}
    raise BadMetadata(f"{tag}: {' and '.join(said)} cannot be said of {vr}")


def _inline(tag: str, vr: str, text: object) -> Member:
    if not isinstance(text, str):
        raise BadMetadata(f"{tag}: no base64")
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadMetadata(f"{tag}: no base64") from error
    return {"vr": vr, "InlineBinary": text}


def _values(tag: str, vr: str, values: object, depth: int) -> list[Any]:
    if not isinstance(values, list):
        raise BadMetadata(f"{tag}: a Value that is no array")
    if vr in BINARY:
        raise BadMetadata(f"{tag}: a value of {vr} is InlineBinary or BulkDataURI")
    if vr in ONE_TEXT and len(values) > 1:
        raise BadMetadata(f"{tag}: a {vr} has one value")
    if vr == "SQ":
        return [checked({} if item is None else item, depth + 1) for item in values]
    check = _CHECKS.get(vr, _text)
    try:
        return [check(vr, value) for value in values]
    except (ValueError, TypeError, OverflowError, struct.error) as error:
        raise BadMetadata(f"{tag}: a value that a {vr} cannot hold") from error


def _text(vr: str, value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or (vr not in CODED and not value.isascii()):
        raise ValueError
    value.encode()  # a lone surrogate is no text
    if ("\\" in value and vr not in ONE_TEXT) or "\0" in value or "\x1b" in value:
        raise ValueError
    return value


def _person(_: str, value: object) -> dict[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping) or not value.keys() <= _GROUPS:
        raise ValueError
    name = {group: _text("PN", text) for group, text in value.items() if text}
    if any("=" in (text or "") for text in name.values()):
        raise ValueError
    return {group: text for group, text in name.items() if text} or None


def _decimal(vr: str, value: object) -> str | float | int | None:
    """A number, or its text (PS3.18 §F.2.3.1); an odd text is as it would be within a Part 10 file."""
    if isinstance(value, bool) or (isinstance(value, float) and (vr == "IS" or not math.isfinite(value))):
        raise ValueError
    return value if isinstance(value, int | float) else _text(vr, value)


def _number(vr: str, value: object) -> int | float:
    letter, _ = NUMBERS[vr]
    is_whole = letter not in "fd"
    if isinstance(value, str):
        if not is_whole and value in _NO_NUMBERS:
            return _NO_NUMBERS[value]
        if not _NUMBER_TEXT.fullmatch(value):
            raise ValueError
        value = int(value) if is_whole else float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    if is_whole and value != int(value):
        raise ValueError
    number = int(value) if is_whole else value
    struct.pack(f"<{letter}", number)
    return number


def _tag(_: str, value: object) -> str:
    if not isinstance(value, str) or not _TAG.fullmatch(value.upper()):
        raise ValueError
    return value.upper()


_CHECKS: Mapping[str, Callable[[str, Any], Any]] = {
    "PN": _person, "DS": _decimal, "IS": _decimal, "AT": _tag, **dict.fromkeys(NUMBERS, _number),
}  # fmt: skip
