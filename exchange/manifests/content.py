"""The words of a manifest's content tree: concepts, value types, and items as DICOM JSON (PS3.18 §F.2).

MADO's descriptors have the codes that IHE gave them for trial use, in a scheme of its own (99IHE), until
those of DICOM CP-2595 are final; the final ones are read as well.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from exchange.record.study import Coded

Members = Mapping[str, Any]

MANIFEST = Coded("113030", "DCM", "Manifest")  # CID 7010
MANIFEST_WITH_DESCRIPTION = Coded("MADOTEMP001", "99IHE", "Manifest with Description")
#: Titles of what is read as a manifest: signed, or with MADO's descriptors, by its trial and its final code.
MANIFEST_TITLES = frozenset({
    ("113030", "DCM"), ("113031", "DCM"), ("MADOTEMP001", "99IHE"), ("131560", "DCM"),
})  # fmt: skip

#: Who owns the private block of MADO's trial (§6.X.2.13): the address of a viewer.
MADO_CREATOR = "IHE_MADO_PRIVATE"

IMAGE_LIBRARY = Coded("111028", "DCM", "Image Library")  # TID 1600
IMAGE_LIBRARY_GROUP = Coded("126200", "DCM", "Image Library Group")
MODALITY = Coded("121139", "DCM", "Modality")
TARGET_REGION = Coded("123014", "DCM", "Target Region")
SERIES_UID = Coded("112002", "DCM", "Series Instance UID")
SERIES_NUMBER = Coded("113607", "DCM", "Series Number")
INSTANCE_NUMBER = Coded("113609", "DCM", "Instance Number")
NUMBER_OF_FRAMES = Coded("121140", "DCM", "Number of Frames")
DOCUMENT_TITLE = Coded("121144", "DCM", "Document Title")
KEY_OBJECT_DESCRIPTION = Coded("113012", "DCM", "Key Object Description")
SERIES_DESCRIPTION = Coded("MADOTEMP002", "99IHE", "Series Description")
SERIES_DATE = Coded("MADOTEMP003", "99IHE", "Series Date")
SERIES_TIME = Coded("MADOTEMP004", "99IHE", "Series Time")
INSTANCES_OF_SERIES = Coded("MADOTEMP007", "99IHE", "Number of Series Related Instances")
SERIES_OF_STUDY = Coded("MADOTEMP009", "99IHE", "Number of Study Related Series")

#: What TID 1602 says by concepts whose final codes differ from those on trial is known by its meaning.
_ON_TRIAL = frozenset(
    each.meaning.casefold() for each in (SERIES_DESCRIPTION, SERIES_DATE, SERIES_TIME, INSTANCES_OF_SERIES)
)

_WHOLE = re.compile(r"[+-]?[0-9]{1,11}")

_STORAGE = "1.2.840.10008.5.1.4.1.1."
_WAVEFORMS = f"{_STORAGE}9."
#: SOP classes that are no pictures (PS3.4 §B.5): presentation states, raw data, registrations, surfaces,
#: measurements, reports, documents, plans, annotations, protocols, inventories.
_COMPOSITES = tuple(
    _STORAGE + each
    for each in (
        "4.2 8 9 10 11 66.1 66.2 66.3 66.5 66.6 67 68. 76. 77.1.5.3 78. 79.1 80.1 88. 90.1 91.1 104. 129 131"
        " 200. 201. 481.2 481.3 481.4 481.5 481.6 481.7 481.8 481.9 481.10 481.11 481.12 481.13 481.14 481.15"
        " 481.16 481.17 481.18 481.19 481.20 481.21 481.22 481.25 501.3 501.4 501.5 501.6"
    ).split()
)
_RAW_DATA = f"{_STORAGE}66"


def value_type(sop_class_uid: str) -> str:
    """How a Key Object Selection refers to an instance (PS3.3 §A.35.4.3.1)."""
    if sop_class_uid.startswith(_WAVEFORMS):
        return "WAVEFORM"
    if sop_class_uid == _RAW_DATA or not sop_class_uid.startswith("1.2.840.10008."):
        return "COMPOSITE"  # a private class may be anything
    if any(
        sop_class_uid == each or sop_class_uid.startswith(each if each.endswith(".") else f"{each}.")
        for each in _COMPOSITES
    ):
        return "COMPOSITE"
    return "IMAGE"


def one(vr: str, *values: object) -> Members:
    """An attribute; without a value where there is none."""
    given = [each for each in values if each not in ("", None)]
    return {"vr": vr, "Value": given} if given else {"vr": vr}


def sequence(items: Iterable[Members]) -> Members:
    """A sequence, of items or of none, whose attributes are put in their order."""
    return one("SQ", *(dict(sorted(each.items())) for each in items))


def coded(code: Coded) -> Members:
    """The attributes of a code (PS3.3 §8.1): long ones have an attribute of their own."""
    tag, vr = ("00080100", "SH") if len(code.value) <= 16 else ("00080119", "UC")
    return {tag: one(vr, code.value), "00080102": one("SH", code.scheme), "00080104": one("LO", code.meaning)}


def item(value: str, concept: Coded, relationship: str = "HAS ACQ CONTEXT", **more: Members) -> Members:
    """A content item (PS3.3 §C.17.3.2); `more` are its other attributes, named t followed by the tag."""
    return {
        "0040A010": one("CS", relationship),
        "0040A040": one("CS", value),
        "0040A043": sequence([coded(concept)]),
        **{name[1:]: each for name, each in more.items()},
    }


def text_item(concept: Coded, text: str) -> Members:
    """A TEXT."""
    return item("TEXT", concept, t0040A160=one("UT", text))


def count_item(concept: Coded, count: int, unit: Coded) -> Members:
    """A NUM."""
    measured = {"004008EA": sequence([coded(unit)]), "0040A30A": one("DS", count)}
    return item("NUM", concept, t0040A300=sequence([measured]))


def container(concept: Coded, items: Sequence[Members]) -> Members:
    """A CONTAINER within another."""
    return item("CONTAINER", concept, "CONTAINS", t0040A050=one("CS", "SEPARATE"), t0040A730=sequence(items))


def reference(sop_class_uid: str, uid: str, items: Sequence[Members] = ()) -> Members:
    """An IMAGE, a WAVEFORM or a COMPOSITE."""
    return {
        "00081199": sequence([referenced(sop_class_uid, uid)]),
        "0040A010": one("CS", "CONTAINS"),
        "0040A040": one("CS", value_type(sop_class_uid)),
        **({"0040A730": sequence(items)} if items else {}),
    }


def referenced(sop_class_uid: str, uid: str) -> Members:
    """An item of Referenced SOP Sequence (0008,1199)."""
    return {"00081150": one("UI", sop_class_uid), "00081155": one("UI", uid)}


# Reading -------------------------------------------------------------------------------------------


def items_of(members: Members, tag: str) -> Sequence[Members]:
    """Of a sequence; none where there is none."""
    return [each for each in members.get(tag, {}).get("Value") or () if isinstance(each, Mapping)]


def text_of(members: Members, tag: str) -> str:
    """The first value as text; "" where there is none."""
    values = members.get(tag, {}).get("Value") or [""]
    first = values[0]
    if isinstance(first, Mapping):
        first = first.get("Alphabetic")
    return "" if first is None else str(first).strip()


def whole(text: str) -> int | None:
    """None for what is no whole number of a size that an IS has."""
    return int(text) if _WHOLE.fullmatch(text) else None


def code_of(members: Members, tag: str) -> Coded | None:
    """The first item of a code sequence."""
    for each in items_of(members, tag)[:1]:
        value = text_of(each, "00080100") or text_of(each, "00080119") or text_of(each, "00080120")
        return Coded(value, text_of(each, "00080102"), text_of(each, "00080104"))
    return None


def described(items: Iterable[Members], concept: Coded) -> Members:
    """The item of that concept; an empty one where there is none."""
    return next((each for each in items if is_named(each, concept)), {})


def codes_of(items: Iterable[Members], concept: Coded) -> list[Coded]:
    """The values of all items of that concept."""
    found = [code_of(each, "0040A168") for each in items if is_named(each, concept)]
    return [each for each in found if each is not None]


def is_named(members: Members, concept: Coded) -> bool:
    """Whether an item's concept is that one, by its trial code or the final one."""
    name = code_of(members, "0040A043")
    if name is None:
        return False
    if (name.value, name.scheme) == (concept.value, concept.scheme):
        return True
    meaning = concept.meaning.casefold()
    return meaning in _ON_TRIAL and name.meaning.casefold() == meaning
