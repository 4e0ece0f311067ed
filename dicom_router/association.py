"""One association, from its connection to its last word, in one thread (PS3.8 §9.2)."""

import select
import socket
import ssl
from collections.abc import Callable
from contextlib import ExitStack, suppress
from math import inf
from time import monotonic

import structlog

from dicom_router import metrics
from dicom_router.admission import House, admit
from dicom_router.errors import (
    AbortReason,
    AssociationError,
    Draining,
    Ending,
    PeerAborted,
    PeerReleased,
    PeerStalled,
    ProtocolBroken,
    Rejected,
    TlsFailed,
)
from dicom_router.established import Established, Tally
from dicom_router.faults import without_values
from dicom_router.messages import Messages, action_for
from dicom_router.negotiation import REQUEST_LIMIT, AssociationRequest, negotiate, read_request
from dicom_router.pdus import PDU_HEADER, AbortSource, abort, reject, release_response
from dicom_router.services.table import serve_request
from dicom_router.states import Action, State
from dicom_router.tls.profile import Shown, handshake, shown_by
from dicom_router.wire import Wire
from exchange.refusals import Reason, Refusal
from exchange.registry import Peer
from storage.errors import Unavailable
from storage.receipt import Outcome

log = structlog.get_logger()


#: The TLS context in force: asked for each handshake, so that new files need no restart.
CurrentContext = Callable[[], ssl.SSLContext]


class Association:
    """A peer's connection. `run` lives as long as it does, and never raises."""

    def __init__(
        self, connection: socket.socket, address: str, house: House, tls: CurrentContext | None
    ) -> None:
        self.state = State.AWAITING_REQUEST
        self._connection = connection
        self.address = address
        self._house = house
        self._tls = tls
        self._slots = ExitStack()
        self._tally = Tally(metrics.STRANGER)
        self._shown: Shown | None = None
        self._request: AssociationRequest | None = None
        self._peer: Peer | None = None
        self._messages: Messages | None = None

    def run(self) -> None:
        """Serve the peer until the association ends, and write down how it did."""
        started = monotonic()
        wire: Wire | None = None
        failure: AssociationError | None = None
        ending, because, word = Ending.RELEASED, "", b""
        try:
            wire = self._connect(started + self._house.settings.artim_s)
            self._serve(self._establish(wire))
            word = release_response()
        except AssociationError as error:
            ending, because, word = error.ending, str(error), last_word(error, self.state)
            failure = error
        except Exception as error:
            # A fault of ours may cost one association, never the service.
            ending, because, word = Ending.FAULT, type(error).__name__, abort(AbortSource.PROVIDER)
            log.error("association.fault", error=because, exc_info=without_values(error))
        if self.state is State.ESTABLISHED:
            metrics.ACTIVE.dec()
        self.state = State.AWAITING_CLOSE
        self._slots.close()
        is_heard = _say(wire, word, self._house.settings.stall_s)
        try:
            self._note(failure)
            self._write_down(ending, because, monotonic() - started)
        finally:
            self._part(wire if is_heard else None)

    @property
    def is_established(self) -> bool:
        """It may carry requests (Sta6)."""
        return self.state is State.ESTABLISHED

    def is_silent(self) -> bool:
        """It holds a place and says nothing: it neither asks for an association, nor hangs up after one."""
        if self.is_established or (self.state is State.AWAITING_REQUEST and self._request is not None):
            return False
        poll = select.poll()
        try:
            poll.register(self._connection, select.POLLIN)
            return not poll.poll(0)
        except (OSError, ValueError):
            return False  # closed meanwhile

    def cut(self) -> None:
        """Break the connection, from another thread: the last resort."""
        with suppress(OSError):
            # Not SSLSocket's own, which would pull the TLS state from under the thread that reads.
            socket.socket.shutdown(self._connection, socket.SHUT_RDWR)

    def _tick(self) -> None:
        """Called while nothing arrives."""
        halt = self._house.halt
        if halt.at_once or (halt.when_idle and (self._messages is None or self._messages.is_idle)):
            raise Draining("this service is stopping")

    def _connect(self, due: float) -> Wire:
        settings = self._house.settings
        if self._tls is not None:
            secured = handshake(self._connection, self._tls(), settings.artim_s)
            self._connection, self._shown = secured, shown_by(secured)
        wire = Wire(self._connection, settings.tick_s, self._tick)
        wire.due = due
        return wire

    def _establish(self, wire: Wire) -> Established:
        """From Sta2 to Sta6: answer with A-ASSOCIATE-AC, or raise."""
        settings = self._house.settings
        request = self._request = _read_request(wire)
        peer, actor = admit(request, self.address, self._shown, self._house, self._slots)
        self._peer = peer
        if not settings.open_to_all:
            self._tally.label = peer.ae_title
        contexts, answer = negotiate(
            request, tuple(self._house.services), peer.private_sop_classes, settings.max_pdu
        )
        wire.send(answer, settings.stall_s)
        self.state = State.ESTABLISHED
        metrics.ACTIVE.inc()
        self._messages = Messages(wire, contexts, settings)
        return Established(
            peer=peer,
            actor=actor,
            address=self.address,
            called=request.called,
            peer_max_pdu=request.max_pdu,
            settings=settings,
            door=self._house.door,
            messages=self._messages,
            tally=self._tally,
        )

    def _serve(self, established: Established) -> None:
        """Answer requests (Sta6) until the peer asks for release."""
        halt, services = self._house.halt, self._house.services
        while (asked := established.messages.next_command()) is not None:
            serve_request(services, established, *asked)
            if halt.at_once:
                raise Draining("this service is stopping")

    def _part(self, wire: Wire | None) -> None:
        """Wait for the peer to close, where there is one that listens (Sta13), and close."""
        if wire is not None:
            wire.hang_up(self._house.settings.artim_s)
        self._connection.close()

    def _note(self, failure: AssociationError | None) -> None:
        """Count a caller that was turned away, where a co-ordinator sees it."""
        match failure:
            case Rejected():
                reason = failure.reason
            case TlsFailed():
                reason = Reason.TLS
            case _:
                return
        request = self._request
        refusal = Refusal(
            reason,
            calling=request.calling if request else "",
            called=request.called if request else "",
            address=self.address,
            because=str(failure),
            is_tls=self._tls is not None,
            fingerprint=self._shown.fingerprint if self._shown else "",
        )
        metrics.REFUSED.labels(reason.value).inc()
        with suppress(Unavailable):
            self._house.peers.note_refusal(refusal)

    def _write_down(self, ending: Ending, because: str, seconds: float) -> None:
        """One line and the counters."""
        request, peer, tally = self._request, self._peer, self._tally
        metrics.ASSOCIATIONS.labels(tally.label, ending.value).inc()
        log.info(
            "association.ended",
            peer=request.calling if request else None,
            trust=peer.trust.ods_code if peer else None,
            address=self.address,
            software=request.implementation if request else None,
            tls=self._tls is not None,
            kept=tally.outcomes[Outcome.KEPT] + tally.outcomes[Outcome.REPLACED],
            already_kept=tally.outcomes[Outcome.ALREADY_KEPT],
            failed=tally.failed,
            bytes=tally.bytes,
            seconds=round(seconds, 3),
            ending=ending.value,
            because=because or None,
        )


def _say(wire: Wire | None, word: bytes, patience_s: float) -> bool:
    """Whether the last word could be written."""
    if wire is None or not word:
        return False
    try:
        wire.send(word, patience_s)
    except AssociationError:
        return False  # gone already: nothing is lost by it
    return True


def _read_request(wire: Wire) -> AssociationRequest:
    header = bytes(wire.take(PDU_HEADER.size))
    kind, length = PDU_HEADER.unpack(header)
    if action_for(State.AWAITING_REQUEST, kind) is Action.TAKE_ABORT:
        raise PeerAborted(source=0, reason=0)
    if length > REQUEST_LIMIT:
        raise ProtocolBroken(AbortReason.INVALID_PARAMETER, "an A-ASSOCIATE-RQ beyond all measure")
    body = wire.take_all(length)
    wire.due = inf
    return read_request(header + body)


def last_word(error: AssociationError, state: State) -> bytes:
    """The PDU that tells the peer, or nothing where it would not be heard (PS3.8 §9.2)."""
    match error:
        case Rejected():
            return reject(error.rejection)
        case ProtocolBroken():
            return abort(AbortSource.PROVIDER, error.reason)
        case PeerReleased():
            return release_response()
        case PeerStalled() | Draining() if state is State.ESTABLISHED:
            return abort(AbortSource.USER)
        case _:
            return b""
