"""An original file as an object: whose it is and what was made of it stand before its bytes.

Such an object is a Part 10 file of our own class (PS3.10 §7.1): its file meta holds what is known of the
original, and behind that the file lies as it came. So its digest is the file's, and a rebuild finds it all.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any
from uuid import uuid4

from storage.errors import Unreadable
from storage.origin import SAID_LIMIT, Origin
from storage.part10 import write_meta

#: Of such an object: UIDs made from random UUIDs (PS3.5 §B.2). No service sends or receives it.
ORIGINAL_CLASS_UID = "2.25.42524654975799874370122614916907303318"
#: In place of a transfer syntax: what follows the file meta is a file, as it came.
AS_IT_CAME_UID = "2.25.81075687444131191491497369912510779371"


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Whose its case said it is, and of which encounter; "" where it did not say."""

    identifier: str = ""
    issuer: str = ""
    nhs_number: str = ""
    birth_date: str = ""  # YYYYMMDD
    accession: str = ""
    visit: str = ""
    encounter_issuer: str = ""  # of both numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """What is known of an original beside its bytes."""

    kind: str  # what it was recognised as
    name: str  # of the file: it may name a patient
    kept_by: str  # the person or account that had it wrapped
    study_uid: str
    series_uids: tuple[str, ...]
    instance_uids: tuple[str, ...]  # what was made of it
    named: Named = field(default_factory=Named)

    def __post_init__(self) -> None:
        if not self.instance_uids:
            raise ValueError("an original of which nothing was made is beside nothing")


def write_original_meta(original: Original, origin: Origin) -> bytes:
    """What stands before the bytes of the file."""
    uid = f"2.25.{uuid4().int}"
    return write_meta(ORIGINAL_CLASS_UID, uid, AS_IT_CAME_UID, origin, beside=asdict(original))


def read_original(beside: Mapping[str, Any]) -> Original:
    """What `write_original_meta` wrote down. Raises Unreadable."""
    try:
        said = {each.name: beside[each.name] for each in fields(Original)}
        lists = {name: tuple(said[name]) for name in ("series_uids", "instance_uids")}
        return Original(**{**said, **lists, "named": Named(**said["named"])})
    except (ValueError, KeyError, TypeError) as error:
        raise Unreadable("what is written beside an original is damaged") from error


def storable_name(name: str) -> str:
    """A file's name as text: file systems hold other bytes, too."""
    return name.encode("utf-8", "replace").decode().replace("\0", "")[:SAID_LIMIT]
