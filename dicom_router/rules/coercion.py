"""Coercions: what a site is known to send wrong, put right on the way out. Pure: rules as values, applied to
a data set as DICOM JSON, end in what is to be recorded as a correction (storage.correcting)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dicom_router.rules.criteria import Criteria
from storage.corrections import Member
from storage.query import Path, vr_of

CHARACTER_SET = "00080005"

#: How many characters a value may have (PS3.5 §6.2); those that are not here, as many as one likes.
LONGEST: Mapping[str, int] = {"AE": 16, "AS": 4, "CS": 16, "DA": 8, "DS": 16, "IS": 12, "LO": 64, "SH": 16}


@dataclass(frozen=True, slots=True)
class Set:
    """The attribute becomes this."""

    path: Path
    values: tuple[str, ...]
    is_only_missing: bool = False  # only where it has no value


@dataclass(frozen=True, slots=True)
class Copy:
    """The attribute becomes what another one says. Where that has no value, nothing happens."""

    source: Path
    path: Path
    is_only_missing: bool = False


@dataclass(frozen=True, slots=True)
class Strip:
    """Away with what stands before or after the value proper. A value that would vanish stays."""

    path: Path
    prefix: str = ""
    leading: str = ""  # any of these characters
    trailing: str = ""


@dataclass(frozen=True, slots=True)
class Pad:
    """Filled up from the left."""

    path: Path
    width: int
    fill: str = "0"


@dataclass(frozen=True, slots=True)
class Map:
    """A local code becomes the one that others know. What is not in the table stays."""

    path: Path
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reread:
    """The bytes are in another character set than the data set declares (PS3.3 §C.12.1.1.2)."""

    character_set: str
    declared: str | None = None  # only where it declares this; "" for nothing


Operation = Set | Copy | Strip | Pad | Map


@dataclass(frozen=True, slots=True)
class Coercion:
    """One rule, by the name that a peer's entry gives. Operations apply in their order."""

    name: str
    criteria: Criteria
    operations: tuple[Operation, ...] = ()
    reread: Reread | None = None


def coerced(members: Mapping[str, Member], coercion: Coercion) -> dict[str, Member]:
    """Those attributes that become something else, and what."""
    after: dict[str, Member] = dict(members)
    for operation in coercion.operations:
        member = _applied(operation, after)
        if member is not None:
            after[f"{operation.path[0]:08X}"] = member
    return {tag: member for tag, member in after.items() if not _same(member, members.get(tag))}


def _same(one: Member, other: Member | None) -> bool:
    return other is not None and one.get("Value") == other.get("Value") and one.keys() == other.keys()


def _applied(operation: Operation, members: Mapping[str, Member]) -> Member | None:
    """What the top-level attribute becomes; None where the operation has nothing to do."""
    match operation:
        case Set(path, values, is_only_missing):
            if is_only_missing and _values(members, path):
                return None
            return _with(members, path, [_value(vr_of(path), text) for text in values])
        case Copy(source, path, is_only_missing):
            found = _values(members, source)
            if not found or (is_only_missing and _values(members, path)):
                return None
            texts = [_text(value) for value in found]
            if any(len(text) > LONGEST.get(vr_of(path), len(text)) for text in texts):
                return None  # it does not fit there, and half a value is a wrong one
            return _with(members, path, [_value(vr_of(path), text) for text in texts])
        case Strip() | Pad() | Map():
            found = _values(members, operation.path)
            if not found:
                return None
            changed = [_value(vr_of(operation.path), _changed(operation, _text(value))) for value in found]
            return None if changed == found else _with(members, operation.path, changed)


def _changed(operation: Strip | Pad | Map, text: str) -> str:
    match operation:
        case Strip(_, prefix, leading, trailing):
            left = text
            while prefix and left.startswith(prefix):
                left = left.removeprefix(prefix)
            left = left.lstrip(leading) if leading else left
            left = left.rstrip(trailing) if trailing else left
            return left or text
        case Pad(_, width, fill):
            return text.rjust(width, fill)
        case Map(_, values):
            return values.get(text, text)


def _values(members: Mapping[str, Member], path: Path) -> list[Any]:
    """Of the first item, where it lies in a sequence."""
    values: list[Any] = members.get(f"{path[0]:08X}", {}).get("Value", [])
    if len(path) > 1:
        return _values(values[0], path[1:]) if values and isinstance(values[0], Mapping) else []
    return [value for value in values if value is not None]


def _with(members: Mapping[str, Member], path: Path, values: list[Any]) -> Member:
    """The top-level attribute with these values at the path; of a sequence, in its first item."""
    vr = vr_of(path[:1])
    if len(path) == 1:
        return {"vr": vr, "Value": values} if values else {"vr": vr}
    items = members.get(f"{path[0]:08X}", {}).get("Value", [])
    first = dict(items[0]) if items and isinstance(items[0], Mapping) else {}
    first[f"{path[1]:08X}"] = _with(first, path[1:], values)
    return {"vr": vr, "Value": [dict(sorted(first.items())), *items[1:]]}


def _value(vr: str, text: str) -> Any:
    """As DICOM JSON holds it (PS3.18 §F.2)."""
    if vr != "PN":
        return text
    groups = zip(("Alphabetic", "Ideographic", "Phonetic"), text.split("="), strict=False)
    return {name: group for name, group in groups if group}


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return "=".join(
            str(value.get(group, "")) for group in ("Alphabetic", "Ideographic", "Phonetic")
        ).rstrip("=")
    return str(value)
