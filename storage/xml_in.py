"""Native DICOM Model XML that somebody sends (PS3.19 §A.1), as DICOM JSON still to be checked.

expat reports as it reads; nothing outside the text is ever fetched. A document type, and with it every
entity, is refused before it can stand for anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from storage.dicom_json import DEPTH_LIMIT
from storage.json_in import BINARY, BadMetadata

#: Elements within elements: two for each sequence, and a few.
_NESTING_LIMIT = 2 * DEPTH_LIMIT + 8
_VALUES = frozenset({"Value", "InlineBinary"})
_COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
_GROUPS = frozenset({"Alphabetic", "Ideographic", "Phonetic"})
#: What may stand in what.
_CHILDREN: Mapping[str, frozenset[str]] = {
    "": frozenset({"NativeDicomModel"}),
    "NativeDicomModel": frozenset({"DicomAttribute"}),
    "Item": frozenset({"DicomAttribute"}),
    "DicomAttribute": frozenset({"Item", "PersonName", "BulkData", "Value", "InlineBinary"}),
    "PersonName": _GROUPS,
    **dict.fromkeys(_GROUPS, frozenset(_COMPONENTS)),
}
#: Values that are written as numbers in JSON.
_WHOLE = frozenset({"US", "SS", "UL", "SL", "UV", "SV"})
_FIRST_BLOCK, _LAST_BLOCK = 0x10, 0xFF


@dataclass(slots=True)
class _Open:
    """An element that has begun: its name, and what it makes of its children."""

    name: str
    tag: str = ""
    vr: str = ""
    said: dict[str, Any] = field(default_factory=dict)  # of an attribute: by Value, InlineBinary, BulkDataURI
    members: dict[str, Any] = field(default_factory=dict)  # of a data set
    blocks: dict[tuple[str, str], int] = field(default_factory=dict)  # by group and private creator
    parts: dict[str, str] = field(default_factory=dict)  # of a name
    text: list[str] = field(default_factory=list)
    number: int = 0


def read_xml(text: bytes) -> dict[str, Any]:
    """The one data set of a document. Raises BadMetadata."""
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.EntityDeclHandler = _refuse_doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise BadMetadata(f"no well-formed XML, in line {error.lineno}") from error
    except (ValueError, LookupError) as error:  # an encoding that Python does not know
        raise BadMetadata("no well-formed XML") from error
    return reader.found


def _refuse_doctype(*_: object) -> None:
    raise BadMetadata("a document type or entity: not taken")


class _Reader:
    """What expat reports, put together."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}
        self._open = [_Open("")]

    def start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(" ")[2]
        around = self._open[-1]
        if name not in _CHILDREN.get(around.name, frozenset()):
            raise BadMetadata("an element that the Native DICOM Model has not in that place")
        if len(self._open) > _NESTING_LIMIT:
            raise BadMetadata(f"sequences are nested deeper than {DEPTH_LIMIT}")
        element = _Open(name)
        if name == "DicomAttribute":
            element.vr = attributes.get("vr", "")
            element.tag = _placed(
                around, attributes.get("tag", "").upper(), attributes.get("privateCreator", "")
            )
        elif name == "BulkData":
            around.said["BulkDataURI"] = attributes.get("uri") or attributes.get("uuid", "")
        elif name in ("Value", "Item", "PersonName"):
            element.number = _number(attributes.get("number", ""), around)
        self._open.append(element)

    def _attribute(self, element: _Open, around: _Open) -> None:
        member = {"vr": element.vr, **element.said}
        if _is_creator(element.tag):  # not needed beside privateCreator, and sent by some
            creator = str((element.said.get("Value") or [""])[0])
            around.blocks.setdefault((element.tag[:4], creator), int(element.tag[6:], 16))
            if around.members.get(element.tag) == member:
                return
        if element.tag in around.members:
            raise BadMetadata(f"{element.tag[:8]}: twice")
        around.members[element.tag] = member

    def characters(self, text: str) -> None:
        if self._open[-1].name in _VALUES or self._open[-1].name in _COMPONENTS:
            self._open[-1].text.append(text)

    def end(self, _: str) -> None:
        element = self._open.pop()
        around = self._open[-1]
        text = "".join(element.text)
        if element.name == "NativeDicomModel":
            self.found = element.members
        elif element.name == "DicomAttribute":
            self._attribute(element, around)
        elif element.name == "Value":
            _put(around, element.number, _value(around.vr, text))
        elif element.name == "Item":
            _put(around, element.number, element.members)
        elif element.name == "PersonName":
            _put(around, element.number, element.parts)
        elif element.name == "InlineBinary":
            around.said["InlineBinary"] = "".join(text.split())
        elif element.name in _GROUPS:
            parts = [element.parts.get(part, "") for part in _COMPONENTS]
            around.parts[element.name] = "^".join(parts).rstrip("^")
        elif element.name in _COMPONENTS:
            around.parts[element.name] = text


def _is_creator(tag: str) -> bool:
    """It reserves a block of private elements (PS3.5 §7.8.1)."""
    return len(tag) == 8 and tag[3] in "13579BDF" and tag[4:6] == "00" and tag[6] in "123456789ABCDEF"


def _placed(data_set: _Open, tag: str, creator: str) -> str:
    """A private attribute says whose it is, and not in which block: the next that is free."""
    if not creator or len(tag) != 8:
        return tag
    group = tag[:4]
    block = data_set.blocks.get((group, creator))
    if block is None:
        taken = {number for (of, _), number in data_set.blocks.items() if of == group}
        # A block that the sender names stays; PS3.19 §A.1.5.2 has "00" there.
        said = int(tag[4:6], 16) if all(digit in "0123456789ABCDEF" for digit in tag[4:6]) else 0
        free = (number for number in range(_FIRST_BLOCK, _LAST_BLOCK + 1) if number not in taken)
        block = said if said >= _FIRST_BLOCK and said not in taken else next(free, None)
        if block is None:
            raise BadMetadata(f"{group}: more private creators than a group has room for")
        data_set.blocks[group, creator] = block
        data_set.members[f"{group}00{block:02X}"] = {"vr": "LO", "Value": [creator]}
    return f"{group}{block:02X}{tag[6:]}"


def _number(text: str, around: _Open) -> int:
    """Of a value: they stand in their order, whatever gaps."""
    if not text.isascii() or not text.isdigit() or int(text[:8]) != len(around.said.get("Value", ())) + 1:
        raise BadMetadata(f"{around.tag[:8]}: values that are not numbered 1, 2, 3 …")
    return int(text)


def _put(attribute: _Open, number: int, value: Any) -> None:
    values: list[Any] = attribute.said.setdefault("Value", [])
    assert number == len(values) + 1
    values.append(value)


def _value(vr: str, text: str) -> str | int | None:
    if vr in _WHOLE and text.strip().lstrip("+-").isdigit() and len(text) < 24:
        return int(text)
    if vr in BINARY:
        return text
    return text or None
