"""The sockets of the HL7 door: a thread for each connection, in which one message is answered after another.

Messages come at the pace of people; what bounds this is how many may be connected, how long a message
may be, and how long each may take.
"""

import select
import socket
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Condition, Thread
from time import monotonic
from typing import Protocol

import structlog

from exchange.hl7 import metrics
from exchange.hl7.framing import Deframer, NotMllp, framed
from exchange.refusals import Reason, Refusal
from storage.errors import ArchiveError

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Secured:
    """A connection over TLS, and what its sender showed of itself."""

    connection: socket.socket
    fingerprint: str  # SHA-256 of its certificate, hex; "" where it showed none


#: Makes a connection secure. Raises what its handshake raises.
Secure = Callable[[socket.socket], Secured]

_CHUNK_BYTES = 64 * 1024


class Taker(Protocol):
    """What takes messages: a Desk."""

    def knows(self, address: str) -> bool:
        """Whether anybody may send from there. Raises storage.errors.Unavailable."""

    def take(self, raw: bytes, address: str, fingerprint: str = "") -> bytes:
        """What a message is answered with. `fingerprint` is that of the sender's certificate."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Of one listener."""

    connections: int = 64
    of_one_address: int = 16
    message_bytes: int = 8 * 1024 * 1024  # a report of a message may be a PDF, in Base64
    message_s: float = 30.0  # from its first byte to its last
    idle_s: float = 6 * 3600.0  # of silence between two messages: engines stay connected for days
    answer_s: float = 10.0  # to read what we answer


class Listener:
    """Accepts on sockets that a parent opened, some of them secured."""

    def __init__(
        self,
        taker: Taker,
        sockets: Mapping[socket.socket, Secure | None],
        note_refusal: Callable[[Refusal], None],
        limits: Limits | None = None,
    ) -> None:
        self._taker = taker
        self._sockets = sockets
        self._note_refusal = note_refusal
        self._limits = limits or Limits()
        self._live: Counter[str] = Counter()
        self._changed = Condition()
        self._is_draining = False
        self._wake_in, self._wake_out = socket.socketpair()

    def serve(self) -> None:
        """Accept until `drain` is called, then let messages that have begun be answered."""
        poll = select.poll()
        poll.register(self._wake_in, select.POLLIN)
        by_number = {each.fileno(): each for each in self._sockets}
        for number, each in by_number.items():
            each.setblocking(False)
            poll.register(number, select.POLLIN)
        while not self._is_draining:
            for number, _event in poll.poll():
                if number in by_number:
                    self._accept(by_number[number])
        with self._changed:
            self._changed.wait_for(lambda: not self._live.total(), timeout=self._limits.answer_s)
        log.info("hl7.drained", cut=self._live.total())
        self._wake_in.close()
        self._wake_out.close()

    def drain(self) -> None:
        """Stop. Callable from a signal handler or any thread."""
        self._is_draining = True
        with suppress(OSError):
            self._wake_out.send(b"\0")

    @property
    def active(self) -> int:
        """Connections that are open now."""
        return self._live.total()

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, where = listener.accept()
        except OSError:
            return  # the caller gave up, or no descriptor is free: it may try again
        address = str(where[0]).removeprefix("::ffff:").partition("%")[0]
        with self._changed:
            is_full = (
                self._live.total() >= self._limits.connections
                or self._live[address] >= self._limits.of_one_address
            )
            if not is_full:
                self._live[address] += 1
        if is_full:
            metrics.TURNED_AWAY.labels("too many").inc()
            connection.close()
            return
        arguments = (connection, address, self._sockets[listener])
        Thread(target=self._run, args=arguments, name="hl7", daemon=True).start()

    def _run(self, connection: socket.socket, address: str, secure: Secure | None) -> None:
        metrics.CONNECTIONS.inc()
        try:
            because = self._admit(address)
            if because is None:
                because = self._converse(connection, address, secure)
            if because:
                metrics.TURNED_AWAY.labels(because).inc()
                log.info("hl7.closed", address=address, because=because)
        except Exception as error:
            # What a person sends us may cost one connection, never the listener; no text: it may hold values.
            log.error("hl7.connection", error=type(error).__name__)
        finally:
            connection.close()
            metrics.CONNECTIONS.dec()
            with self._changed:
                self._live -= Counter({address: 1})
                self._changed.notify_all()

    def _admit(self, address: str) -> str | None:
        """Why a connection is closed before it says anything; None where it is not."""
        try:
            if self._taker.knows(address):
                return None
            mend = f"no HL7 sender at {address} (imx hl7 allow {address} --trust ODS_CODE)"
            self._note_refusal(Refusal(Reason.UNKNOWN_PEER, "", "HL7", address, mend))
        except ArchiveError as error:
            log.warning("hl7.later", error=type(error).__name__)
            return "database away"
        return "unknown address"

    def _converse(self, connection: socket.socket, address: str, secure: Secure | None) -> str:
        """Take messages until the sender hangs up; else why it was cut."""
        connection.settimeout(self._limits.message_s)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        fingerprint = ""
        if secure is not None:
            try:
                secured = secure(connection)
            except Exception as error:  # of the edge that brought `secure`: it says what to mend
                log.warning("hl7.tls", address=address, because=str(error))
                return "tls failed"
            connection, fingerprint = secured.connection, secured.fingerprint
        try:
            return self._take_all(connection, address, fingerprint)
        except (OSError, ValueError):
            return ""  # it hung up, in whatever way
        finally:
            connection.close()

    def _take_all(self, connection: socket.socket, address: str, fingerprint: str) -> str:
        deframer = Deframer(self._limits.message_bytes)
        due = monotonic() + self._limits.idle_s
        while not self._is_draining:
            connection.settimeout(min(1.0, max(0.01, due - monotonic())))
            try:
                data = connection.recv(_CHUNK_BYTES)
            except TimeoutError:
                if monotonic() >= due:
                    return "too slow" if deframer.is_within else "idle"
                continue
            if not data:
                return ""
            was_within = deframer.is_within
            try:
                messages = deframer.feed(data)
            except NotMllp:
                return "not MLLP"
            for message in messages:
                connection.settimeout(self._limits.answer_s)
                connection.sendall(framed(self._taker.take(message, address, fingerprint)))
            if messages or not was_within:
                due = monotonic() + (self._limits.message_s if deframer.is_within else self._limits.idle_s)
            if was_within and monotonic() >= due:
                return "too slow"
        return ""
