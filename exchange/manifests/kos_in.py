"""A Key Object Selection read as a manifest, ours or another's (PS3.3 §A.35.4, PS3.16 TID 2010).

What it refers to is what its evidence lists (PS3.3 §C.17.6.2); the content tree says more of it, where it has
MADO's descriptors. What another left out is empty.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone

from exchange.fhir.identifiers import issuer_in
from exchange.fhir.moments import CLOCK
from exchange.manifests import content
from exchange.manifests.content import Members, items_of, text_of, whole
from exchange.manifests.kos import NHS_OID
from exchange.manifests.manifest import ListedSeries, Manifest, Request, Retrieval, Subject, started
from exchange.people.person import NHS, Identifier
from exchange.record.study import Coded, KeyObjects, SharedInstance
from storage.dicom_json import JsonWriter
from storage.elements import DEFLATED, Walk, encoding_of
from storage.errors import BadInput, Unreadable
from storage.part10 import META_LIMIT_BYTES, read_meta
from storage.rejection_notes import KEY_OBJECT_SELECTION
from storage.source import Inflated, Source, Whole
from storage.uids import is_uid

#: Of DICOM JSON: a manifest of some 100,000 instances.
_LIMIT_BYTES = 256 * 1024 * 1024


class NotAManifest(BadInput):
    """A data set that can be read, and is no manifest."""


def read_kos(part10: bytes) -> Sequence[Manifest]:
    """What it says: a manifest of each study that it refers to. Raises NotAManifest and Unreadable."""
    members = _members_of(part10)
    if text_of(members, "00080016") != KEY_OBJECT_SELECTION:
        raise NotAManifest("not a Key Object Selection document")
    title = content.code_of(members, "0040A043")
    if title is None or (title.value, title.scheme) not in content.MANIFEST_TITLES:
        raise NotAManifest("a Key Object Selection whose title is none of a manifest's")
    said = _Said()
    said.hear(items_of(members, "0040A730"))
    found = _evidence(members, said)
    if not found:
        raise NotAManifest("it refers to nothing")
    return [
        _manifest(members, study_uid, each, said, is_only=len(found) == 1)
        for study_uid, each in found.items()
    ]


def _members_of(part10: bytes) -> Members:
    meta = read_meta(part10[:META_LIMIT_BYTES])
    body = part10[meta.data_offset :]
    source: Source = Inflated(iter([body])) if meta.transfer_syntax_uid == DEFLATED else Whole(body)
    encoding = encoding_of(meta.transfer_syntax_uid)
    walk = Walk(source, encoding)
    writer = JsonWriter(walk, encoding, _LIMIT_BYTES)
    members: dict[str, Members] = {}
    while (element := walk.next()) is not None:
        if (member := writer.member(element)) is not None:
            members[f"{element.tag:08X}"] = member
    if not writer.is_whole:
        raise Unreadable(f"more than {_LIMIT_BYTES:,} bytes of references")
    return members


@dataclass(slots=True)
class _Said:
    """What the content tree says of series and instances, by UID, however deep it stands."""

    series: dict[str, Sequence[Members]] = field(default_factory=dict)
    instances: dict[str, Sequence[Members]] = field(default_factory=dict)
    regions: list[Coded] = field(default_factory=list)  # of the study

    def hear(self, items: Sequence[Members]) -> None:
        for each in items:
            inner = items_of(each, "0040A730")
            if content.is_named(each, content.IMAGE_LIBRARY):
                self.regions.extend(content.codes_of(inner, content.TARGET_REGION))
            uid = text_of(content.described(inner, content.SERIES_UID), "0040A124")
            if uid:
                self.series[uid] = inner
            for referenced in items_of(each, "00081199")[:1]:
                if inner:
                    self.instances[text_of(referenced, "00081155")] = inner
            self.hear(inner)


@dataclass(slots=True)
class _Found:
    """A study of the evidence: its series in their order, whichever items named them."""

    series: dict[str, list[Members]] = field(default_factory=dict)
    described: dict[str, Sequence[Members]] = field(default_factory=dict)
    instances: dict[str, dict[str, SharedInstance]] = field(default_factory=dict)
    viewer_url: str = ""


def _evidence(members: Members, said: _Said) -> Mapping[str, _Found]:
    found: dict[str, _Found] = {}
    for study in items_of(members, "0040A375"):
        study_uid = text_of(study, "0020000D")
        for series in items_of(study, "00081115"):
            series_uid = text_of(series, "0020000E")
            named = {each.uid: each for each in _instances(series, said)}
            if not (named and is_uid(study_uid) and is_uid(series_uid)):
                continue
            each = found.setdefault(study_uid, _Found())
            each.series.setdefault(series_uid, []).append(series)
            each.described[series_uid] = said.series.get(series_uid, ())
            each.instances.setdefault(series_uid, {}).update(named)
            each.viewer_url = each.viewer_url or _display(study)
    return found


def _instances(series: Members, said: _Said) -> Iterator[SharedInstance]:
    for each in items_of(series, "00081199"):
        uid = text_of(each, "00081155")
        if not is_uid(uid):
            continue
        inner = said.instances.get(uid, ())
        frames = items_of(content.described(inner, content.NUMBER_OF_FRAMES), "0040A300")
        counted = whole(text_of(frames[0], "0040A30A").removesuffix(".0")) if frames else None
        yield SharedInstance(
            uid,
            text_of(each, "00081150"),
            whole(text_of(content.described(inner, content.INSTANCE_NUMBER), "0040A160")),
            max(counted or 0, 0),
            _key_objects(inner),
        )


def _key_objects(described: Sequence[Members]) -> KeyObjects | None:
    """What is said of an instance that is a Key Object Selection itself (MADO table 6.X.2.9-4)."""
    title = content.code_of(content.described(described, content.DOCUMENT_TITLE), "0040A168")
    text = text_of(content.described(described, content.KEY_OBJECT_DESCRIPTION), "0040A160")
    return KeyObjects(title, text) if title or text else None


def _display(study: Members) -> str:
    for block in range(0x10, 0x100):
        if text_of(study, f"000D00{block:02X}") == content.MADO_CREATOR:
            return text_of(study, f"000D{block:02X}01")
    return ""


def _manifest(members: Members, study_uid: str, found: _Found, said: _Said, *, is_only: bool) -> Manifest:
    """What it says of a study beside its references it says of the study that it is part of itself."""
    own = members if text_of(members, "0020000D") == study_uid or is_only else {}
    holder = content.code_of(members, "00080082")
    accession, issuer = _accession(own)
    return Manifest(
        uid=text_of(members, "00080018"),
        made_at=_made_at(members),
        holder=text_of(members, "00080080"),
        holder_code=holder.value if holder and holder.scheme == "99ODS" else "",
        study_uid=study_uid,
        started=started(text_of(own, "00080020"), text_of(own, "00080030")),
        accession=accession,
        accession_issuer=issuer,
        description=text_of(own, "00081030"),
        codes=tuple(_codes(own)),
        regions=tuple(said.regions) if own else (),
        referring=text_of(own, "00080090"),
        subject=_subject(members),
        requests=tuple(
            _request(each)
            for each in items_of(members, "0040A370")
            if text_of(each, "0020000D") == study_uid or (is_only and not text_of(each, "0020000D"))
        ),
        series=tuple(
            _series(uid, items, found.described[uid], tuple(found.instances[uid].values()))
            for uid, items in found.series.items()
        ),
        viewer_url=found.viewer_url,
    )


def _series(
    uid: str,
    items: Sequence[Members],
    described: Sequence[Members],
    instances: tuple[SharedInstance, ...],
) -> ListedSeries:
    modality = content.code_of(content.described(described, content.MODALITY), "0040A168")
    titles = [title for each in items for title in each.get("00080054", {}).get("Value") or () if title]
    return ListedSeries(
        uid,
        modality.value if modality else "",
        whole(text_of(content.described(described, content.SERIES_NUMBER), "0040A160")),
        text_of(content.described(described, content.SERIES_DESCRIPTION), "0040A160"),
        content.code_of(content.described(described, content.TARGET_REGION), "0040A168"),
        started(
            text_of(content.described(described, content.SERIES_DATE), "0040A121"),
            text_of(content.described(described, content.SERIES_TIME), "0040A122"),
        ),
        Retrieval(
            tuple(dict.fromkeys(str(each) for each in titles)),
            next(filter(None, (text_of(each, "0040E011") for each in items)), ""),
            next(filter(None, (text_of(each, "00081190") for each in items)), ""),
        ),
        instances,
    )


def _made_at(members: Members) -> datetime:
    """Where it does not say when, the beginning of time: nothing was made before."""
    moment = started(text_of(members, "00080023"), text_of(members, "00080033"))
    if not moment:
        return datetime.min.replace(tzinfo=UTC)
    at = datetime.fromisoformat(moment)
    return at.replace(tzinfo=_zone(text_of(members, "00080201")) or CLOCK).astimezone(UTC)


def _zone(offset: str) -> timezone | None:
    if len(offset) != 5 or offset[0] not in "+-" or not offset[1:].isdigit():
        return None
    ahead = timedelta(hours=int(offset[1:3]), minutes=int(offset[3:]))
    return timezone(-ahead if offset[0] == "-" else ahead) if ahead < timedelta(hours=24) else None


def _subject(members: Members) -> Subject:
    numbers = [_identifier(each) for each in (members, *items_of(members, "00101002"))]
    return Subject(
        tuple(dict.fromkeys(each for each in numbers if each.value)),
        text_of(members, "00100010"),
        started(text_of(members, "00100030")).replace("-", ""),
        text_of(members, "00100040"),
    )


def _identifier(members: Members) -> Identifier:
    universal = next((text_of(each, "00400032") for each in items_of(members, "00100024")), "")
    issuer = NHS if universal == NHS_OID else text_of(members, "00100021") or _issuer(universal)
    return Identifier(text_of(members, "00100020"), issuer)


def _issuer(universal: str) -> str:
    return issuer_in(universal) or universal


def _accession(members: Members) -> tuple[str, str]:
    number = text_of(members, "00080050")
    for each in items_of(members, "00080051")[:1]:
        return number, (text_of(each, "00400031") or _issuer(text_of(each, "00400032"))) if number else ""
    return number, ""


def _codes(members: Members) -> Iterator[Coded]:
    for each in items_of(members, "00081032"):
        code = content.code_of({"it": {"Value": [each]}}, "it")
        if code is not None and code.value:
            yield code


def _request(members: Members) -> Request:
    accession, issuer = _accession(members)
    placer = items_of(members, "00400026")
    return Request(
        accession,
        issuer,
        text_of(members, "00402016"),
        text_of(members, "00402017"),
        text_of(placer[0], "00400031") if placer else "",
        text_of(members, "00321060"),
    )
