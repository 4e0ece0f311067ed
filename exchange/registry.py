"""Who we know: trusts, and the peers (DICOM application entities) of each."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

from psycopg import Cursor, errors
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool

from storage.errors import ArchiveError
from storage.index import mapped_errors


class DuplicatePolicy(Enum):
    """What a peer's entry says of the same SOP Instance UID with other content."""

    REFUSE = "refuse"  # kept aside, failure 0xC001, a person chooses
    WARN = "warn"  # kept aside, the sender hears a warning (0xB000)
    REPLACE = "replace"  # the newer becomes current, the older a kept version


@dataclass(frozen=True, slots=True)
class Trust:
    """An organisation that owns what its peers send."""

    ods_code: str
    name: str
    issuer: str  # namespace of its bare identifiers; the ODS code unless set otherwise
    place: str = ""  # one of the nine places of Cheshire and Merseyside


@dataclass(frozen=True, slots=True)
class Peer:
    """A DICOM application entity and what it may do here."""

    ae_title: str
    trust: Trust
    host: str | None = None  # the address it must come from; None for any
    port: int | None = None  # where it listens, when it does
    may_store: bool = True
    may_read: bool = False
    duplicates: DuplicatePolicy = DuplicatePolicy.REFUSE
    association_limit: int | None = None  # at one time; None: the service's own limit
    private_sop_classes: tuple[str, ...] = ()  # private storage classes taken beyond the standard's


class UnknownTrust(ArchiveError):
    """No trust by that ODS code; add it first (`imx trust add`)."""

    def __init__(self, ods_code: str) -> None:
        super().__init__(f"no trust {ods_code}: add it with `imx trust add {ods_code} NAME`")


class IssuerTaken(ArchiveError):
    """Two trusts would share one namespace of identifiers, and their patients would be mixed."""

    def __init__(self, issuer: str) -> None:
        super().__init__(f"the issuer {issuer} belongs to another trust: each needs its own")


class BadEntry(ArchiveError):
    """An entry that the registry cannot hold."""


_PEER_COLUMNS = """
    p.ae_title, p.host, p.port, p.may_store, p.may_read, p.duplicates, p.association_limit,
    p.private_sop_classes, t.ods_code, t.name, t.issuer, t.place
    from peer p join trust t on t.ods_code = p.trust
"""


@dataclass(frozen=True, slots=True)
class PostgresRegistry:
    """Trusts and peers, in the database. Adding one again changes its entry."""

    pool: ConnectionPool

    def named(self, calling: str, address: str) -> Peer | None:
        """The peer by AE title and address: an entry for that host goes before one for any host."""
        with _rows(self.pool) as cursor:
            row = cursor.execute(
                f"select {_PEER_COLUMNS} where p.ae_title = %s and (p.host is null or p.host = %s)"
                " order by p.host nulls last limit 1",
                (_storable(calling), address),
            ).fetchone()
        return _peer(row) if row else None

    def note_refusal(self, calling: str, called: str, address: str, because: str) -> None:
        """Record a caller that was turned away, so that a co-ordinator can admit it."""
        with _rows(self.pool) as cursor:
            cursor.execute(
                "insert into refusal (calling, called, address, because) values (%s, %s, %s, %s)",
                (_storable(calling), _storable(called), address, because),
            )

    def add_trust(self, trust: Trust) -> None:
        """Raises IssuerTaken, and BadEntry where its issuer is empty."""
        with _rows(self.pool) as cursor:
            try:
                cursor.execute(
                    "insert into trust (ods_code, name, place, issuer) values (%s, %s, %s, %s)"
                    " on conflict (ods_code) do update set name = excluded.name, place = excluded.place,"
                    " issuer = excluded.issuer",
                    (trust.ods_code, trust.name, trust.place, trust.issuer),
                )
            except errors.UniqueViolation as error:
                raise IssuerTaken(trust.issuer) from error
            except errors.CheckViolation as error:
                raise BadEntry("a trust needs an issuer: the namespace of its identifiers") from error

    def trusts(self) -> list[Trust]:
        """All, by ODS code."""
        with _rows(self.pool) as cursor:
            rows = cursor.execute(
                "select ods_code, name, issuer, place from trust order by ods_code"
            ).fetchall()
        return [Trust(**row) for row in rows]

    def trust(self, ods_code: str) -> Trust:
        """Raises UnknownTrust."""
        for trust in self.trusts():
            if trust.ods_code == ods_code:
                return trust
        raise UnknownTrust(ods_code)

    def add_peer(self, peer: Peer) -> None:
        """Raises UnknownTrust, and BadEntry where its AE title is none."""
        with _rows(self.pool) as cursor:
            try:
                cursor.execute(
                    "insert into peer (ae_title, trust, host, port, may_store, may_read, duplicates,"
                    " association_limit, private_sop_classes) values (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
                    " on conflict (ae_title, host) do update set"
                    " trust = excluded.trust, port = excluded.port,"
                    " may_store = excluded.may_store, may_read = excluded.may_read,"
                    " duplicates = excluded.duplicates, association_limit = excluded.association_limit,"
                    " private_sop_classes = excluded.private_sop_classes",
                    (
                        peer.ae_title,
                        peer.trust.ods_code,
                        peer.host,
                        peer.port,
                        peer.may_store,
                        peer.may_read,
                        peer.duplicates.value,
                        peer.association_limit,
                        list(peer.private_sop_classes),
                    ),
                )
            except errors.ForeignKeyViolation as error:
                raise UnknownTrust(peer.trust.ods_code) from error
            except errors.CheckViolation as error:
                raise BadEntry(
                    "an AE title has 1 to 16 characters, and a limit of associations is above none"
                ) from error

    def peers(self) -> list[Peer]:
        """All, by trust and AE title."""
        with _rows(self.pool) as cursor:
            rows = cursor.execute(
                f"select {_PEER_COLUMNS} order by t.ods_code, p.ae_title, p.host"
            ).fetchall()
        return [_peer(row) for row in rows]


@contextmanager
def _rows(pool: ConnectionPool) -> Iterator[Cursor[DictRow]]:
    """A cursor of dicts; committed when the block ends well."""
    with mapped_errors(), pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        yield cursor


def _storable(title: str) -> str:
    """What a caller calls itself, which may be any bytes, as text that PostgreSQL takes."""
    return title.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _peer(row: DictRow) -> Peer:
    trust = Trust(row.pop("ods_code"), row.pop("name"), row.pop("issuer"), row.pop("place"))
    duplicates = DuplicatePolicy(row.pop("duplicates"))
    return Peer(
        **row | {"private_sop_classes": tuple(row["private_sop_classes"])}, trust=trust, duplicates=duplicates
    )
