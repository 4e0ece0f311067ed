"""Who may send HL7 messages, and in whose name: nobody who is not named here."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from psycopg import Connection, errors
from psycopg_pool import ConnectionPool

from exchange.hl7.feeds import SENSITIVITY_PLACE, STATUS_PLACE, Feed, Place
from exchange.hl7.namespace import Namespace
from exchange.people.person import NumberStatus
from storage.driver_errors import mapped_errors
from storage.errors import ArchiveError


class BadSender(ArchiveError):
    """An entry that cannot be."""


@dataclass(frozen=True, slots=True)
class Sender:
    """A system, or an integration engine that speaks for several trusts, told apart by MSH-4."""

    network: str  # CIDR, or one address
    trust: str  # ODS code
    facility: str = ""  # MSH-4 that its messages bear; "" for any
    aliases: tuple[str, ...] = ()  # assigning authorities that mean the trust's own issuer
    fingerprint: str | None = None  # SHA-256 of its certificate, hex: it sends over TLS and shows this one
    status_field: str = str(STATUS_PLACE)  # where it says how sure it is of an NHS number
    sensitivity_field: str = str(SENSITIVITY_PLACE)  # where it says who may know where somebody lives


@dataclass(frozen=True, slots=True)
class Known:
    """The entry that a message falls under."""

    namespace: Namespace
    fingerprint: str | None


def known_sender(connection: Connection[Any], address: str, facility: str) -> Known | None:
    """In whose name a message comes: an entry for its facility goes before one for any, and a narrow network
    before a wide one."""
    row = connection.execute(
        "select t.ods_code, t.issuer, t.nhs_number_status, h.aliases, h.fingerprint,"
        " h.status_field, h.sensitivity_field"
        " from hl7_sender h join trust t on t.ods_code = h.trust"
        " where h.network >>= %s::inet and h.facility in (%s, '')"
        " order by h.facility = '', masklen(h.network) desc limit 1",
        (address, facility),
    ).fetchone()
    if row is None:
        return None
    trust, issuer, number_status, aliases, fingerprint, status_field, sensitivity_field = row
    feed = Feed(Place.parse(status_field), Place.parse(sensitivity_field), NumberStatus(number_status))
    return Known(Namespace(trust, issuer, frozenset(aliases), feed), fingerprint)


@dataclass(frozen=True, slots=True)
class PostgresSenders:
    """The senders, in the database. Adding one again changes its entry."""

    pool: ConnectionPool

    def knows(self, address: str) -> bool:
        """Whether anybody may send from there."""
        with mapped_errors(), self.pool.connection() as connection:
            row = connection.execute(
                "select exists (select from hl7_sender where network >>= %s::inet)", (address,)
            ).fetchone()
        return bool(row and row[0])

    def add(self, sender: Sender) -> None:
        """Raises BadSender and BadPlace."""
        places = [str(Place.parse(each)) for each in (sender.status_field, sender.sensitivity_field)]
        try:
            network = str(ip_network(sender.network.strip(), strict=False))
        except ValueError as error:
            raise BadSender("not a network address: write 10.1.2.0/24, or one address") from error
        if sender.fingerprint is not None and not re.fullmatch("[0-9a-f]{64}", sender.fingerprint):
            raise BadSender("not the SHA-256 fingerprint of a certificate: 64 hexadecimal digits")
        with mapped_errors(), self.pool.connection() as connection:
            try:
                connection.execute(
                    "insert into hl7_sender (network, facility, trust, aliases, fingerprint, status_field,"
                    " sensitivity_field) values (%s, %s, %s, %s, %s, %s, %s)"
                    " on conflict (network, facility) do update set trust = excluded.trust,"
                    " aliases = excluded.aliases, fingerprint = excluded.fingerprint,"
                    " status_field = excluded.status_field, sensitivity_field = excluded.sensitivity_field",
                    (
                        network,
                        sender.facility,
                        sender.trust,
                        list(sender.aliases),
                        sender.fingerprint,
                        *places,
                    ),
                )
            except errors.ForeignKeyViolation as error:
                raise BadSender(f"no trust {sender.trust}: add it with `imx trust add`") from error

    def remove(self, network: str, facility: str = "") -> bool:
        """False where there was none."""
        try:
            text = str(ip_network(network.strip(), strict=False))
        except ValueError as error:
            raise BadSender("not a network address: write 10.1.2.0/24, or one address") from error
        with mapped_errors(), self.pool.connection() as connection:
            gone = connection.execute(
                "delete from hl7_sender where network = %s and facility = %s", (text, facility)
            )
        return gone.rowcount > 0

    def all(self) -> Sequence[Sender]:
        """By network."""
        with mapped_errors(), self.pool.connection() as connection:
            rows = connection.execute(
                "select network::text, trust, facility, aliases, fingerprint, status_field,"
                " sensitivity_field from hl7_sender"
                " order by network, facility"
            ).fetchall()
        return [
            Sender(network, trust, facility, tuple(aliases), fingerprint, status_field, sensitivity_field)
            for network, trust, facility, aliases, fingerprint, status_field, sensitivity_field in rows
        ]
