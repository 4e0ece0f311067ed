"""What the index matches of a patient, a study and a series, out of their attributes."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from storage.dicom_json import Member
from storage.errors import Unreadable
from storage.names import name_key
from storage.uids import is_uid

#: Who the patient is (PS3.3 §C.7.1.1, §C.2.2, §C.2.3): kept apart from what the instance shows, so that a
#: correction changes one row. The rest of group 0010 (age, weight, allergies) stays with the instance.
IDENTITY = frozenset(
    f"{tag:08X}"
    for tag in (
        0x00100010, 0x00100020, 0x00100021, 0x00100022, 0x00100024, 0x00100026, 0x00100027, 0x00100028,
        0x00100030, 0x00100032, 0x00100033, 0x00100034, 0x00100035, 0x00100040, 0x00100050, 0x00101000,
        0x00101001, 0x00101002, 0x00101005, 0x00101040, 0x00101050, 0x00101060, 0x00101080, 0x00101081,
        0x00101090, 0x00101100, 0x00102150, 0x00102152, 0x00102154, 0x00102155, 0x00102297, 0x00102298,
        0x00102299,
    )
)  # fmt: skip

#: Attributes of the study (PS3.3 §C.7.2.1, §C.7.2.3).
STUDY = frozenset(
    f"{tag:08X}"
    for tag in (
        0x00080020, 0x00080030, 0x00080050, 0x00080051, 0x00080090, 0x00080096, 0x0008009C, 0x00080201,
        0x00081030, 0x00081032, 0x00081048, 0x00081049, 0x00081060, 0x00081110, 0x0020000D, 0x00200010,
        0x00321032, 0x00321060, 0x00321064, 0x00380010, 0x00380014,
    )
)  # fmt: skip

#: Attributes of the series (PS3.3 §C.7.3.1, §C.7.5.1).
SERIES = frozenset(
    f"{tag:08X}"
    for tag in (
        0x00080021, 0x00080031, 0x00080060, 0x00080070, 0x00080080, 0x00080081, 0x00080082, 0x0008103E,
        0x0008103F, 0x00081010, 0x00081040, 0x00081041, 0x00081050, 0x00081070, 0x00081090, 0x00180015,
        0x00181000, 0x00181020, 0x00181030, 0x00185100, 0x0020000E, 0x00200011, 0x00200052, 0x00200060,
        0x00400244, 0x00400245, 0x00400250, 0x00400251, 0x00400253, 0x00400254, 0x00400275,
    )
)  # fmt: skip

#: Patient IDs that senders write when they know none: they identify nobody.
PLACEHOLDERS = frozenset({
    "", "0", "00000000", "anon", "anonymous", "anonymized", "anonymised", "n/a", "na", "nil", "no id",
    "none", "noid", "null", "pid", "test", "unk", "unknown", "xxx", "xxxx",
})  # fmt: skip

#: Characters of a value that the index matches; the standard's longest (LO) has 64.
TEXT_LIMIT = 256

_DATE = re.compile(r"[0-9]{8}")
_OLD_DATE = re.compile(r"[0-9]{4}\.[0-9]{2}\.[0-9]{2}")  # ACR-NEMA, still sent (PS3.5 §6.2)
_TIME = re.compile(r"[0-9]{2}([0-9]{2}([0-9]{2}(\.[0-9]{1,6})?)?)?")
_NUMBER = re.compile(r"[+-]?[0-9]{1,10}")


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose study it is, as sent."""

    identifier: str  # "" where the Patient ID identifies nobody
    issuer: str  # "" where the data set does not say: the peer's trust then decides
    name: str  # key, see storage.names
    birth_date: str | None
    sex: str | None
    members: Mapping[str, Member]


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """What the index matches of a study. Text as sent, trimmed; dates and times None where malformed."""

    uid: str
    date: str | None
    time: str | None
    accession: str | None
    accession_issuer: str | None
    study_id: str | None
    description: str | None
    referring: str | None
    json: bytes


@dataclass(frozen=True, slots=True)
class SeriesFacts:
    """What the index matches of a series."""

    uid: str
    modality: str | None
    number: int | None
    description: str | None
    body_part: str | None
    date: str | None
    performed_date: str | None
    performed_time: str | None
    json: bytes


class MissingUid(Unreadable):
    """A UID without which an instance cannot be found again, or read, is absent or is none."""


class Facts:
    """Values by tag, as text, and what is wrong with them."""

    def __init__(self, members: Mapping[str, Member], problems: list[str]) -> None:
        self.members = members
        self.problems = problems

    def text(self, tag: str) -> str | None:
        """The first value, as long as an index takes it."""
        values = self.members.get(tag, {}).get("Value")
        if not values or values[0] is None or isinstance(values[0], dict):
            return None
        return _bounded(str(values[0]).replace("\0", "")) or None

    def uid(self, tag: str) -> str:
        """Raises MissingUid."""
        text = (self.text(tag) or "").strip()
        if not is_uid(text):
            raise MissingUid(f"{tag}: no UID")
        return text

    def date(self, tag: str) -> str | None:
        """DA (PS3.5 §6.2), without the dots of ACR-NEMA."""
        text = self.text(tag)
        if text and _OLD_DATE.fullmatch(text):
            text = text.replace(".", "")
        return self._if_matches(tag, text, _DATE)

    def time(self, tag: str) -> str | None:
        """TM (PS3.5 §6.2)."""
        text = self.text(tag)
        return self._if_matches(tag, text.replace(":", "") if text else text, _TIME)

    def number(self, tag: str) -> int | None:
        """IS, of 32 bits."""
        text = self.text(tag)
        if text is None:
            return None
        if _NUMBER.fullmatch(text) and abs(int(text)) < 2**31:
            return int(text)
        self.problems.append(f"{tag}: no whole number")
        return None

    def name(self, tag: str) -> str:
        """The key of a person name (storage.names)."""
        values = self.members.get(tag, {}).get("Value")
        if not values or not isinstance(values[0], dict):
            return ""
        groups = (values[0].get(group, "") for group in ("Alphabetic", "Ideographic", "Phonetic"))
        return _bounded(name_key("=".join(groups).replace("\0", "")))

    def issuer(self, tag: str) -> str | None:
        """Of an HL7v2 Hierarchic Designator macro (PS3.3 §10.14)."""
        for item in self.members.get(tag, {}).get("Value", [])[:1]:
            inner = Facts(item, self.problems)
            return inner.text("00400032") or inner.text("00400031")
        return None

    def _if_matches(self, tag: str, text: str | None, form: re.Pattern[str]) -> str | None:
        if text is None or form.fullmatch(text):
            return text
        self.problems.append(f"{tag}: malformed")
        return None


@dataclass(frozen=True, slots=True)
class Common:
    """What the instances of a series have in common, and the members that say so."""

    said: dict[str, Member]
    identity: Identity
    study: StudyFacts
    series: SeriesFacts
    problems: tuple[str, ...]


_COMMON = IDENTITY | STUDY | SERIES

#: By Series Instance UID: most instances say of patient, study and series what the one before them said.
_MET: dict[str, Common] = {}
_MET_AT_MOST = 500


def common_facts(facts: Facts) -> Common:
    """The facts of patient, study and series. Raises MissingUid."""
    members = facts.members
    said = {tag: member for tag, member in members.items() if tag in _COMMON}
    series_uid = facts.uid("0020000E")
    met = _MET.get(series_uid)
    if met is None or met.said != said:
        problems: list[str] = []
        own = Facts(said, problems)
        met = Common(said, identity_of(own), study_of(own), series_of(own), tuple(problems))
        if len(_MET) >= _MET_AT_MOST:
            _MET.clear()
        _MET[series_uid] = met
    facts.problems.extend(met.problems)
    return met


def identity_of(facts: Facts) -> Identity:
    """Whose study it is, as these attributes say."""
    identifier = (facts.text("00100020") or "").strip()
    return Identity(
        identifier="" if identifier.casefold() in PLACEHOLDERS else identifier,
        issuer=(facts.text("00100021") or "").strip() or facts.issuer("00100024") or "",
        name=facts.name("00100010"),
        birth_date=facts.date("00100030"),
        sex=facts.text("00100040"),
        members={tag: facts.members[tag] for tag in facts.members if tag in IDENTITY},
    )


def study_of(facts: Facts) -> StudyFacts:
    """What the index matches of a study, as these attributes say. Raises MissingUid."""
    return StudyFacts(
        uid=facts.uid("0020000D"),
        date=facts.date("00080020"),
        time=facts.time("00080030"),
        accession=facts.text("00080050"),
        accession_issuer=facts.issuer("00080051"),
        study_id=facts.text("00200010"),
        description=facts.text("00081030"),
        referring=facts.name("00080090") or None,
        json=json_of({tag: facts.members[tag] for tag in facts.members if tag in STUDY}),
    )


def series_of(facts: Facts) -> SeriesFacts:
    """What the index matches of a series, as these attributes say. Raises MissingUid."""
    return SeriesFacts(
        uid=facts.uid("0020000E"),
        modality=facts.text("00080060"),
        number=facts.number("00200011"),
        description=facts.text("0008103E"),
        body_part=facts.text("00180015"),
        date=facts.date("00080021"),
        performed_date=facts.date("00400244"),
        performed_time=facts.time("00400245"),
        json=json_of({tag: facts.members[tag] for tag in facts.members if tag in SERIES}),
    )


def _bounded(text: str) -> str:
    """Text that an index takes. What is absurdly long stays distinct by its digest."""
    if len(text) <= TEXT_LIMIT:
        return text
    return text[:TEXT_LIMIT] + "…" + hashlib.sha256(text.encode()).hexdigest()


def json_of(members: Mapping[str, Member]) -> bytes:
    """Members in ascending order without the braces around them."""
    return orjson.dumps(members, option=orjson.OPT_SORT_KEYS)[1:-1]
