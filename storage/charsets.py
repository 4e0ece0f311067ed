"""Specific Character Set (PS3.3 §C.12.1.1.2, PS3.5 §6.1.2): bytes as text and back, strictly and silently.

pydicom's own codec writes warnings that quote what it could not read, and puts another text in its
place; here a value decodes or raises, encodes or raises.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from pydicom.charset import (
    CODES_TO_ENCODINGS,
    ENCODINGS_TO_CODES,
    STAND_ALONE_ENCODINGS,
    default_encoding,
    python_encoding,
)

ASCII = ("ascii",)

_ESCAPE = b"\x1b"
_PARTS = re.compile(rb"[^\x1b]+|\x1b[^\x1b]*")
#: Python's codecs for these read the escape sequences themselves.
_READ_ESCAPES = frozenset({"iso2022_jp", "iso2022_jp_2", "iso2022_jp_3"})
#: What ends a code extension (PS3.5 §6.1.2.5.3), in text and in names.
_TEXT_ENDS = re.compile(rb"[\t\n\f\r\\]")
_NAME_ENDS = re.compile(rb"[\\^=]")


def _plain(name: str) -> str:
    return re.sub(r"[ _-]", "", name).upper()


_ALONE = frozenset(_plain(name) for name in STAND_ALONE_ENCODINGS)
#: By defined term without separators, which senders write in many ways.
_BY_NAME = {_plain(name): encoding for name, encoding in python_encoding.items()} | {"UTF8": "utf8"}


def encodings_of(declared: str) -> tuple[str, ...] | None:
    """Python's names for a value of Specific Character Set; None where one of them is unknown."""
    names = [_plain(part.strip(" \0")) for part in declared.split("\\")]
    if names[0] in _ALONE:
        names = names[:1]  # takes no code extensions
    names = names[:1] + [name for name in names[1:] if name not in _ALONE]
    encodings = [_BY_NAME.get(name) for name in names]
    return None if None in encodings else tuple(encoding for encoding in encodings if encoding)


def decode(raw: bytes, encodings: tuple[str, ...], vr: str) -> str:
    """The text of a value. Raises UnicodeError where it is not in the declared character sets."""
    if _ESCAPE not in raw:
        return raw.decode(encodings[0])
    ends = _NAME_ENDS if vr == "PN" else _TEXT_ENDS
    return "".join(_part(part, encodings, ends) for part in _PARTS.findall(raw))


def _part(part: bytes, encodings: tuple[str, ...], ends: re.Pattern[bytes]) -> str:
    if not part.startswith(_ESCAPE):
        return part.decode(encodings[0])
    code = part[:4] if part[:3] in (b"\x1b$(", b"\x1b$)") else part[:3]
    encoding = CODES_TO_ENCODINGS.get(code)
    if encoding is None or (encoding not in encodings and encoding != default_encoding):
        raise UnicodeError("an escape sequence of no declared character set")
    if encoding in _READ_ESCAPES:
        return part.decode(encoding)
    extended = part[len(code) :]
    end = ends.search(extended)
    if end is None:
        return extended.decode(encoding)
    return extended[: end.start()].decode(encoding) + extended[end.start() :].decode(encodings[0])


#: What ends a code extension, on the way out; kept between the parts.
_TEXT_PARTS = re.compile(r"([\t\n\f\r\\]+)")
_NAME_PARTS = re.compile(r"([\\^=]+)")
_CODES = re.compile(rb"\x1b(?:\$[()].|..)", re.DOTALL)
#: JIS X 0201, of which Python's codec knows far more than the standard names.
_ONE_BYTE = "shift_jis"


def encode(text: str, encodings: tuple[str, ...], vr: str) -> bytes:
    """A value's bytes, which `decode` reads as this text. Raises UnicodeError where they cannot hold it."""
    if text.isascii():
        return text.encode("ascii")
    if len(encodings) == 1:
        return _in_one(text, encodings[0])
    parts = (_NAME_PARTS if vr == "PN" else _TEXT_PARTS).split(text)
    return b"".join(_extended(part, encodings) for part in parts)


def _in_one(text: str, encoding: str) -> bytes:
    encoded = text.encode("ascii" if encoding == default_encoding else encoding)
    if encoding == _ONE_BYTE and len(encoded) != len(text):
        raise UnicodeEncodeError(encoding, text, 0, len(text), "not in JIS X 0201")
    if encoding in _READ_ESCAPES and not all(_is_of(encoding, each) for each in _CODES.findall(encoded)):
        raise UnicodeEncodeError(encoding, text, 0, len(text), "in a character set that is not declared")
    return encoded


def _is_of(encoding: str, code: bytes) -> bool:
    """Python's codecs of ISO 2022 go to more character sets than the one that is declared."""
    return CODES_TO_ENCODINGS.get(code) in (encoding, default_encoding)


def _extended(text: str, encodings: tuple[str, ...]) -> bytes:
    """Text between two ends of code extensions: each run of it behind the escape of its character set."""
    encoded, encoding = b"", encodings[0]
    for run in _runs(text, encodings):
        is_announced = run.encoding in _READ_ESCAPES or (run.encoding == encoding and not encoded)
        encoded += (b"" if is_announced else _escape(run)) + _in_one(run.text, run.encoding)
    return encoded


class _Run(NamedTuple):
    text: str
    encoding: str


def _runs(text: str, encodings: tuple[str, ...]) -> Iterator[_Run]:
    """Each run as long as it can be; one begins in the first character set that holds it."""
    start, current = 0, encodings[0]
    for place, character in enumerate(text):
        if not _holds(current, character):
            if place > start:
                yield _Run(text[start:place], current)
            start, current = place, next((each for each in encodings if _holds(each, character)), "")
            if not current:
                raise UnicodeEncodeError(encodings[0], text, place, place + 1, "in no character set declared")
    if start < len(text):
        yield _Run(text[start:], current)


@lru_cache(maxsize=4096)
def _holds(encoding: str, character: str) -> bool:
    try:
        _in_one(character, encoding)
    except UnicodeEncodeError:
        return False
    return True


def _escape(run: _Run) -> bytes:
    if run.encoding == _ONE_BYTE and run.text.isascii():
        return b"\x1b(J"
    return ENCODINGS_TO_CODES[run.encoding]
