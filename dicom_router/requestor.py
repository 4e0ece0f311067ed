"""An association that we request, in the caller's thread (PS3.8 §9.2, Sta1 to Sta7)."""

import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from time import monotonic
from types import MappingProxyType, TracebackType
from typing import Self

from dicom_router.acceptance import Roles, read_acceptance, read_rejection, write_request
from dicom_router.commands import RESPONSE, Command
from dicom_router.contexts import Context
from dicom_router.errors import (
    AbortReason,
    AssociationError,
    PeerAborted,
    PeerStalled,
    PeerVanished,
    ProtocolBroken,
    TlsFailed,
    Unreached,
)
from dicom_router.messages import Messages, action_for
from dicom_router.negotiation import REQUEST_LIMIT
from dicom_router.pdus import (
    PDU_HEADER,
    AbortSource,
    Buffer,
    PduType,
    abort,
    release_request,
    release_response,
)
from dicom_router.proposing import Proposal
from dicom_router.pynetdicom_settings import set_up_pynetdicom
from dicom_router.settings import CallingSettings
from dicom_router.states import Action, State
from dicom_router.tls.client import Expected, TlsClient, handshake_as_client
from dicom_router.tls.words import what_to_mend
from dicom_router.wire import Wire
from exchange.peers import Peer


@dataclass(frozen=True, slots=True)
class Callee:
    """Whom we call, and where."""

    ae_title: str
    host: str
    port: int
    tls: Expected | None = None  # how it proves itself; None: plain DICOM

    @classmethod
    def of(cls, peer: Peer) -> "Callee":
        """Where a peer's entry says that it is called. Raises Unreached where it does not say."""
        if peer.host is None or peer.port is None:
            raise Unreached(f"the entry of {peer.ae_title} has no host and port to call")
        expected = None
        if peer.uses_tls:
            name = peer.certificate_name
            names = {name} if name else {peer.host, peer.ae_title}
            expected = Expected(frozenset(names), peer.fingerprint)
        return cls(peer.ae_title, peer.host, peer.port, expected)

    def __str__(self) -> str:
        return f"{self.ae_title}@{self.host}:{self.port}"


@dataclass(frozen=True, kw_only=True)
class Calling:
    """How we call: our timers, and what we show where a peer speaks TLS."""

    settings: CallingSettings = field(default_factory=CallingSettings)
    tls: TlsClient = field(default_factory=TlsClient)


def no_tick() -> None:
    """What a waiting thread does where nobody says."""


class Requested:
    """An established association of ours (Sta6). As a context manager it is released, or aborted on an error.

    `messages` reads what the peer sends; whoever sends a request waits for its `response`.
    """

    def __init__(
        self,
        connection: socket.socket,
        wire: Wire,
        contexts: Mapping[int, Context],
        peer_max_pdu: int,
        roles: Roles,
        settings: CallingSettings,
    ) -> None:
        self.messages = Messages(wire, contexts, settings)
        self.contexts = contexts
        self.peer_max_pdu = peer_max_pdu
        self.roles = roles
        self.settings = settings
        self._connection = connection
        self._wire = wire
        self._message_id = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.release()
        else:
            self.abort()

    def next_message_id(self) -> int:
        """A Message ID (0000,0110) that no request of ours still waits under."""
        self._message_id = self._message_id % 0xFFFF + 1
        return self._message_id

    def send(self, pieces: Sequence[Buffer]) -> None:
        """Write PDUs, together."""
        self._wire.send_pieces(pieces, self.settings.stall_s)

    def response(self, message_id: int) -> tuple[Context, Command]:
        """The next response, which must be to that request. Its data set, if any, is yet to be read."""
        found = self.messages.next_command()
        if found is None:
            with suppress(AssociationError):
                self._wire.send(release_response(), self.settings.stall_s)
            raise PeerVanished("the peer asked for release before it answered")
        if not found[1].field & RESPONSE or found[1].message_id != message_id:
            raise ProtocolBroken(AbortReason.UNEXPECTED_PARAMETER, "not the response that was waited for")
        return found

    def release(self) -> None:
        """Ask for release, wait a little for the peer to agree (Sta7), and close. Never raises."""
        with suppress(AssociationError):
            self._wire.send(release_request(), self.settings.release_s)
            self._wire.patience_s, self._wire.due = inf, monotonic() + self.settings.release_s
            self._await_release()
        self._connection.close()

    def abort(self) -> None:
        """Break off (PS3.8 §9.3.8), and close. Never raises."""
        with suppress(AssociationError):
            self._wire.send(abort(AbortSource.USER), self.settings.release_s)
        self._connection.close()

    def _await_release(self) -> None:
        while True:
            kind, length = PDU_HEADER.unpack(self._wire.take(PDU_HEADER.size))
            match action_for(State.AWAITING_RELEASE, kind):
                case Action.TAKE_DATA:
                    while length:
                        length -= len(self._wire.take_some(length))
                case Action.ANSWER_RELEASE:
                    self._wire.take(4)
                    self._wire.send(release_response(), self.settings.release_s)
                case _:
                    return


def request_association(
    callee: Callee,
    our_title: str,
    proposals: Sequence[Proposal],
    calling: Calling,
    *,
    roles: Roles = MappingProxyType({}),
    tick: Callable[[], None] = no_tick,
) -> Requested:
    """Call a peer and agree on contexts. Raises AssociationError, whose text says why not.

    `tick` is called about every `tick_s` while we wait for the peer; it may raise to end the wait.
    """
    set_up_pynetdicom()
    settings = calling.settings
    connection = _connect(callee, calling)
    try:
        wire = Wire(connection, settings.tick_s, tick)
        wire.due = monotonic() + settings.accept_s
        wire.send(
            write_request(our_title, callee.ae_title, proposals, roles, settings.max_pdu), settings.stall_s
        )
        try:
            accepted = read_acceptance(_read_answer(wire), proposals)
        except ProtocolBroken as error:
            wire.send(abort(AbortSource.PROVIDER, error.reason), settings.release_s)
            raise
    except BaseException:
        connection.close()
        raise
    wire.due = inf
    return Requested(connection, wire, accepted.contexts, accepted.max_pdu, accepted.roles, settings)


def _connect(callee: Callee, calling: Calling) -> socket.socket:
    patience_s = calling.settings.connect_s
    try:
        connection = socket.create_connection((callee.host, callee.port), timeout=patience_s)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise Unreached(f"nobody answers at {callee.host}:{callee.port} ({why})") from error
    if callee.tls is None:
        return connection
    return handshake_as_client(connection, calling.tls, callee.tls, patience_s)


def _read_answer(wire: Wire) -> bytes:
    """An A-ASSOCIATE-AC PDU; anything else is raised."""
    try:
        header = bytes(wire.take(PDU_HEADER.size))
        kind, length = PDU_HEADER.unpack(header)
        action = action_for(State.AWAITING_ANSWER, kind)
        if length > REQUEST_LIMIT:
            raise ProtocolBroken(AbortReason.INVALID_PARAMETER, f"a {PduType(kind).name} beyond all measure")
        pdu = header + wire.take_all(length)
    except PeerStalled as error:
        raise PeerStalled("the peer did not answer our request for an association in time") from error
    except PeerVanished as error:
        if isinstance(error.__cause__, ssl.SSLError):  # TLS 1.3: what it finds wrong with us, it says now
            raise TlsFailed(what_to_mend(error.__cause__)) from error
        raise
    if action is Action.TAKE_ABORT:
        raise PeerAborted(source=pdu[-2], reason=pdu[-1])
    if action is Action.TAKE_REJECTION:
        raise read_rejection(pdu)
    return pdu
