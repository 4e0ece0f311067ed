"""Instances that come as metadata and bulk parts (PS3.18 §10.5.1.4): the route of a phone's photograph.

Metadata come first and say where each bulk value is; the parts that follow say by Content-Location which
value they are. An instance goes through the one door as soon as the last of its values is there.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from storage.assembling import PIXEL_DATA, Value, assembled
from storage.dicom_json import Member
from storage.elements import EXPLICIT_LITTLE
from storage.errors import ArchiveError, BadInput, Unavailable
from storage.ingest import Incoming
from storage.json_in import TRANSFER_SYNTAX, BadMetadata, bulk_uris, checked, read_json
from storage.originals import Originals
from storage.receipt import Outcome
from storage.uids import is_uid
from storage.xml_in import read_xml
from viewer_api.cleaned import keep_originals
from viewer_api.media import DICOM_JSON, OCTETS
from viewer_api.parts_in import BadMultipart, PartIn
from viewer_api.picturing import coloured, moving, pictured, syntax_of
from viewer_api.pixels_in import PICTURES, Bulk, frames_in, is_compressed
from viewer_api.spool import Spool, fetch
from viewer_api.storing import Failed, Kept, Report, Storing, failed_by
from viewer_api.turning import Making

DICOM_XML = "application/dicom+xml"
PDF = "application/pdf"

#: Of all metadata parts of a request.
METADATA_LIMIT_BYTES = 8 * 1024 * 1024

_DOCUMENT, _DOCUMENT_TYPE = "00420011", "00420012"
_FRAMES = "00280008"
_SOP_CLASS, _SOP_INSTANCE = "00080016", "00080018"


@dataclass(slots=True, eq=False)
class Described:
    """An instance whose metadata came, and perhaps some of its values."""

    members: dict[str, Member]
    wanted: dict[str, int]  # parts that are yet to come, by the URI that they are at

    @property
    def sop_class_uid(self) -> str:
        """ "" where the metadata do not say."""
        return _uid(self.members, _SOP_CLASS)

    @property
    def sop_instance_uid(self) -> str:
        """The same."""
        return _uid(self.members, _SOP_INSTANCE)


@dataclass(slots=True)
class Describing:
    """Takes the parts of one request whose instances are described."""

    storing: Storing
    spool: Spool
    making: Making
    originals: Originals
    report: Report = field(default_factory=Report)
    #: By the URI of a value, and in the order in which they came.
    _waiting: dict[str, dict[Described, None]] = field(default_factory=lambda: defaultdict(dict))
    _came: dict[str, list[Bulk]] = field(default_factory=lambda: defaultdict(list))
    _metadata_bytes: int = 0

    def take(self, parts: Iterator[PartIn]) -> Report:
        """Each instance once it is whole. Raises BadMultipart only where nothing was taken before."""
        try:
            for part in parts:
                if part.media_type in (DICOM_JSON, DICOM_XML):
                    self._describe(part)
                else:
                    self._value(part)
        except BadMultipart as error:
            if not self.report.results and not self._waiting:
                raise
            self.report.results.append(Failed(Outcome.UNREADABLE, str(error)))
        for each in dict.fromkeys(one for waiting in self._waiting.values() for one in waiting):
            self._fail(each, BadMetadata("a bulk part that its metadata name did not come"))
        return self.report

    def _describe(self, part: PartIn) -> None:
        """A metadata part: of many instances in JSON, of one in XML."""
        text = bytearray()
        try:
            for chunk in part.chunks:
                self._metadata_bytes += len(chunk)
                if self._metadata_bytes > METADATA_LIMIT_BYTES:
                    raise BadMetadata(f"metadata of more than {METADATA_LIMIT_BYTES:,} bytes")
                text += chunk
            is_xml = part.media_type == DICOM_XML
            objects = [read_xml(bytes(text))] if is_xml else read_json(bytes(text))
        except BadMetadata as error:
            self.report.results.append(Failed(Outcome.UNREADABLE, str(error)))
            return
        for each in objects:
            self._instance(each)

    def _instance(self, described: Any) -> None:
        try:
            members = checked(described)
        except BadMetadata as error:
            said = described if isinstance(described, Mapping) else {}
            uids = _uid(said, _SOP_CLASS), _uid(said, _SOP_INSTANCE)
            self.report.results.append(Failed(Outcome.UNREADABLE, str(error), *uids))
            return
        found = Described(members, dict.fromkeys(bulk_uris(members), 1))
        pixels = members.get(PIXEL_DATA, {}).get("BulkDataURI")
        if pixels is not None:
            found.wanted[pixels] = _frames(members)
        if not found.wanted:
            self._keep(found)
        for uri in found.wanted:
            self._waiting[uri][found] = None

    def _value(self, part: PartIn) -> None:
        """A bulk part, for whichever instances name it."""
        location = part.headers.get("content-location", "").strip()
        waiting = self._waiting.get(location, {})
        if not waiting:
            self.report.results.append(Failed(Outcome.UNREADABLE, "a bulk part that no metadata name"))
            return
        try:
            value = self.spool.add(part.chunks)
        except BadMultipart:
            raise
        except ArchiveError as error:
            for each in list(waiting):
                self._fail(each, error)
            return
        media_type = part.media_type or OCTETS
        self._came[location].append(Bulk(media_type, _parameter(part, "transfer-syntax"), value))
        for each in list(waiting):
            # Frames come one in a part, all at one location (PS3.18 §8.7.3.3); a video in one.
            each.wanted[location] = 0 if media_type.startswith("video/") else each.wanted[location] - 1
            if media_type == OCTETS and not self._came[location][-1].transfer_syntax:
                each.wanted[location] = 0
            if not any(each.wanted.values()):
                self._keep(each)
                self._leave(each)

    def _keep(self, described: Described) -> None:
        try:
            result = self._kept(described)
        except Unavailable as error:
            result = failed_by(error, described.sop_class_uid, described.sop_instance_uid)
        except BadInput as error:
            result = self._turned_away(described, error)
        self.report.results.append(result)

    def _kept(self, described: Described) -> Kept | Failed:
        for uid in (described.sop_class_uid, described.sop_instance_uid):
            if not uid:
                raise BadMetadata("SOP Class UID and SOP Instance UID are wanted")
        members = dict(described.members)
        named = _uid(members, TRANSFER_SYNTAX)
        members.pop(TRANSFER_SYNTAX, None)
        bulk = {uri: self._came[uri] for uri in described.wanted}
        pixels = bulk.pop(members.get(PIXEL_DATA, {}).get("BulkDataURI", ""), None)
        syntax, frames, is_added_to = EXPLICIT_LITTLE, [], False
        if pixels is not None and is_compressed(pixels[0]):
            came = frames_in(pixels, self.making)
            frames = [each.value for each in came]
            first = came[0]
            syntax = syntax_of(first.picture, "" if first.sent else pixels[0].transfer_syntax or named)
            size = sum(each.lossy_bytes for each in came)
            shown = pictured(members, first.picture, len(frames), size, first.sent)
            painted = coloured(shown.members, first.colour_profile)
            timed = moving(painted.members, first.timing)
            members = timed.members
            keep_originals(self.originals, members, pixels, came, self.storing.origin())
            is_added_to = (
                shown.is_added_to
                or painted.is_added_to
                or timed.is_added_to
                or any(each.is_cleaned for each in came)
            )
        elif pixels is not None:
            bulk[members[PIXEL_DATA]["BulkDataURI"]] = pixels
        is_added_to |= _document(members, bulk)
        values = {uri: _one(parts) for uri, parts in bulk.items()}
        incoming = Incoming(
            described.sop_class_uid, described.sop_instance_uid, syntax, study_uid=self.storing.study_uid
        )
        result = self.storing.keep(incoming, assembled(members, values, frames))
        return Kept(result.sop_class_uid, result.receipt, is_added_to) if isinstance(result, Kept) else result

    def _fail(self, described: Described, error: ArchiveError) -> None:
        self.report.results.append(self._turned_away(described, error))
        self._leave(described)

    def _turned_away(self, described: Described, error: ArchiveError) -> Failed:
        """It never came through the door, which records what does."""
        failed = failed_by(error, described.sop_class_uid, described.sop_instance_uid)
        incoming = Incoming(failed.sop_class_uid, failed.sop_instance_uid, "")
        self.storing.door.turn_away(incoming, self.storing.origin(), failed.outcome, failed.because)
        return failed

    def _leave(self, described: Described) -> None:
        """It waits for nothing any more; what nobody waits for is let go."""
        for uri in described.wanted:
            self._waiting[uri].pop(described, None)
            if not self._waiting[uri]:
                del self._waiting[uri]
                self._came.pop(uri, None)
        if not self._came:
            self.spool.clear()


def _document(members: dict[str, Member], bulk: Mapping[str, list[Bulk]]) -> bool:
    """A document says what it is (PS3.3 §C.24.2); whether that was added. Raises BadMetadata."""
    uri = members.get(_DOCUMENT, {}).get("BulkDataURI", "")
    parts = bulk.get(uri, [])
    if not parts or parts[0].media_type == OCTETS:
        return False
    said = (members.get(_DOCUMENT_TYPE, {}).get("Value") or [None])[0]
    if said not in (None, parts[0].media_type):
        raise BadMetadata(f"{_DOCUMENT_TYPE} differs from the part's media type")
    if parts[0].media_type == PDF and b"%PDF-" not in fetch(parts[0].value)(0, 1024):
        raise BadMetadata("a part that is no PDF")
    if said is None:
        members[_DOCUMENT_TYPE] = {"vr": "LO", "Value": [parts[0].media_type]}
    return said is None


def _one(parts: list[Bulk]) -> Value:
    """A value that is written as it came."""
    if len(parts) != 1:
        raise BadMetadata("several parts for one value")
    if parts[0].media_type in PICTURES:
        raise BadMetadata(f"{parts[0].media_type} is for Pixel Data alone")
    return parts[0].value


def _frames(members: Mapping[str, Member]) -> int:
    """Parts in which the pixels come, if they are compressed pictures."""
    value = (members.get(_FRAMES, {}).get("Value") or [1])[0]
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 8 and int(text) else 1


def _uid(members: Mapping[str, Any], tag: str) -> str:
    """A UID that metadata say, before or after they are checked; "" where they say none."""
    member = members.get(tag)
    values = member.get("Value") if isinstance(member, Mapping) else None
    value = values[0] if isinstance(values, list) and values else ""
    return value if isinstance(value, str) and is_uid(value) else ""


def _parameter(part: PartIn, name: str) -> str:
    """Of its Content-Type."""
    for parameter in part.headers.get("content-type", "").split(";")[1:]:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == name:
            return value.strip().strip('"')
    return ""
