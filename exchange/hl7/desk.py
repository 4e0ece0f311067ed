"""Where messages are taken: who sent it, whether it came before, what its type means here, what is answered.

A handler works in the transaction in which the message is noted as taken, so AA means that what it says
is durable, and a replay of the same bytes changes nothing. Another message type is another line in the
table that whoever makes a Desk brings.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import structlog
from psycopg import Connection
from psycopg_pool import ConnectionPool

from exchange.hl7 import metrics
from exchange.hl7.admissions import EVENTS, statements_of
from exchange.hl7.answers import accepted, is_accepted, refused
from exchange.hl7.documents import EVENTS as DOCUMENT_EVENTS
from exchange.hl7.documents import documents_in
from exchange.hl7.errors import BadMessage, Condition, KeptAside, TryAgain, Unsupported, Where
from exchange.hl7.message import Message, read_message
from exchange.hl7.messages import Came, PostgresMessages, note_taken, was_taken
from exchange.hl7.namespace import Namespace
from exchange.hl7.observations import reports_in
from exchange.hl7.orders import Event, events_of
from exchange.hl7.senders import PostgresSenders, known_sender
from exchange.orders import Told, take
from exchange.people.person import NumberStatus
from exchange.people.telling import tell as tell_of_person
from exchange.reports.telling import tell as tell_report
from storage.driver_errors import mapped_errors
from storage.errors import ArchiveError, is_outage

log = structlog.get_logger()

#: Does what a message says, in the given transaction. Raises BadMessage.
Handler = Callable[[Connection[Any], Message, Namespace], None]


def on_orders(connection: Connection[Any], message: Message, namespace: Namespace) -> None:
    """Orders are kept, changed and cancelled."""
    for event in events_of(message, namespace):
        take(connection, _told(event), f"HL7 {message.header.text(3)}".strip())


def _told(event: Event) -> Told:
    return Told(event.order, event.status, event.said, is_content=event.control.says_content)


def on_reports(connection: Connection[Any], message: Message, namespace: Namespace) -> None:
    """Reports are kept, changed and withdrawn."""
    for brought in reports_in(message, namespace, datetime.now(UTC)):
        tell_report(connection, brought.told, brought.documents)


def on_documents(connection: Connection[Any], message: Message, namespace: Namespace) -> None:
    """Reports that are told of as documents are kept, changed and withdrawn."""
    brought = documents_in(message, namespace, datetime.now(UTC))
    tell_report(connection, brought.told, brought.documents)


def on_people(connection: Connection[Any], message: Message, namespace: Namespace) -> None:
    """What is said of people and their numbers is kept."""
    statements, said = statements_of(message, namespace, datetime.now(UTC))
    for statement in statements:
        tell_of_person(connection, statement, said)


_LATER = "the service cannot take it now: send it again"

#: What each message type means, by MSH-9.
HANDLERS: Mapping[str, Handler] = {
    "OMI^O23": on_orders, "ORM^O01": on_orders, "ORU^R01": on_reports,
    **{f"MDM^{event}": on_documents for event in DOCUMENT_EVENTS},
    **{f"ADT^{event}": on_people for event in EVENTS},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Desk:
    """Takes messages, one at a time for each connection."""

    pool: ConnectionPool
    handlers: Mapping[str, Handler]
    stranger: Namespace | None = None  # whose name an unknown sender speaks in, on an open service

    def knows(self, address: str) -> bool:
        """Whether anybody may send from there. Raises storage.errors.Unavailable."""
        return self.stranger is not None or PostgresSenders(self.pool).knows(address)

    def take_again(self, message_id: int, by: str) -> bytes:
        """What one that was kept aside is answered with now; it waits no longer where it is taken.

        Raises NotHeld, IndexUnavailable.
        """
        messages = PostgresMessages(self.pool)
        came = messages.came(message_id)
        answer = self.take(came.raw, came.address, None)
        if is_accepted(answer):
            messages.settle(message_id, by)
        return answer

    def take(self, raw: bytes, address: str, fingerprint: str | None = "") -> bytes:
        """What a message is answered with. `fingerprint` is of the certificate that its sender showed; None:
        it came before.

        Never raises.
        """
        message: Message | None = None
        came = Came(address, None, "", "", raw)
        try:
            message = read_message(raw)
            with mapped_errors(), self.pool.connection() as connection:
                namespace = self._namespace(connection, message, address, fingerprint)
                came = Came(address, namespace.trust, message.type, message.control_id, raw)
                self._do(connection, message, namespace, came)
        except BadMessage as error:
            return self._refuse(message, came, error)
        except Exception as error:
            if is_outage(error):
                log.warning("hl7.later", error=type(error).__name__)
                return self._refuse(message, came, TryAgain(_LATER), keep=False)
            # A fault of ours costs one message, which a person finds; the error's text may hold values.
            log.error("hl7.fault", error=type(error).__name__)
            return self._refuse(message, came, TryAgain("a fault of this service; its log says more"))
        metrics.MESSAGES.labels("AA").inc()
        log.info("hl7.taken", type=message.type, trust=came.trust)
        return accepted(message)

    def _namespace(
        self, connection: Connection[Any], message: Message, address: str, fingerprint: str | None
    ) -> Namespace:
        found = known_sender(connection, address, message.header.text(4))
        if self.stranger is not None:
            # What an open service is told of people it believes, unless the message says not to.
            ours = found.namespace if found else self.stranger
            return replace(ours, feed=replace(ours.feed, status=NumberStatus.VERIFIED))
        if found is None:
            raise Unsupported(
                Where("MSH", field=4), Condition.TABLE_VALUE_NOT_FOUND,
                "this facility may not send from this address (imx hl7 allow)",
            )  # fmt: skip
        if fingerprint is not None and found.fingerprint not in (None, fingerprint):
            shown = "another certificate" if fingerprint else "no certificate"
            raise Unsupported(
                Where("MSH", field=4), Condition.TABLE_VALUE_NOT_FOUND,
                f"this facility sends over TLS, and shows {shown} (imx hl7 allow --fingerprint)",
            )  # fmt: skip
        return found.namespace

    def _do(self, connection: Connection[Any], message: Message, namespace: Namespace, came: Came) -> None:
        message.header.required(10)
        if message.header.text(11)[:1] not in ("", "P"):
            raise Unsupported(
                Where("MSH", field=11), Condition.UNSUPPORTED_PROCESSING, "only production messages (P)"
            )
        handler = self.handlers.get(message.type)
        if handler is None:
            known = {name.partition("^")[0] for name in self.handlers}
            is_event = message.type.partition("^")[0] in known
            raise Unsupported(
                Where("MSH", field=9),
                Condition.UNSUPPORTED_EVENT if is_event else Condition.UNSUPPORTED_MESSAGE,
                f"taken here: {', '.join(sorted(self.handlers))}",
            )
        if not was_taken(connection, came):
            handler(connection, message, namespace)
            note_taken(connection, came)

    def _refuse(self, message: Message | None, came: Came, error: BadMessage, *, keep: bool = True) -> bytes:
        answer = error.acknowledgement
        metrics.MESSAGES.labels(answer).inc()
        log.warning("hl7.refused", trust=came.trust, address=came.address, answer=answer, because=str(error))
        if keep:
            try:
                is_new = PostgresMessages(self.pool).keep_aside(came, answer, str(error))
            except ArchiveError as away:
                log.warning("hl7.later", error=type(away).__name__)
                return refused(message, TryAgain(_LATER))
            if isinstance(error, TryAgain) and not is_new:
                return refused(message, KeptAside())  # an engine sends again what is AR, and all else waits
        return refused(message, error)
