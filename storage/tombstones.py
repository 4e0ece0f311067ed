"""Decisions over withdrawals beside the bytes: small Part 10 objects of our own, from which a rebuild reads
them again. So no loss of the index brings back what two people took out of use.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import orjson

from storage.dicom_json import Member
from storage.elements import EXPLICIT_LITTLE, Walk, encoding_of
from storage.errors import Unreadable
from storage.origin import Origin
from storage.part10 import read_meta, write_meta
from storage.source import Whole
from storage.writing import ElementWriter

#: Of such an object: a UID made from a random UUID (PS3.5 §B.2). No service sends or receives it.
DECISION_CLASS_UID = "2.25.106708149128097184025509270962409941065"
#: The peer that such an object comes from.
DECIDER = "IMX"
_CREATOR = "IMAGING EXCHANGE"
_CREATOR_TAG, _JSON_TAG = "00090010", "00091002"
_JSON_TAG_NUMBER = 0x00091002


@dataclass(frozen=True, slots=True)
class Decided:
    """An approved withdrawal, or its approved undoing."""

    is_undoing: bool
    level: str
    study_uid: str
    series_uid: str | None
    instance_uid: str | None
    trusts: tuple[str, ...]
    instances: int
    because: str
    asked_by: str
    asked_at: datetime
    approved_by: str
    decided_at: datetime
    keep_until: datetime | None  # of a withdrawal

    @property
    def uid(self) -> str:
        """Of what it is about."""
        return self.instance_uid or self.series_uid or self.study_uid


def write_decision(decided: Decided) -> tuple[bytes, bytes]:
    """The file meta and the data set of its object."""
    trust = decided.trusts[0] if decided.trusts else ""
    origin = Origin(DECIDER, trust, trust or DECIDER, "", "withdrawal", decided.decided_at)
    members: dict[str, Member] = {
        _CREATOR_TAG: {"vr": "LO", "Value": [_CREATOR]},
        _JSON_TAG: {"vr": "UT", "Value": [orjson.dumps(asdict(decided)).decode()]},
    }
    data_set = ElementWriter(encoding_of(EXPLICIT_LITTLE), ("utf-8",)).elements(members)
    return write_meta(DECISION_CLASS_UID, f"2.25.{uuid4().int}", EXPLICIT_LITTLE, origin), data_set


def read_decision(part10: bytes) -> Decided:
    """What an object of ours says. Raises Unreadable."""
    walk = Walk(Whole(part10), encoding_of(EXPLICIT_LITTLE), read_meta(part10).data_offset)
    while (element := walk.next()) is not None:
        if element.tag == _JSON_TAG_NUMBER:
            return _decided(walk.value(element))
        walk.skip(element)
    raise Unreadable("a decision that says nothing")


def _decided(text: bytes) -> Decided:
    try:
        said: dict[str, Any] = orjson.loads(text.rstrip(b" "))
        for name in ("asked_at", "decided_at", "keep_until"):
            said[name] = said[name] and datetime.fromisoformat(said[name])
        return Decided(**{**said, "trusts": tuple(said["trusts"])})
    except (ValueError, KeyError, TypeError) as error:
        raise Unreadable("a decision that is damaged") from error
