"""Who in the record is told of studies: each by an open standard, at an address, in its own manner."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool
from pydantic import TypeAdapter

from exchange.trusts import ODS_CODE, BadEntry
from storage.driver_errors import mapped_errors
from storage.errors import NotHeld


class Kind(Enum):
    """By which standard it is told."""

    FHIR = "fhir"  # a FHIR R4 transaction (§3.1.0.11)
    MHD = "mhd"  # IHE Provide Document Bundle (ITI-65)
    HL7 = "hl7"  # HL7 v2 by MLLP
    NRL = "nrl"  # pointers of the National Record Locator
    ADT = "adt"  # HL7 v2 by MLLP: of patients, for destinations that name it (exchange.destinations)


class Message(Enum):
    """By which HL7 v2 messages a study is told."""

    ORU = "oru"  # ORU^R01
    MDM = "mdm"  # MDM^T02, T10 and T11


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a subscriber wants to be spoken to. Of each kind only some of it counts."""

    # Over TLS: what we show of ourselves, and who vouches for the other end; else whom this machine trusts.
    certificate_file: Path | None = None
    key_file: Path | None = None
    authority_file: Path | None = None
    token_url: str = ""  # OAuth 2 client credentials (RFC 6749 §4.4); without one the secret is the token
    message: Message = Message.ORU  # HL7
    application: str = ""  # HL7, ADT: MSH-5
    facility: str = ""  # HL7, ADT: MSH-6
    custodian: str = ""  # NRL: ODS code in whose name we are known there
    is_strict: bool = True  # NRL: its own validator's rules; else the imaging registry's draft


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """Somebody who is told, as a person entered it."""

    name: str
    kind: Kind
    address: str
    account: str = ""  # the name it knows us by, where it asks for one
    secret_file: Path | None = None  # holds our token or password, which stands in no row and no log
    manner: Manner = field(default_factory=Manner)

    def as_json(self, doing: "Doing") -> dict[str, Any]:
        """For programs: the entry and how it does, and no secret."""
        return {
            "name": self.name,
            "kind": self.kind.value,
            "address": self.address,
            "waiting": doing.waiting,
            "told": doing.told,
            "dead": doing.dead,
            "waits_since": doing.oldest,
            "held_back_until": doing.held_back_until,
            "last_error": doing.last_error,
        }


@dataclass(frozen=True, slots=True)
class Doing:
    """How a subscriber does."""

    waiting: int
    told: int
    dead: int
    oldest: datetime | None  # since when the longest waits
    held_back_until: datetime | None  # its breaker is open; None: it is tried
    last_error: str


class UnknownSubscriber(NotHeld):
    """Nobody by that name is told anything."""

    def __init__(self, name: str) -> None:
        super().__init__(f"a subscriber called {name} (imx record list)")


#: The schemes of each kind's address.
SCHEMES = {
    Kind.FHIR: ("https", "http"),
    Kind.MHD: ("https", "http"),
    Kind.NRL: ("https", "http"),
    Kind.HL7: ("mllp", "mllps"),
    Kind.ADT: ("mllp", "mllps"),
}


def checked(subscriber: Subscriber) -> Subscriber:
    """The entry, if it can be. Raises BadEntry."""
    name, manner = subscriber.name, subscriber.manner
    schemes = SCHEMES[subscriber.kind]
    try:
        parts = urlsplit(subscriber.address)
        port = parts.port
    except ValueError as error:
        raise BadEntry(f"the address of {name} is no URL") from error
    if parts.scheme not in schemes or not parts.hostname:
        raise BadEntry(f"the address of {name} begins with {' or '.join(f'{each}://' for each in schemes)}")
    if parts.username or parts.password:
        raise BadEntry(f"the address of {name} holds a password: put it into a secret file")
    if subscriber.kind in (Kind.HL7, Kind.ADT) and not port:
        raise BadEntry(f"the address of {name} names no port, as mllp://10.1.2.3:2575 does")
    if manner.key_file is not None and manner.certificate_file is None:
        raise BadEntry(f"{name} has a key file and no certificate file")
    if manner.token_url and not (subscriber.account and subscriber.secret_file):
        raise BadEntry(f"for tokens from {manner.token_url} give the account and its secret file")
    if subscriber.kind is Kind.NRL and not ODS_CODE.fullmatch(manner.custodian):
        raise BadEntry(f"{name} needs the ODS code of its custodian")
    return subscriber


_MANNER = TypeAdapter(Manner)
_COLUMNS = "name, kind, address, account, secret_file, manner"
_ADD = f"""
    insert into subscriber ({_COLUMNS}) values (%s, %s, %s, %s, %s, %s)
    on conflict (name) do update set kind = excluded.kind, address = excluded.address,
        account = excluded.account, secret_file = excluded.secret_file, manner = excluded.manner
"""
# Whoever comes to the record late hears of what is linked already.
_OF_BEFORE = """
    insert into telling (subscriber, study_uid, because)
    select %s, s.uid, 'subscribed' from study_link l join study s on s.id = l.study_id
    where l.state = 'linked'
    on conflict (subscriber, study_uid) do nothing
"""
_TELLS = "select from destination where told_by = %s limit 1"
_DOING = """
    select s.name, count(t.*) filter (where t.state = 'waiting'), count(t.*) filter (where t.state = 'told'),
        count(t.*) filter (where t.state = 'dead'), min(t.since) filter (where t.state = 'waiting'),
        case when s.open_until > now() then s.open_until end,
        case when s.failures > 0 then s.last_error else '' end
    from subscriber s left join telling t on t.subscriber = s.name group by s.name
"""


@dataclass(frozen=True, slots=True)
class PostgresSubscribers:
    """The subscribers, in the database. Adding one again changes its entry."""

    pool: ConnectionPool

    def add(self, subscriber: Subscriber) -> None:
        """From now on it is told of every study that is linked, those of before too. Raises BadEntry.

        One of kind ADT is told of patients alone, and only where a destination names it.
        """
        entry = checked(subscriber)
        secret = str(entry.secret_file) if entry.secret_file else None
        manner = Jsonb(_MANNER.dump_python(entry.manner, mode="json"))
        with mapped_errors(), self.pool.connection() as connection:
            # Whoever makes tellings of what changes (Tellings.fan_out) does so before this, or knows it.
            connection.execute("lock table subscriber in exclusive mode")
            tells = connection.execute(_TELLS, (entry.name,)).fetchone() is not None
            if tells and entry.kind is not Kind.ADT:
                raise BadEntry(f"{entry.name} tells a destination by ADT (imx destination list)")
            connection.execute(
                _ADD, (entry.name, entry.kind.value, entry.address, entry.account, secret, manner)
            )
            if entry.kind is not Kind.ADT:
                connection.execute(_OF_BEFORE, (entry.name,))

    def remove(self, name: str) -> None:
        """It is told no more; what it was told it keeps, and we remember. Raises UnknownSubscriber."""
        with mapped_errors(), self.pool.connection() as connection:
            if not connection.execute("delete from subscriber where name = %s", (name,)).rowcount:
                raise UnknownSubscriber(name)

    def all(self) -> list[Subscriber]:
        """By name."""
        with mapped_errors(), self.pool.connection() as connection:
            rows = connection.execute(f"select {_COLUMNS} from subscriber order by name").fetchall()
        return [_subscriber(row) for row in rows]

    def named(self, name: str) -> Subscriber:
        """Raises UnknownSubscriber."""
        with mapped_errors(), self.pool.connection() as connection:
            row = connection.execute(f"select {_COLUMNS} from subscriber where name = %s", (name,)).fetchone()
        if row is None:
            raise UnknownSubscriber(name)
        return _subscriber(row)

    def doing(self) -> dict[str, Doing]:
        """How each does, by name."""
        with mapped_errors(), self.pool.connection() as connection:
            rows = connection.execute(_DOING).fetchall()
        return {name: Doing(*rest) for name, *rest in rows}


def _subscriber(row: tuple[Any, ...]) -> Subscriber:
    name, kind, address, account, secret_file, manner = row
    return Subscriber(
        name=name,
        kind=Kind(kind),
        address=address,
        account=account,
        secret_file=Path(secret_file) if secret_file else None,
        manner=_MANNER.validate_python(manner),
    )
