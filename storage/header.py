"""What the index needs of a data set: read once, in one forward walk, when the instance is kept."""

from collections.abc import Mapping
from dataclasses import dataclass

from storage.dicom_json import JsonWriter, Member
from storage.elements import ENCAPSULATED_UNCOMPRESSED, UNDEFINED, Element, Walk, encoding_of
from storage.errors import Unreadable
from storage.facts import (
    IDENTITY,
    SERIES,
    STUDY,
    Facts,
    Identity,
    MissingUid,
    SeriesFacts,
    StudyFacts,
    common_facts,
    json_of,
)
from storage.frames import (
    NO_FRAMES,
    PIXELS,
    Form,
    Frames,
    PixelShape,
    encapsulated_frames,
    is_encapsulated,
    native_frames,
    offset_table,
)
from storage.recall import recall_for
from storage.rejection_notes import KEY_OBJECT_SELECTION, NOTE_TAGS, RejectionNote, note_of, read_note_member
from storage.source import Inflated, Parted, Source, TooDense, Whole
from storage.uids import is_uid

#: Of which the index knows the value, however much came before them: whose it is, what it belongs to, what
#: it is, how its pixels lie, and what decides how those are read.
_WANTED = {int(tag, 16) for tag in IDENTITY | STUDY | SERIES} | {
    0x00080005, 0x00080016, 0x00080018, 0x00200013,
    0x00280002, 0x00280004, 0x00280008, 0x00280010, 0x00280011, 0x00280100, 0x00280103,
}  # fmt: skip

_EXTENDED_OFFSET_TABLE = 0x7FE00001


@dataclass(frozen=True, slots=True)
class InstanceFacts:
    """What the index keeps of an instance. The JSON is in three pieces, see storage/schema."""

    uid: str
    sop_class: str
    number: int | None
    frames: Frames
    problems: tuple[str, ...]
    json_before: bytes
    json_patient: bytes
    json_after: bytes
    json_whole: bool


@dataclass(frozen=True, slots=True)
class Header:
    """One data set, as the index knows it."""

    identity: Identity
    study: StudyFacts
    series: SeriesFacts
    instance: InstanceFacts
    note: RejectionNote | None = None


def read_header(source: Source, transfer_syntax_uid: str, data_offset: int) -> Header:
    """Walk a data set once. `data_offset` is where it begins in its object.

    Values that are wrong are reported in `problems`, and stop nothing. Raises MissingUid, or Unreadable
    where the bytes are no data set in that transfer syntax.
    """
    if not is_uid(transfer_syntax_uid):
        raise MissingUid("the transfer syntax that was named is no UID")
    note: dict[str, Member] = {}
    members, frames, problems, is_whole = _walk(source, transfer_syntax_uid, data_offset, note)
    facts = Facts(members, problems)
    before, patient, after = _apart(members)
    common = common_facts(facts)
    return Header(
        identity=common.identity,
        study=common.study,
        series=common.series,
        instance=InstanceFacts(
            uid=facts.uid("00080018"),
            sop_class=facts.uid("00080016"),
            number=facts.number("00200013"),
            frames=frames,
            json_before=json_of(before),
            json_patient=json_of(patient),
            json_after=json_of(after),
            json_whole=is_whole,
            problems=tuple(problems),
        ),
        note=note_of(note),
    )


def _apart(members: Mapping[str, Member]) -> tuple[dict[str, Member], dict[str, Member], dict[str, Member]]:
    """Members below group 0010, of group 0010 without identity, and above."""
    before: dict[str, Member] = {}
    patient: dict[str, Member] = {}
    after: dict[str, Member] = {}
    for tag, member in members.items():
        if tag >= "0011":
            after[tag] = member
        elif tag < "0010":
            before[tag] = member
        elif tag not in IDENTITY:
            patient[tag] = member
    return before, patient, after


def _walk(
    source: Source, syntax: str, data_offset: int, note: dict[str, Member]
) -> tuple[dict[str, Member], Frames, list[str], bool]:
    """`note` takes what a Key Object Selection names, however much it is."""
    encoding = encoding_of(syntax)
    walk = Walk(source, encoding)
    writer = JsonWriter(walk, encoding)
    members: dict[str, Member] = {}
    frames = NO_FRAMES
    shape: PixelShape | None = None
    behind_pixels = 0
    extended: tuple[int, ...] = ()
    data = source.data if isinstance(source, Whole | Parted) else b""
    recall = recall_for(encoding) if data else None
    try:
        while True:
            if recall:
                walk.position = recall.take(data, walk.position, members)
            start = walk.position
            element = walk.next()
            if element is None:
                break
            tag = element.tag
            if tag in PIXELS:
                members[f"{tag:08X}"] = {"vr": element.vr, "BulkDataURI": f"@{tag:08X}"}
                shape = _shape(members)
                frames = Frames(shape.frames, Form.UNKNOWN)
                frames = _frames(walk, element, shape, syntax, data_offset, extended)
                behind_pixels = walk.position
                continue
            if tag == _EXTENDED_OFFSET_TABLE and element.length != UNDEFINED:
                extended = offset_table(walk, element, "Q")
            if tag in NOTE_TAGS and members.get("00080016", {}).get("Value") == [KEY_OBJECT_SELECTION]:
                named = note[f"{tag:08X}"] = read_note_member(walk, encoding, element)
                member = writer.made_elsewhere(named)
            else:
                member = writer.wanted(element) if tag in _WANTED else writer.member(element)
            if member is not None and tag & 0xFFFF and tag >> 16 != 2:
                members[f"{tag:08X}"] = member
                if recall:
                    recall.remember(data, start, element, member)
    except TooDense:
        raise
    except Unreadable as error:
        if "0020000E" not in members:
            raise
        writer.problems.append(f"the data set breaks off: {error}")
    if shape and walk.position != behind_pixels and shape != _shape(members):
        # the pixels stood before their shape
        frames = Frames(_shape(members).frames, Form.UNKNOWN)
    return members, frames, writer.problems, writer.is_whole


def _frames(
    walk: Walk,
    element: Element,
    shape: PixelShape,
    syntax: str,
    offset: int,
    extended: tuple[int, ...],
) -> Frames:
    if is_encapsulated(element):
        frames = encapsulated_frames(walk, element, shape.frames, offset, extended)
        return Frames(shape.frames, Form.UNKNOWN) if isinstance(walk.source, Inflated) else frames
    walk.skip(element)
    if not walk.reaches_end_of(element):
        raise Unreadable(f"the value of {element.tag:08X} is cut short", element.offset)
    if syntax == ENCAPSULATED_UNCOMPRESSED or isinstance(walk.source, Inflated):
        return Frames(shape.frames, Form.UNKNOWN)  # offsets in the inflated data reach nothing in the object
    return native_frames(element, shape, offset)


def _shape(members: Mapping[str, Member]) -> PixelShape:
    def number(tag: str, otherwise: int) -> int:
        value = members.get(tag, {}).get("Value", [otherwise])[0]
        return value if isinstance(value, int) and 0 < value < 2**31 else otherwise

    return PixelShape(
        rows=number("00280010", 0),
        columns=number("00280011", 0),
        samples=number("00280002", 1),
        bits_allocated=number("00280100", 8),
        frames=number("00280008", 1),
        is_422=members.get("00280004", {}).get("Value") == ["YBR_FULL_422"],
    )
