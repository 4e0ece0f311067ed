"""What a peer is known to send wrong becomes corrections, as soon as it has come (storage.coercing).

A rule always looks at what was sent, never at what was made of it: the same instance again ends in the same.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from psycopg_pool import ConnectionPool

from dicom_router.rules.arrived import Arrived, arrived
from dicom_router.rules.coercion import CHARACTER_SET, Coercion, Reread, coerced
from dicom_router.rules.criteria import Facts, holds
from exchange.registry import Peer
from storage.coercing import Coerced, record_coerced
from storage.corrections import Member
from storage.driver_errors import mapped_errors
from storage.errors import Unreadable
from storage.metadata import Whereabouts
from storage.objects import ObjectStore
from storage.sent import Sent, read_sent

log = structlog.get_logger(__name__)

#: Reads what was sent; with a character set, also what its text means in that.
Reader = Callable[[str | None], Sent]


@dataclass(frozen=True, slots=True)
class Made:
    """What one rule makes of one instance."""

    rule: str
    attributes: dict[str, Member]
    read_as: dict[str, Member]


def made(read: Reader, peer: str, trust: str, came_at: datetime, coercions: Sequence[Coercion]) -> list[Made]:
    """What coercions make of an instance, in their order. Raises Unreadable."""
    sent = read(None)
    members: dict[str, Member] = {**sent.members}
    found: list[Made] = []
    for coercion in coercions:
        if not holds(coercion.criteria, Facts(trust, peer, members, came_at)):
            continue
        read_as: dict[str, Member] = {}
        attributes: dict[str, Member] = {}
        if coercion.reread is not None and _is_wrong(sent, coercion.reread):
            again = read(coercion.reread.character_set).read_as
            if again is not None:
                read_as = {**again}
                values = [part.strip() for part in coercion.reread.character_set.split("\\")]
                attributes[CHARACTER_SET] = {"vr": "CS", "Value": values}
                members |= read_as
        changed = coerced(members, coercion)
        members |= changed
        attributes |= changed
        if attributes:
            found.append(Made(coercion.name, attributes, read_as))
    return found


def _is_wrong(sent: Sent, reread: Reread) -> bool:
    """It declares another, and that makes a difference."""
    if sent.is_ascii or sent.declared == reread.character_set:
        return False
    return reread.declared is None or sent.declared == reread.declared


@dataclass(frozen=True, slots=True)
class Coercing:
    """Records what coercions make of what has come."""

    pool: ConnectionPool
    objects: ObjectStore

    def coerce(
        self,
        study_uid: str,
        came: Mapping[str, datetime],
        peers: Sequence[Peer],
        coercions: Mapping[str, Coercion],
    ) -> int:
        """Of instances that came at these times, by UID; how many are coerced anew or otherwise."""
        by_peer = coercions_of(peers, coercions)
        if not by_peer:
            return 0
        with mapped_errors(), self.pool.connection() as connection:
            found = [
                each
                for each in arrived(connection, study_uid, list(came))
                if (each.peer, each.trust) in by_peer
            ]
        if not found:
            return 0
        wanted = [
            Coerced(each.id, one.rule, one.attributes, one.read_as)
            for each in found
            for one in self._made(each, came[each.uid], by_peer[each.peer, each.trust])
        ]
        with mapped_errors(), self.pool.connection() as connection:
            return record_coerced(connection, study_uid, [each.id for each in found], wanted)

    def _made(self, each: Arrived, came_at: datetime, coercions: Sequence[Coercion]) -> list[Made]:
        where = Whereabouts(self.objects, each.key, each.data_offset, each.transfer_syntax)

        def read(character_set: str | None) -> Sent:
            return read_sent(where.source, each.transfer_syntax, character_set)

        try:
            return made(read, each.peer, each.trust, came_at, coercions)
        except Unreadable as error:
            log.warning("coercion.unreadable", instance=each.id, error=type(error).__name__)
            return []


def coercions_of(
    peers: Sequence[Peer], coercions: Mapping[str, Coercion]
) -> dict[tuple[str, str], list[Coercion]]:
    """Those that a peer's entries name, in their order. A name that no rule file has now does nothing."""
    named: dict[tuple[str, str], list[Coercion]] = {}
    for peer in peers:
        known = named.setdefault((peer.ae_title, peer.trust.ods_code), [])
        known += [
            coercions[name] for name in peer.coercions if name in coercions and coercions[name] not in known
        ]
    return {key: found for key, found in named.items() if found}
