"""Where studies can be sent: peers of the registry by their AE titles, and what is not a DICOM peer."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from psycopg_pool import ConnectionPool

from exchange.registry import PostgresRegistry
from exchange.trusts import BadEntry, Trust
from storage.driver_errors import mapped_errors
from storage.errors import NotHeld

#: A cloud archive takes more at one time than a workstation does; the entry may say otherwise.
ASSOCIATIONS = 2


class Kind(Enum):
    """How a destination is spoken to."""

    DIMSE = "dimse"  # a peer of the registry, by C-STORE
    DICOMWEB = "dicomweb"  # STOW-RS
    ORTHANC = "orthanc"  # its own REST API
    FOLDER = "folder"  # Part 10 files


class OnCorrection(Enum):
    """What is done about its copy of a study whose patient was corrected after it was sent."""

    LIST = "list"  # it stands among the copies that are wrong, for a person
    RESEND = "resend"  # it takes the same instances again, and puts them in place of those it has
    REJECT_AND_RESEND = "reject and resend"  # the same, after a rejection note (IHE RAD TF, IOCM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A destination, as a person entered it."""

    name: str  # a peer's AE title for DIMSE
    kind: Kind
    address: str  # the same AE title, a URL, a folder
    trust: Trust  # whose identifiers leave for it
    account: str = ""  # the name it knows us by, where it asks for one
    secret_file: Path | None = None  # holds our token or password, which stands in no row and no log
    is_asked: bool = False  # after sending: does it hold what it took?
    associations: int = ASSOCIATIONS  # at one time, over all processes
    on_correction: OnCorrection = OnCorrection.LIST
    told_by: str = ""  # a subscriber of kind ADT, which tells it of corrected patients where ADT can say it


@dataclass(frozen=True, slots=True)
class Standing:
    """How a destination that fails does."""

    held_back_until: datetime | None  # its breaker is open; None: it is tried
    last_error: str


class UnknownDestination(NotHeld):
    """No destination and no callable peer by that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"a destination called {name} (imx destination list)")


def checked(entry: Entry) -> Entry:
    """The entry, if it can be. Raises BadEntry."""
    match entry.kind:
        case Kind.DICOMWEB | Kind.ORTHANC:
            parts = urlsplit(entry.address)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise BadEntry(
                    f"the address of {entry.name} is no URL such as https://pacs.example/dicom-web"
                )
            if parts.username or parts.password:
                raise BadEntry(f"the address of {entry.name} holds a password: put it into a secret file")
        case Kind.FOLDER if not Path(entry.address).is_absolute():
            raise BadEntry(f"the folder of {entry.name} is not an absolute path")
        case Kind.DIMSE if entry.address != entry.name:
            raise BadEntry("a DIMSE destination is called by its peer's AE title")
    if not 1 <= entry.associations <= 64:
        raise BadEntry("a destination takes from 1 to 64 associations")
    return entry


_ENTRIES = """
    select d.name, d.kind, d.address, d.account, d.secret_file, d.is_asked, d.associations, d.on_correction,
           coalesce(d.told_by, ''), t.ods_code, t.name, t.issuer, t.place, t.successor
    from destination d join trust t on t.ods_code = d.trust
"""
_TELLS = "select from subscriber where name = %s and kind = 'adt' for share"
_ADD = """
    insert into destination (name, kind, address, trust, account, secret_file, is_asked, associations,
        on_correction, told_by)
    values (%s, %s, %s, %s, %s, %s, %s, %s, %s, nullif(%s, ''))
    on conflict (name) do update set kind = excluded.kind, address = excluded.address,
        trust = excluded.trust, account = excluded.account, secret_file = excluded.secret_file,
        is_asked = excluded.is_asked, associations = excluded.associations,
        on_correction = excluded.on_correction, told_by = excluded.told_by
"""


@dataclass(frozen=True, slots=True)
class PostgresDestinations:
    """Destinations, in the database. Adding one again changes its entry."""

    pool: ConnectionPool

    def add(self, entry: Entry) -> None:
        """Raises BadEntry, and UnknownDestination for a DIMSE one of which there is no callable peer."""
        checked(entry)
        registry = PostgresRegistry(self.pool)
        peer = registry.destination(entry.name)
        if entry.kind is Kind.DIMSE and peer is None:
            raise UnknownDestination(entry.name)
        if entry.kind is not Kind.DIMSE and peer is not None:
            raise BadEntry(f"{entry.name} is a peer's AE title: give the destination another name")
        with mapped_errors(), self.pool.connection() as connection:
            if entry.told_by and connection.execute(_TELLS, (entry.told_by,)).fetchone() is None:
                raise BadEntry(f"nobody called {entry.told_by} is told by ADT (imx record add … adt …)")
            connection.execute(
                _ADD,
                (
                    entry.name, entry.kind.value, entry.address, entry.trust.ods_code, entry.account,
                    str(entry.secret_file) if entry.secret_file else None, entry.is_asked,
                    entry.associations, entry.on_correction.value, entry.told_by,
                ),
            )  # fmt: skip

    def remove(self, name: str) -> None:
        """Its deliveries stay, and wait. Raises UnknownDestination."""
        with mapped_errors(), self.pool.connection() as connection:
            if not connection.execute("delete from destination where name = %s", (name,)).rowcount:
                raise UnknownDestination(name)

    def entries(self) -> list[Entry]:
        """All, by name; callable peers too, which need no entry of their own."""
        with mapped_errors(), self.pool.connection() as connection:
            rows = connection.execute(f"{_ENTRIES} order by d.name").fetchall()
        found = {entry.name: entry for entry in map(_entry, rows)}
        registry = PostgresRegistry(self.pool)
        titles = dict.fromkeys(peer.ae_title for peer in registry.peers() if peer.is_callable)
        for title in titles:
            if registry.destination(title) is not None:  # a title of two trusts' peers names neither
                found[title] = self._of_peer(title, found.get(title))
        return sorted(found.values(), key=lambda entry: entry.name)

    def named(self, name: str) -> Entry:
        """Raises UnknownDestination."""
        with mapped_errors(), self.pool.connection() as connection:
            row = connection.execute(f"{_ENTRIES} where d.name = %s", (name,)).fetchone()
        entry = _entry(row) if row else None
        return entry if entry and entry.kind is not Kind.DIMSE else self._of_peer(name, entry)

    def standing(self) -> dict[str, Standing]:
        """How those that have failed lately do, by name."""
        with mapped_errors(), self.pool.connection() as connection:
            rows = connection.execute(
                "select destination, case when open_until > now() then open_until end, last_error"
                " from breaker where failures > 0"
            ).fetchall()
        return {name: Standing(until, error) for name, until, error in rows}

    def _of_peer(self, title: str, entry: Entry | None) -> Entry:
        """What the registry says of a peer stands; only what is asked of it and told it is said here."""
        peer = PostgresRegistry(self.pool).destination(title)
        if peer is None:
            raise UnknownDestination(title)
        return Entry(
            name=title,
            kind=Kind.DIMSE,
            address=title,
            trust=peer.trust,
            is_asked=entry is not None and entry.is_asked,
            associations=peer.associations_out,
            on_correction=entry.on_correction if entry is not None else OnCorrection.LIST,
            told_by=entry.told_by if entry is not None else "",
        )


def _entry(row: tuple[Any, ...]) -> Entry:
    name, kind, address, account, secret_file, is_asked, associations, on_correction, told_by, *of_trust = row
    code, trust_name, issuer, place, successor = of_trust
    return Entry(
        name=name,
        kind=Kind(kind),
        address=address,
        trust=Trust(code, trust_name, issuer, place, successor),
        account=account,
        secret_file=Path(secret_file) if secret_file else None,
        is_asked=is_asked,
        associations=associations,
        on_correction=OnCorrection(on_correction),
        told_by=told_by,
    )
