"""Who we know, in the database: trusts, the DICOM peers of each, and whom we turned away."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import Any

from psycopg import Connection, Cursor, errors
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool

from exchange.admitting import admitted
from exchange.entries import peer_said, trust_said
from exchange.host_names import HostNames
from exchange.peers import DuplicatePolicy, Peer, PeerConflict, UnknownPeer, checked_peer, conflict, peer_at
from exchange.refusals import Reason, Refusal, Refused
from exchange.trusts import BadEntry, IssuerTaken, Trust, TrustInUse, UnknownTrust, checked_trust
from storage.driver_errors import mapped_errors

__all__ = [
    "BadEntry", "DuplicatePolicy", "IssuerTaken", "Peer", "PeerConflict", "PostgresRegistry", "Trust",
    "TrustInUse", "UnknownPeer", "UnknownRefusal", "UnknownTrust",
]  # fmt: skip

#: Who changes the registry where nobody says.
OURSELVES = "imx"

#: What a row of `peer` says, besides its trust. Columns and fields have the same names.
_SAID = tuple(each.name for each in fields(Peer) if each.name not in ("trust", "id"))

_PEERS = f"""
    select {", ".join(f"p.{name}" for name in _SAID)}, p.id,
           t.ods_code, t.name, t.issuer, t.place, t.successor, t.nhs_number_status, t.number_system
    from peer p join trust t on t.ods_code = p.trust
"""
_ADD_PEER = f"""
    insert into peer (trust, {", ".join(_SAID)})
    values (%(trust)s, {", ".join(f"%({name})s" for name in _SAID)}) returning id
"""
_CHANGE_PEER = f"""
    update peer set trust = %(trust)s, {", ".join(f"{name} = %({name})s" for name in _SAID)},
        changed_at = now()
    where id = %(id)s returning id
"""
_ADD_TRUST = """
    insert into trust (ods_code, name, place, issuer, successor, nhs_number_status, number_system)
    values (%(ods_code)s, %(name)s, %(place)s, %(issuer)s, %(successor)s, %(nhs_number_status)s,
        %(number_system)s)
    on conflict (ods_code) do update set name = excluded.name, place = excluded.place,
        issuer = excluded.issuer, successor = excluded.successor,
        nhs_number_status = excluded.nhs_number_status, number_system = excluded.number_system
"""
_NOTE_CHANGE = "insert into registry_change (by, what, name, entry) values (%s, %s, %s, %s)"
_CHANGES = "select at, by, what, name, entry from registry_change order by id desc limit %s"
_REFUSALS = """
    select id, reason, calling, called, address, because, is_tls, fingerprint, first_at, last_at, times
    from refusal
"""


@dataclass(frozen=True, slots=True)
class PostgresRegistry:
    """Trusts, peers and refusals, in the database. Adding an entry again changes it."""

    pool: ConnectionPool
    host_names: HostNames = field(default_factory=HostNames, compare=False)

    # Trusts ---------------------------------------------------------------------------------------

    def add_trust(self, trust: Trust, by: str = OURSELVES) -> None:
        """Raises BadEntry, IssuerTaken, and UnknownTrust for a successor that nobody knows."""
        with _rows(self.pool) as cursor:
            # One at a time: two mergers at once could each be the other's successor.
            cursor.execute("lock table trust in share row exclusive mode")
            known = {each.ods_code: each for each in _trusts(cursor)}
            if known.get(trust.ods_code) == checked_trust(trust, known):
                return
            cursor.execute(_ADD_TRUST, trust_said(trust))
            what = "trust changed" if trust.ods_code in known else "trust added"
            cursor.execute(_NOTE_CHANGE, (by, what, trust.ods_code, Jsonb(trust_said(trust))))

    def trusts(self) -> list[Trust]:
        """All, by ODS code."""
        with _rows(self.pool) as cursor:
            return _trusts(cursor)

    def trust(self, ods_code: str) -> Trust:
        """Raises UnknownTrust."""
        for trust in self.trusts():
            if trust.ods_code == ods_code:
                return trust
        raise UnknownTrust(ods_code)

    def remove_trust(self, ods_code: str, by: str = OURSELVES) -> None:
        """Raises UnknownTrust, and TrustInUse where something is its own."""
        with _rows(self.pool) as cursor:
            if cursor.execute("select from identity where trust = %s limit 1", (ods_code,)).fetchone():
                raise TrustInUse(
                    f"trust {ods_code} owns studies that are kept: merge it into another instead"
                    f" (imx trust merge {ods_code} INTO)"
                )
            before = next((each for each in _trusts(cursor) if each.ods_code == ods_code), None)
            if before is None:
                raise UnknownTrust(ods_code)
            try:
                cursor.execute("delete from trust where ods_code = %s", (ods_code,))
            except errors.ForeignKeyViolation as error:
                raise TrustInUse(
                    f"trust {ods_code} has peers, or other trusts were merged into it: remove those first"
                ) from error
            cursor.execute(_NOTE_CHANGE, (by, "trust removed", ods_code, Jsonb(trust_said(before))))

    # Peers ----------------------------------------------------------------------------------------

    def named(self, calling: str, address: str) -> Peer | None:
        """The peer by AE title and address: of several, the entry that names the fewest addresses."""
        return peer_at(address, self.entries(calling), self.host_names)

    def destination(self, ae_title: str, trust: str | None = None) -> Peer | None:
        """The peer that can be called by that AE title.

        Where several can, the one of `trust`; None where that does not tell: what goes to the wrong one
        of two cannot be called back.
        """
        found = [each for each in self.entries(ae_title) if each.is_callable]
        if len(found) > 1:
            found = [each for each in found if each.trust.ods_code == trust]
        return found[0] if len(found) == 1 else None

    def entries(self, ae_title: str) -> list[Peer]:
        """Every entry by that AE title."""
        with _rows(self.pool) as cursor:
            return _entries(cursor, ae_title)

    def peers(self) -> list[Peer]:
        """All, by trust and AE title."""
        with _rows(self.pool) as cursor:
            rows = cursor.execute(f"{_PEERS} order by t.ods_code, p.ae_title, p.id").fetchall()
        return [_peer(row) for row in rows]

    def peer(self, number: int) -> Peer:
        """By the number of its entry. Raises UnknownPeer."""
        with _rows(self.pool) as cursor:
            row = cursor.execute(f"{_PEERS} where p.id = %s", (number,)).fetchone()
        if row is None:
            raise UnknownPeer(f"no peer with entry {number} (imx peer list)")
        return _peer(row)

    def add_peer(self, peer: Peer, by: str = OURSELVES) -> Peer:
        """The entry as kept: a new one, or in the place of the one by the same title and addresses.

        One with an `id` changes that entry. Raises BadEntry, PeerConflict, UnknownTrust and UnknownPeer.
        """
        checked_peer(peer)
        with _rows(self.pool) as cursor:
            # One at a time: two that are added at once could overlap.
            cursor.execute("lock table peer in share row exclusive mode")
            known = _entries(cursor, peer.ae_title)
            same = [each.id for each in known if set(each.places) == set(peer.places)]
            if not peer.id and same:
                peer = replace(peer, id=same[0])
            if other := conflict(peer, known):
                raise PeerConflict(peer, other)
            if peer in known and peer.id in same:
                return peer
            try:
                row = cursor.execute(_CHANGE_PEER if peer.id else _ADD_PEER, _values(peer)).fetchone()
            except errors.ForeignKeyViolation as error:
                raise UnknownTrust(peer.trust.ods_code) from error
            if row is None:
                raise UnknownPeer(f"no peer with entry {peer.id} (imx peer list)")
            what = "peer changed" if peer.id else "peer added"
            kept = replace(peer, id=row["id"])
            cursor.execute(_NOTE_CHANGE, (by, what, peer.ae_title, _entry(kept)))
        return kept

    def remove_peer(self, number: int, by: str = OURSELVES) -> None:
        """From now on it is refused. Raises UnknownPeer."""
        before = self.peer(number)
        with _rows(self.pool) as cursor:
            cursor.execute("delete from peer where id = %s", (number,))
            cursor.execute(_NOTE_CHANGE, (by, "peer removed", before.ae_title, _entry(before)))

    def changes(self, limit: int) -> list[dict[str, Any]]:
        """Who changed what, the last first."""
        with _rows(self.pool) as cursor:
            return cursor.execute(_CHANGES, (limit,)).fetchall()

    # Refusals -------------------------------------------------------------------------------------

    def note_refusal(self, refusal: Refusal) -> None:
        """Count a caller that was turned away, so that a co-ordinator can admit it."""
        with _rows(self.pool) as cursor:
            cursor.execute(
                "select note_refusal(%s, %s, %s, %s, %s, %s, %s)",
                (
                    refusal.reason.value,
                    _storable(refusal.calling),
                    _storable(refusal.called),
                    refusal.address,
                    refusal.is_tls,
                    refusal.fingerprint,
                    refusal.because,
                ),
            )

    def refusals(self) -> list[Refused]:
        """All that were not settled, the last one first."""
        with _rows(self.pool) as cursor:
            rows = cursor.execute(f"{_REFUSALS} order by last_at desc, id desc").fetchall()
        return [_refused(row) for row in rows]

    def refusal(self, number: int) -> Refused:
        """Raises UnknownRefusal."""
        with _rows(self.pool) as cursor:
            row = cursor.execute(f"{_REFUSALS} where id = %s", (number,)).fetchone()
        if row is None:
            raise UnknownRefusal(f"no refusal {number} (imx peer refused)")
        return _refused(row)

    def admit(self, number: int, ods_code: str, by: str = OURSELVES) -> Peer:
        """Let in a caller that was refused, for that trust; "" where it is known whose it is.

        Raises UnknownRefusal, UnknownTrust, and BadEntry where no entry would help.
        """
        refused = self.refusal(number)
        trust = self.trust(ods_code) if ods_code else None
        last = refused.last
        kept = self.add_peer(admitted(refused, self.entries(last.calling), trust), by)
        self.settle_refusals(last.calling, last.address)
        return kept

    def settle_refusals(self, calling: str, address: str) -> int:
        """Forget the refusals of a caller that was let in since; how many kinds there were."""
        with _rows(self.pool) as cursor:
            return cursor.execute(
                "delete from refusal where calling = %s and address = %s", (_storable(calling), address)
            ).rowcount


class UnknownRefusal(BadEntry):
    """No refusal by that number."""


def _entry(peer: Peer) -> Jsonb:
    return Jsonb({"id": peer.id, **peer_said(peer)})


_OF_TRUST = ("name", "issuer", "place", "successor", "nhs_number_status", "number_system")


@contextmanager
def _rows(pool: ConnectionPool) -> Iterator[Cursor[DictRow]]:
    """A cursor of dicts; committed when the block ends well."""
    with mapped_errors(), pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        yield cursor


def trusts_of(connection: Connection[Any]) -> list[Trust]:
    """All, by ODS code, in the caller's transaction."""
    return _trusts(connection.cursor(row_factory=dict_row))


def _trusts(cursor: Cursor[DictRow]) -> list[Trust]:
    rows = cursor.execute(f"select ods_code, {', '.join(_OF_TRUST)} from trust order by ods_code").fetchall()
    return [Trust(**row) for row in rows]


def _entries(cursor: Cursor[DictRow], ae_title: str) -> list[Peer]:
    rows = cursor.execute(f"{_PEERS} where p.ae_title = %s order by p.id", (_storable(ae_title),)).fetchall()
    return [_peer(row) for row in rows]


def _storable(title: str) -> str:
    """What a caller calls itself, which may be any bytes, as text that PostgreSQL takes."""
    return title.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _peer(row: DictRow) -> Peer:
    trust = Trust(row.pop("ods_code"), *(row.pop(name) for name in _OF_TRUST))
    said: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in row.items()
    }
    return Peer(**said | {"duplicates": DuplicatePolicy(said["duplicates"])}, trust=trust)


def _values(peer: Peer) -> dict[str, Any]:
    values = {name: getattr(peer, name) for name in (*_SAID, "id")}
    lists = {name: list(value) for name, value in values.items() if isinstance(value, tuple)}
    return values | lists | {"trust": peer.trust.ods_code, "duplicates": peer.duplicates.value}


def _refused(row: DictRow) -> Refused:
    return Refused(
        id=row["id"],
        last=Refusal(
            Reason(row["reason"]), row["calling"], row["called"], row["address"], row["because"],
            row["is_tls"], row["fingerprint"],
        ),
        first_at=row["first_at"],
        last_at=row["last_at"],
        times=row["times"],
    )  # fmt: skip
