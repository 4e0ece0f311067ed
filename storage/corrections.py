"""Corrections of what a data set says, applied on the way out; the object itself is never touched.

Every read passes here. What a correction names takes its new value, and the Original Attributes
Sequence (0400,0561) keeps the one before (PS3.3 §C.12.1.1.9); all else leaves byte for byte.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from storage.charsets import ASCII, encodings_of
from storage.dicom_json import CODED
from storage.elements import (
    DEFLATED,
    UNDEFINED,
    Element,
    Encoding,
    Walk,
    encoding_of,
)
from storage.errors import CannotCorrect
from storage.passing import Passing, deflated, inflated
from storage.writing import ElementWriter

Member = Mapping[str, Any]

ORIGINAL_ATTRIBUTES = 0x04000561
_SPECIFIC_CHARACTER_SET = 0x00080005
_CHARACTER_SET_TAG = f"{_SPECIFIC_CHARACTER_SET:08X}"
_MODIFYING_SYSTEM = "Imaging Exchange"


@dataclass(frozen=True, slots=True)
class Correction:
    """One row of `correction` that is in force."""

    attributes: Mapping[str, Member]  # DICOM JSON: what each becomes; one without a Value becomes empty
    reason: str  # CORRECT or COERCE, Reason for the Attribute Modification (0400,0565)
    made_at: datetime
    identity_id: int | None = None  # None: the whole study
    instances: frozenset[int] | None = None  # None: all; else those, as far as they were asked about
    #: What text means in the character set that the correction declares: for JSON, which has it decoded.
    read_as: Mapping[str, Member] = field(default_factory=dict)


#: The corrections in force of studies (1), with the instances among those asked about (2) for which each
#: holds. What a rule coerced comes before what a person corrected, whenever the instance came.
IN_FORCE = (
    "select c.study_id, c.attributes, c.reason, c.made_at, c.identity_id, case when c.of_instances then"
    " array(select l.instance_id from correction_instance l"
    " where l.correction_id = c.id and l.instance_id = any(%s)) end, c.read_as"
    " from correction c where c.undone_at is null and c.study_id = any(%s)"
    " order by c.of_instances desc, c.made_at, c.id"
)


def in_force(row: Sequence[Any]) -> Correction:
    """From a row of IN_FORCE, without its study."""
    attributes, reason, made_at, identity_id, instances, read_as = row
    among = None if instances is None else frozenset(instances)
    return Correction(attributes, reason, made_at, identity_id, among, read_as or {})


def those_of(
    corrections: Iterable[Correction], identity_id: int | None, instance_id: int | None = None
) -> tuple[Correction, ...]:
    """Those of a study's corrections that hold for what bears this identity, in the order they apply."""
    return tuple(
        each
        for each in corrections
        if each.identity_id in (None, identity_id)
        and (each.instances is None or instance_id in each.instances)
    )


def correct_json(
    members: Mapping[str, Member], corrections: Sequence[Correction], *, with_originals: bool = True
) -> dict[str, Member]:
    """A data set as DICOM JSON, corrected. Search answers leave the originals out.

    JSON is always UTF-8: of another character set it shows what the text then means, and declares its own.
    """
    corrected = dict(members)
    records: list[Member] = []
    for each in corrections:
        attributes = {tag: member for tag, member in each.attributes.items() if tag != _CHARACTER_SET_TAG}
        corrected.update(each.read_as)
        before = {tag: corrected[tag] for tag in sorted(attributes) if tag in corrected}
        corrected.update(attributes)
        if len(attributes) < len(each.attributes):
            corrected[_CHARACTER_SET_TAG] = {"vr": "CS", "Value": ["ISO_IR 192"]}
        records.append(_record(each, before))
    if records and with_originals:
        earlier = members.get(f"{ORIGINAL_ATTRIBUTES:08X}", {}).get("Value", [])
        corrected[f"{ORIGINAL_ATTRIBUTES:08X}"] = {"vr": "SQ", "Value": [*earlier, *records]}
    return dict(sorted(corrected.items()))


def correct_bytes(
    data_set: Iterable[bytes], transfer_syntax_uid: str, corrections: Sequence[Correction]
) -> Iterator[bytes]:
    """A data set's bytes, corrected as they pass, in its own transfer syntax.

    Nothing is read beyond the last attribute that changes. Raises CannotCorrect where a new value has
    no place in the data set's character set, and Unreadable where the head cannot be walked.
    """
    if not corrections:
        return iter(data_set)
    encoding = encoding_of(transfer_syntax_uid)
    if transfer_syntax_uid == DEFLATED:
        return deflated(_Rewrite(inflated(data_set), encoding, corrections).run())
    return _Rewrite(data_set, encoding, corrections).run()


def _record(correction: Correction, before: Mapping[str, Member]) -> Member:
    """An item of the Original Attributes Sequence. What was absent before has no original."""
    return {
        "04000550": {"vr": "SQ", "Value": [dict(before)]},
        "04000562": {"vr": "DT", "Value": [_moment(correction.made_at)]},
        "04000563": {"vr": "LO", "Value": [_MODIFYING_SYSTEM]},
        "04000564": {"vr": "LO"},
        "04000565": {"vr": "CS", "Value": [correction.reason]},
    }


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y%m%d%H%M%S.%f+0000")


class _Rewrite:
    """One data set on its way out."""

    def __init__(
        self, chunks: Iterable[bytes], encoding: Encoding, corrections: Sequence[Correction]
    ) -> None:
        self._passing = Passing(chunks)
        self._walk = Walk(self._passing, encoding)
        self._encoding = encoding
        self._corrections = corrections
        self._new: dict[int, Member] = {}
        for each in corrections:
            self._new.update({int(tag, 16): member for tag, member in each.attributes.items()})
        self._pending = sorted(self._new)
        self._groups = {tag >> 16 for tag in self._new} | {ORIGINAL_ATTRIBUTES >> 16}
        self._before: dict[int, bytes] = {}  # whole elements, as they were
        self._earlier_items = b""
        self._writer = ElementWriter(encoding)  # in the character set, once that is known
        self._is_character_set_known = False
        self._is_utf8_added = False  # and the one before is told with the first correction
        if any(tag < _SPECIFIC_CHARACTER_SET or tag >= ORIGINAL_ATTRIBUTES for tag in self._new):
            raise CannotCorrect("a correction in force names an attribute outside (0008,0005) to (0400,0560)")

    def run(self) -> Iterator[bytes]:
        """The corrected data set."""
        while True:
            element = self._walk.next()
            tag = element.tag if element else None
            if not self._is_character_set_known and (tag is None or tag >= _SPECIFIC_CHARACTER_SET):
                declared = tag == _SPECIFIC_CHARACTER_SET
                yield from self._settle_character_set(element if declared else None)
                if declared:
                    continue
            while self._pending and (tag is None or self._pending[0] < tag):
                yield self._encoded(self._pending.pop(0))
            if element is None or element.tag > ORIGINAL_ATTRIBUTES:
                yield self._originals()
                yield from self._passing.rest()
                return
            if element.tag in self._new:
                self._before[element.tag] = self._capture(element)
                yield self._encoded(self._pending.pop(0))
            elif element.tag == ORIGINAL_ATTRIBUTES:
                self._earlier_items = self._items_of(element)
            elif element.tag & 0xFFFF == 0 and element.tag >> 16 in self._groups:
                self._capture(element)  # a group length (retired) that no longer holds
            else:
                yield from self._pass(element)

    def _pass(self, element: Element) -> Iterator[bytes]:
        """Hand on one element, its header too, whatever its size and depth."""
        for position in self._walk.past(element):
            yield from self._passing.take(position)

    def _capture(self, element: Element) -> bytes:
        return b"".join(self._pass(element))

    def _settle_character_set(self, element: Element | None) -> Iterator[bytes]:
        """A correction that names it says in what the text really is, and no text changes.

        Where none is declared and a new value needs one, UTF-8 is declared: ASCII reads the same in it.
        """
        self._is_character_set_known = True
        raw = self._capture(element) if element else b""
        value = raw[len(raw) - element.length :] if element else b""
        declared = value.decode("ascii", "replace").strip(" \0")
        if _SPECIFIC_CHARACTER_SET in self._new:
            self._write_in("\\".join(self._new[_SPECIFIC_CHARACTER_SET]["Value"]))
            self._pending.remove(_SPECIFIC_CHARACTER_SET)
            if element:
                self._before[_SPECIFIC_CHARACTER_SET] = raw
            yield self._encoded(_SPECIFIC_CHARACTER_SET)
            return
        is_ascii = all(text.isascii() for member in self._new.values() for text in _texts(member))
        if is_ascii or declared.strip(" \\") not in ("", "ISO_IR 6"):
            self._write_in(declared)
            yield raw
        else:
            self._write_in("ISO_IR 192")
            if element:
                self._before[_SPECIFIC_CHARACTER_SET] = raw
                self._is_utf8_added = True
            yield self._writer.text(_CHARACTER_SET_TAG, "CS", "ISO_IR 192")

    def _write_in(self, character_set: str) -> None:
        """In one that is unknown, only what is ASCII can be written."""
        self._writer = ElementWriter(self._encoding, encodings_of(character_set) or ASCII)

    def _encoded(self, tag: int) -> bytes:
        return self._encode(tag, self._new[tag])

    def _encode(self, tag: int, member: Member) -> bytes:
        try:
            if not all(text.isascii() for text in _ungoverned(member)):
                raise UnicodeError("not ASCII")
            return self._writer.element(f"{tag:08X}", _ascending(member))
        except UnicodeError:
            why = f"the new value of {tag:08X} has no place in the data set's character set"
            raise CannotCorrect(why) from None  # the error before it quotes the value

    def _originals(self) -> bytes:
        """The Original Attributes Sequence, with an item for each correction after those it had."""
        current = dict(self._before)
        items = [self._earlier_items]
        for each in self._corrections:
            tags = sorted(int(tag, 16) for tag in each.attributes)
            if self._is_utf8_added and len(items) == 1:
                tags = [_SPECIFIC_CHARACTER_SET, *tags]
            before = b"".join(current[tag] for tag in tags if tag in current)
            record = _record(each, {})
            rest = b"".join(
                self._encode(int(tag, 16), member) for tag, member in record.items() if member["vr"] != "SQ"
            )
            modified = self._writer.sequence("04000550", [before])
            items.append(self._writer.item(modified + rest))
            current.update(
                {int(tag, 16): self._encode(int(tag, 16), each.attributes[tag]) for tag in each.attributes}
            )
        return self._writer.raw(f"{ORIGINAL_ATTRIBUTES:08X}", "SQ", b"".join(items))

    def _items_of(self, element: Element) -> bytes:
        """The items that the sequence already has, without its delimiter."""
        raw = self._capture(element)
        header = 12 if self._encoding.explicit else 8
        return raw[header:-8] if element.length == UNDEFINED else raw[header:]


def _ascending(member: Member) -> Member:
    """With the attributes of its items in the order in which they are written (PS3.5 §7.1)."""
    if member["vr"] != "SQ":
        return member
    items = [
        {tag: _ascending(each) for tag, each in sorted((item or {}).items())}
        for item in member.get("Value", ())
    ]
    return {"vr": "SQ", "Value": items}


def _ungoverned(member: Member) -> Iterator[str]:
    """Its texts that no character set governs (PS3.5 §6.1.2.2)."""
    for value in member.get("Value", ()):
        if member["vr"] == "SQ":
            for inner in (value or {}).values():
                yield from _ungoverned(inner)
        elif isinstance(value, str) and member["vr"] not in CODED:
            yield value


def _texts(member: Member) -> Iterator[str]:
    for value in member.get("Value", ()):
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            for inner in value.values():
                if isinstance(inner, str):
                    yield inner
                elif isinstance(inner, Mapping):
                    yield from _texts(inner)
