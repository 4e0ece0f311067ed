"""A DICOM file as rules see it, before it is sent anywhere."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dicom_router.rules.criteria import CLOCK, Facts
from imx.errors import CommandFailed
from imx.part10 import NotPart10, head_of
from storage.answers import read_members, write_members
from storage.elements import DEFLATED
from storage.errors import Unreadable
from storage.header import read_header
from storage.origin import Origin
from storage.part10 import META_LIMIT_BYTES, read_meta
from storage.sent import Sent, read_sent
from storage.source import Inflated, Source, Whole


@dataclass(frozen=True, slots=True)
class LookedAt:
    """One file, and from whom it is taken to come."""

    data: bytes  # its data set
    transfer_syntax: str
    peer: str
    trust: str
    came_at: datetime

    def source(self) -> Source:
        """A fresh walk over it."""
        return Inflated(iter((self.data,))) if self.transfer_syntax == DEFLATED else Whole(self.data)

    def sent(self, character_set: str | None) -> Sent:
        """What it says, up to where coercions reach."""
        return read_sent(self.source, self.transfer_syntax, character_set)

    def facts(self) -> Facts:
        """All that rules look at. Raises Unreadable."""
        header = read_header(self.source(), self.transfer_syntax, 0)
        pieces = (header.instance.json_before, header.instance.json_patient, header.instance.json_after)
        members: dict[str, Any] = read_members(write_members(header.identity.members), *pieces)
        return Facts(self.trust, self.peer, members, self.came_at)


def look_at(path: Path, peer: str, trust: str, at: str) -> LookedAt:
    """A file that we exported says itself from whom it came. Raises CommandFailed."""
    try:
        head = head_of(path)
        content = path.read_bytes()
        origin: Origin | None = read_meta(content[:META_LIMIT_BYTES]).origin
    except (NotPart10, Unreadable, OSError) as error:
        raise CommandFailed(f"{path} is not a DICOM file that can be read") from error
    return LookedAt(
        content[head.data_set_at :],
        head.transfer_syntax_uid,
        peer or (origin.peer if origin else ""),
        (trust or (origin.trust if origin else "")).strip().upper(),
        moment(at),
    )


def moment(text: str) -> datetime:
    """By the clock of Europe/London; now where none is given. Raises CommandFailed."""
    if not text:
        return datetime.now(UTC)
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandFailed(f"{text} is no time such as 2026-07-03T21:00") from error
    return found if found.tzinfo else found.replace(tzinfo=CLOCK)
