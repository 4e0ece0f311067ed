"""Reading one HL7 v2 message (HL7 v2.5.1 §2): its segments and fields, in the character set it declares.

python-hl7 cuts it into segments, fields and components; what lies beyond reads as "".
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import hl7

from exchange.hl7.errors import BadField, Condition, Where

#: Parsed, each separator costs hundreds of bytes; the longest orders have a few thousand.
SEPARATOR_LIMIT = 20_000

#: HL7 Table 0211, Alternate Character Sets, as Python names them.
CHARACTER_SETS: Mapping[str, str] = {
    "ASCII": "ascii",
    **{f"8859/{part}": f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)},
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "GB 18030-2000": "gb18030",
}

_SEPARATORS = "^~\\&"
_ESCAPE = re.compile(r"\\([^\\]{0,64})\\")
_TIME = re.compile(r"(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:\.(\d{1,6})\d*)?(?:([+-])(\d\d)(\d\d))?")


@dataclass(frozen=True, slots=True)
class Field:
    """One repetition of a field."""

    node: object
    where: Where

    def text(self, component: int = 1, sub: int = 1) -> str:
        """A component's text on one line, unescaped; "" where there is none, or HL7's null ("")."""
        found = _pick(_pick(self.node, component - 1), sub - 1)
        text = _one_line(_unescaped(found)) if isinstance(found, str) else ""
        return "" if text == '""' else text

    def part(self, component: int) -> str:
        """A component as it came: data, which no escape sequence can be in."""
        found = _pick(self.node, component - 1)
        return found if isinstance(found, str) else str(found)

    @property
    def prose(self) -> str:
        """All of it as it is to be read, line by line. A separator that its sender left as it is is text."""
        text = _lines(_unescaped(str(self.node)))
        return "" if text == '""' else text

    @property
    def is_null(self) -> bool:
        """Whether it is HL7's null (""): what was there is to be deleted (HL7 v2.5.1 §2.5.3)."""
        found = _pick(_pick(self.node, 0), 0)
        return found == '""'

    @property
    def components(self) -> tuple[str, ...]:
        """The first sub-component of each."""
        count = len(self.node) if isinstance(self.node, list) else 1
        return tuple(self.text(number) for number in range(1, count + 1))


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment, and which one by its name it is."""

    name: str
    number: int
    node: hl7.Segment

    def where(self, field: int | None = None, component: int | None = None, repetition: int = 1) -> Where:
        """That place, for an error."""
        return Where(self.name, self.number, field, repetition, component)

    def repetitions(self, field: int) -> list[Field]:
        """Every repetition of a field, at least one."""
        try:
            found = self.node[field]
        except IndexError:
            found = ""
        nodes = list(found) if isinstance(found, list) and found else [""]
        return [Field(node, self.where(field, repetition=at)) for at, node in enumerate(nodes, 1)]

    def field(self, field: int) -> Field:
        """The first repetition."""
        return self.repetitions(field)[0]

    def text(self, field: int, component: int = 1, sub: int = 1) -> str:
        """A component of the first repetition."""
        return self.field(field).text(component, sub)

    def required(self, field: int, component: int = 1) -> str:
        """The same; raises BadField where it is empty."""
        text = self.text(field, component)
        if not text:
            where = self.where(field, component if component > 1 else None)
            raise BadField(where, Condition.REQUIRED_FIELD_MISSING, "required, and empty")
        return text


@dataclass(frozen=True, slots=True)
class Message:
    """A message that could be read. Its MSH is there."""

    segments: tuple[Segment, ...]

    def all(self, name: str) -> Iterator[Segment]:
        """Every segment by that name."""
        return (segment for segment in self.segments if segment.name == name)

    def first(self, name: str) -> Segment | None:
        """The first segment by that name."""
        return next(self.all(name), None)

    @property
    def header(self) -> Segment:
        """MSH."""
        return self.segments[0]

    @property
    def control_id(self) -> str:
        """MSH-10."""
        return self.header.text(10)

    @property
    def type(self) -> str:
        """MSH-9: the message code and the trigger event, such as ORM^O01."""
        kind = self.header.field(9)
        return f"{kind.text(1)}^{kind.text(2)}"


def read_message(raw: bytes) -> Message:
    """The message in these bytes. Raises BadField."""
    text = _decoded(raw)
    if text[4:8] != _SEPARATORS:
        raise BadField(Where("MSH", field=2), Condition.DATA_TYPE, "the encoding characters are not ^~\\&")
    text = text.replace("\r\n", "\r").replace("\n", "\r")
    if sum(text.count(separator) for separator in (*_SEPARATORS, text[3], "\r")) > SEPARATOR_LIMIT:
        raise BadField(Where("MSH"), Condition.DATA_TYPE, "a message with too many fields")
    try:
        parsed = hl7.parse(text)  # type: ignore[no-untyped-call]
    except Exception as error:  # whatever its splitting meets: IndexError, ParseException, AssertionError …
        raise BadField(
            Where("MSH"), Condition.SEGMENT_SEQUENCE, "the segments cannot be told apart"
        ) from error
    counts: dict[str, int] = {}
    segments = []
    for node in parsed:
        name = str(node[0])
        counts[name] = counts.get(name, 0) + 1
        segments.append(Segment(name, counts[name], node))
    return Message(tuple(segments))


def time_of(field: Field, component: int = 1) -> datetime | None:
    """A time stamp (HL7 v2.5.1 §2.A.77), in the service's own time zone where it names none. None where
    empty; raises BadField."""
    text = field.text(component)
    if not text:
        return None
    found = _TIME.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        year, month, day, hour, minute, second, fraction, sign, hours, minutes = found.groups()
        at = datetime(  # noqa: DTZ001 -- the zone follows
            int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0),
            int((fraction or "0").ljust(6, "0")),
        )  # fmt: skip
        if sign is None:
            return at.astimezone()
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        return at.replace(tzinfo=timezone(offset if sign == "+" else -offset))
    except (ValueError, OverflowError):
        raise BadField(field.where, Condition.DATA_TYPE, "not a date and time (YYYYMMDDHHMMSS)") from None


def _decoded(raw: bytes) -> str:
    """As MSH-18 says (HL7 v2.5.1 §2.15.9.18).

    Bytes beyond ASCII that no character set declares are UTF-8 where they can be, which is hardly ever by
    chance, and otherwise ISO 8859-1, as Western Europe has it.
    """
    head = raw[:2048].partition(b"\r")[0].partition(b"\n")[0].decode("latin-1")
    if len(head) < 8 or not head.startswith("MSH"):
        raise BadField(Where("MSH"), Condition.SEGMENT_SEQUENCE, "the message does not begin with MSH")
    fields = head.split(head[3])
    declared = fields[17].split("~")[0].strip() if len(fields) > 17 else ""
    encoding = CHARACTER_SETS.get(declared or "ASCII")
    if encoding is None:
        raise BadField(
            Where("MSH", field=18), Condition.TABLE_VALUE_NOT_FOUND, "a character set that is not read here"
        )
    try:
        if encoding == "ascii" and not raw.isascii():
            return _undeclared(raw)
        return raw.decode(encoding)
    except UnicodeDecodeError:
        raise BadField(
            Where("MSH", field=18), Condition.DATA_TYPE, "the message is not in the character set it declares"
        ) from None


def _undeclared(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _pick(node: object, index: int) -> object:
    """An entry of python-hl7's nested lists; a text that has no parts is its own first."""
    if isinstance(node, str):
        return node if index == 0 else ""
    if isinstance(node, list) and index < len(node):
        return node[index]
    return ""


def _one_line(text: str) -> str:
    return "".join(each for each in " ".join(text.split()) if each.isprintable())


def _lines(text: str) -> str:
    """Without what cannot be seen, and without empty lines at either end or more than one within."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").expandtabs(4).replace("\u00a0", " ")
    text = "".join(each for each in text if each.isprintable() or each == "\n")
    lines = "\n".join(line.rstrip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", lines).strip("\n")


def _unescaped(text: str) -> str:
    """Escape sequences (HL7 v2.5.1 §2.7); one that is not known stands for nothing."""
    return _ESCAPE.sub(_meant, text) if "\\" in text else text


_MEANT: Mapping[str, str] = {"F": "|", "S": "^", "T": "&", "R": "~", "E": "\\"}
#: Formatting that begins a new line (HL7 v2.5.1 §2.7.6); what follows, how many and how far, is layout.
_NEW_LINE = (".br", ".sp", ".ce")


def _meant(found: re.Match[str]) -> str:
    code = found[1]
    if code.startswith("X"):
        try:
            return bytes.fromhex(code[1:]).decode("latin-1")
        except ValueError:
            return ""
    return "\n" if code.startswith(_NEW_LINE) else _MEANT.get(code, "")
