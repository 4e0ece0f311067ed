"""What a data set said as it was sent, up to where corrections reach: read again from its object."""

from collections.abc import Callable
from dataclasses import dataclass

import orjson

from storage.charsets import decode
from storage.corrections import ORIGINAL_ATTRIBUTES
from storage.dicom_json import NOT_IN_CHARACTER_SET, JsonWriter, Member
from storage.elements import UNDEFINED, Walk, encoding_of
from storage.source import Source

_SPECIFIC_CHARACTER_SET = 0x00080005


@dataclass(frozen=True, slots=True)
class Sent:
    """Its attributes as DICOM JSON, and in which character set it says they are ("": it does not say)."""

    members: dict[str, Member]
    declared: str
    #: Those that mean something else in the character set asked about; None where the text is not in it.
    read_as: dict[str, Member] | None = None

    @property
    def is_ascii(self) -> bool:
        """It reads the same in every character set."""
        return orjson.dumps(self.members).isascii()


def read_sent(source: Callable[[], Source], syntax: str, character_set: str | None = None) -> Sent:
    """`source` starts a fresh walk each time. Raises Unreadable."""
    members, declared, _ = _walk(source(), syntax, None)
    if character_set is None:
        return Sent(members, declared)
    really, _, is_readable = _walk(source(), syntax, character_set)
    if not is_readable:
        return Sent(members, declared)
    return Sent(
        members, declared, {tag: member for tag, member in really.items() if member != members.get(tag)}
    )


def _walk(source: Source, syntax: str, character_set: str | None) -> tuple[dict[str, Member], str, bool]:
    encoding = encoding_of(syntax)
    walk = Walk(source, encoding)
    writer = JsonWriter(walk, encoding, character_set=character_set)
    members: dict[str, Member] = {}
    declared = ""
    while (element := walk.next()) is not None and element.tag < ORIGINAL_ATTRIBUTES:
        if element.tag == _SPECIFIC_CHARACTER_SET and element.length != UNDEFINED:
            raw = walk.value(element)
            declared = decode(raw, ("latin-1",), "CS").strip(" \0")
        member = writer.member(element)
        if member is not None and element.tag & 0xFFFF and element.tag >> 16 != 2:
            members[f"{element.tag:08X}"] = member
    return members, declared, not any(NOT_IN_CHARACTER_SET in problem for problem in writer.problems)
