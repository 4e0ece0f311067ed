"""The identifier of a query (PS3.4 §C.2.2.1, §K.4.1.2): a data set whose elements are keys, and back.

Every kind of matching is storage.query's own. A key is read in the character set that the identifier
declares (PS3.5 §6.1); its VR is that of the dictionary, whatever an explicit data set calls it.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from dicom_router.commands import Command
from dicom_router.contexts import Context
from dicom_router.established import Established
from storage.charsets import ASCII, decode, encodings_of
from storage.dicom_json import CODED, NUMBERS
from storage.elements import DEFLATED, UNDEFINED, Element, Encoding, Walk, encoding_of
from storage.errors import BadQuery, TooLarge, Unreadable
from storage.query import Anything, Level, Match, Path, Query, parse_match, text_of, vr_of
from storage.source import Inflated, Source, Whole
from storage.writing import ElementWriter

CHARACTER_SET = 0x00080005
QUERY_LEVEL = 0x00080052

#: Query/Retrieve Level (0008,0052), PS3.4 §C.3.
LEVELS: Mapping[str, Level] = {
    "PATIENT": Level.PATIENT,
    "STUDY": Level.STUDY,
    "SERIES": Level.SERIES,
    "IMAGE": Level.INSTANCE,
}

#: Lists of UIDs make a request long: some 30,000 of them fit.
LIMIT_BYTES = 2 * 1024 * 1024
DEPTH_LIMIT = 8

_TEXT_LIMIT_BYTES = 64 * 1024  # of one key's text, other than UIDs
_UTF8 = "ISO_IR 192"
_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})

#: Texts of keys by tag, and the trees of those within sequences.
_Tree = dict[int, "str | _Tree"]


class BadIdentifier(ValueError):
    """An identifier that cannot be understood. `tag` is the offending element; the text names no value."""

    def __init__(self, because: str, tag: int | None = None) -> None:
        super().__init__(because)
        self.tag = tag


@dataclass(frozen=True, slots=True)
class Identifier:
    """What a request asks for."""

    matches: Mapping[Path, Match]
    level: str = ""  # Query/Retrieve Level as sent; "" where there is none, as in a worklist's
    character_set: str = ""  # Specific Character Set as sent


def take_identifier(association: Established, context: Context, command: Command) -> Identifier:
    """The identifier that follows a request, which is read to its end. Raises BadIdentifier."""
    if not command.has_data_set:
        raise BadIdentifier("a request without an identifier")
    data_set = association.data_set(context)
    encoded = bytearray()
    try:
        for piece in data_set:
            encoded += piece
            if len(encoded) > LIMIT_BYTES:
                raise TooLarge(LIMIT_BYTES)
    except TooLarge as error:
        data_set.discard()
        raise BadIdentifier("an identifier beyond all measure") from error
    return read_identifier(bytes(encoded), context.transfer_syntax)


def read_identifier(encoded: bytes, transfer_syntax_uid: str) -> Identifier:
    """The keys in a data set. Raises BadIdentifier."""
    source: Source = Inflated(iter((encoded,))) if transfer_syntax_uid == DEFLATED else Whole(encoded)
    keys = _Keys(Walk(source, encoding_of(transfer_syntax_uid)), encoding_of(transfer_syntax_uid))
    try:
        keys.read_all()
    except Unreadable as error:
        raise BadIdentifier("the identifier is no data set in its transfer syntax") from error
    return Identifier(keys.matches, keys.level, keys.character_set)


def write_identifier(identifier: Identifier, transfer_syntax_uid: str) -> bytes:
    """The data set that `read_identifier` reads so; in UTF-8 where its texts need more than ASCII.

    Raises UnicodeError where a key holds more than ASCII, of which its VR takes no more (PS3.5 §6.2).
    """
    texts: _Tree = {}
    for path, match in identifier.matches.items():
        inner = texts
        for tag in path[:-1]:
            deeper = inner.setdefault(tag, {})
            inner = deeper if isinstance(deeper, dict) else {}
        inner.setdefault(path[-1], text_of(match))
    if identifier.level:
        texts[QUERY_LEVEL] = identifier.level
    is_ascii = all(text_of(match).isascii() for match in identifier.matches.values())
    if not is_ascii:
        texts[CHARACTER_SET] = _UTF8
    writer = ElementWriter(encoding_of(transfer_syntax_uid), ASCII if is_ascii else ("utf-8",))
    return _keys(writer, texts)


def from_identifier(encoded: bytes, transfer_syntax_uid: str) -> Query:
    """The search that a C-FIND identifier asks for. Raises BadIdentifier."""
    identifier = read_identifier(encoded, transfer_syntax_uid)
    return Query(level_of(identifier), identifier.matches)


def to_identifier(query: Query, transfer_syntax_uid: str) -> bytes:
    """The identifier that asks for a search; how many answers it wants, an identifier cannot say."""
    level = next(name for name, level in LEVELS.items() if level is query.level)
    asked: dict[Path, Match] = dict.fromkeys(query.include, Anything())
    return write_identifier(Identifier({**asked, **query.matches}, level), transfer_syntax_uid)


def level_of(identifier: Identifier) -> Level:
    """Of what the answers are to be. Raises BadIdentifier."""
    try:
        return LEVELS[identifier.level]
    except KeyError:
        why = "is none of PATIENT, STUDY, SERIES, IMAGE" if identifier.level else "is missing"
        raise BadIdentifier(f"the Query/Retrieve Level {why}", QUERY_LEVEL) from None


class _Keys:
    """One walk over an identifier."""

    def __init__(self, walk: Walk, encoding: Encoding) -> None:
        self.matches: dict[Path, Match] = {}
        self.level = ""
        self.character_set = ""
        self._walk = walk
        self._endian = encoding.endian
        self._encodings: tuple[str, ...] = ASCII

    def read_all(self) -> None:
        while (element := self._walk.next()) is not None:
            if element.tag == CHARACTER_SET:
                self._declare(self._raw(element))
            elif element.tag == QUERY_LEVEL:
                self.level = self._raw(element).decode("ascii", "replace").strip(" \0")
            else:
                self._take(element, ())

    def _take(self, element: Element, outer: Path) -> None:
        """One key, or those within a sequence."""
        path = (*outer, element.tag)
        if element.tag & 0xFFFF == 0:  # a group length is no key
            self._walk.skip(element)
        elif element.vr == "SQ" or element.length == UNDEFINED:
            self._sequence(element, path)
        else:
            raw = self._raw(element)
            known = vr_of(path)
            try:
                vr = element.vr if known == "UN" else known
                self.matches[path] = parse_match(vr, self._text(vr, raw))
            except (BadQuery, struct.error) as error:
                said = str(error) if isinstance(error, BadQuery) else "not a value of its VR"
                raise BadIdentifier(said, element.tag) from error
            except UnicodeError as error:
                raise BadIdentifier("not in the character set that is declared", element.tag) from error

    def _sequence(self, element: Element, path: Path) -> None:
        """Sequence matching (PS3.4 §C.2.2.2.6): one item; none, or an empty one, asks for all of it."""
        if len(path) > DEPTH_LIMIT:
            raise BadIdentifier("sequences nested too deep", element.tag)
        before = len(self.matches)
        items = self._walk.items(element)
        for number, item in enumerate(items):
            if number:
                raise BadIdentifier("a sequence to be matched has one item", element.tag)
            for inner in self._walk.inside(item):
                self._take(inner, path)
        if len(self.matches) == before:
            self.matches[path] = Anything()

    def _raw(self, element: Element) -> bytes:
        if element.length == UNDEFINED or (element.length > _TEXT_LIMIT_BYTES and element.vr != "UI"):
            raise BadIdentifier("a key beyond all measure", element.tag)
        raw = self._walk.value(element)
        self._walk.skip(element)
        return raw

    def _declare(self, raw: bytes) -> None:
        self.character_set = raw.decode("ascii", "replace").strip(" \0")
        if self.character_set:
            encodings = encodings_of(self.character_set)
            if encodings is None:
                raise BadIdentifier("a Specific Character Set that is unknown", CHARACTER_SET)
            self._encodings = encodings

    def _text(self, vr: str, raw: bytes) -> str:
        if vr in NUMBERS:
            letter, size = NUMBERS[vr]
            if raw.strip(b' "') == b"":
                return raw.decode("ascii")
            return "\\".join(map(str, struct.unpack(f"{self._endian}{len(raw) // size}{letter}", raw)))
        if vr == "AT":
            pairs = struct.iter_unpack(f"{self._endian}HH", raw)
            return "\\".join(f"{group:04X}{number:04X}" for group, number in pairs)
        text = raw.rstrip(b"\0 ")
        if vr in _BINARY:  # of an attribute that we do not know, and match no further
            return _undeclared(text.replace(b"\0", b""))
        if vr in CODED and not self.character_set and not text.isascii():
            return _undeclared(text)
        return decode(text, self._encodings if vr in CODED else ASCII, vr)


def _undeclared(raw: bytes) -> str:
    """What senders mean that declare nothing and send more than ASCII."""
    try:
        return raw.decode("utf-8")
    except UnicodeError:
        return raw.decode("latin-1")


def _keys(writer: ElementWriter, texts: _Tree) -> bytes:
    written = b""
    for number, text in sorted(texts.items()):
        tag, vr = f"{number:08X}", vr_of((number,))
        if isinstance(text, dict):
            written += writer.sequence(tag, [_keys(writer, text)])
        elif text and (vr in NUMBERS or vr == "AT") and text != '""':
            written += writer.element(tag, {"vr": vr, "Value": text.split("\\")})
        else:
            written += writer.text(tag, vr, text)
    return written
