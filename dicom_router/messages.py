"""The peer's messages, put together from P-DATA-TF fragments as they come (PS3.7 §6.3, PS3.8 §9.3.5, §E).

A command set is small and is put together; a data set is passed on piece by piece and never held.
"""

from collections.abc import Mapping
from math import inf
from time import monotonic
from typing import Self

from dicom_router.commands import BadCommand, Command, read_command
from dicom_router.contexts import Context
from dicom_router.errors import AbortReason, AssociationError, PeerAborted, PeerStalled, ProtocolBroken
from dicom_router.pdus import IS_COMMAND, IS_LAST, PDU_HEADER, PDV_HEADER, PduType
from dicom_router.settings import RouterSettings
from dicom_router.states import ACTIONS, Action, State
from dicom_router.wire import Wire
from storage.errors import TooLarge

#: No command set of the standard comes near it.
COMMAND_LIMIT = 64 * 1024


class Messages:
    """What arrives on an established association (Sta6)."""

    def __init__(self, wire: Wire, contexts: Mapping[int, Context], settings: RouterSettings) -> None:
        self.wire = wire
        self._contexts = contexts
        self._settings = settings
        self._max_pdu = settings.max_pdu or 0xFFFFFFFF
        self._pdu_left = 0  # bytes of the current P-DATA-TF after the current fragment
        self.left = 0  # bytes of the current fragment
        self.context = 0  # of the current fragment
        self.control = 0  # message control header of the current fragment
        self.is_idle = False  # waiting between two messages

    def next_command(self) -> tuple[Context, Command] | None:
        """The next request of the peer, or None when it asks for release. Its data set is yet to be read."""
        wire = self.wire
        wire.patience_s, wire.due = inf, monotonic() + self._settings.idle_s
        if not self._pdu_left and not wire.has_input:
            self.is_idle = True
            wire.wait()
            self.is_idle = False
        wire.due = monotonic() + self._settings.stall_s
        if not self._next_fragment(between_messages=True):
            return None
        number = self.context
        context = self._contexts.get(number)
        if context is None:
            raise ProtocolBroken(
                AbortReason.INVALID_PARAMETER, "a fragment in a context that was not accepted"
            )
        encoded = self._command_set(number)
        try:
            return context, read_command(encoded)
        except BadCommand as error:
            raise ProtocolBroken(AbortReason.INVALID_PARAMETER, str(error)) from error

    def _command_set(self, number: int) -> bytes:
        pieces = b""
        while True:
            if not self.control & IS_COMMAND or self.context != number:
                raise ProtocolBroken(
                    AbortReason.UNEXPECTED_PARAMETER, "a fragment that is no part of the command set"
                )
            if len(pieces) + self.left > COMMAND_LIMIT:
                raise ProtocolBroken(AbortReason.INVALID_PARAMETER, "a command set beyond all measure")
            pieces += self.wire.take(self.left)
            self.left = 0
            if self.control & IS_LAST:
                return pieces
            self._next_fragment()

    def next_data_fragment(self, number: int) -> None:
        """Go on to the next fragment, which must be of the data set in this context."""
        self._next_fragment()
        if self.context != number or self.control & IS_COMMAND:
            raise ProtocolBroken(
                AbortReason.UNEXPECTED_PARAMETER, "a fragment that is no part of the data set"
            )

    def _next_fragment(self, between_messages: bool = False) -> bool:
        """Read the header of the next fragment; False where the peer asks for release instead."""
        if not self._pdu_left and not self._next_pdu(between_messages):
            return False
        if self._pdu_left < PDV_HEADER.size:
            raise ProtocolBroken(
                AbortReason.INVALID_PARAMETER, "a P-DATA-TF that ends within a fragment's header"
            )
        length, self.context, self.control = PDV_HEADER.unpack(self.wire.take(PDV_HEADER.size))
        if not 2 <= length <= self._pdu_left - 4:
            raise ProtocolBroken(
                AbortReason.INVALID_PARAMETER, "a fragment whose length does not fit its P-DATA-TF"
            )
        self._pdu_left -= length + 4
        self.left = length - 2
        return True

    def _next_pdu(self, between_messages: bool) -> bool:
        kind, length = PDU_HEADER.unpack(self.wire.take(PDU_HEADER.size))
        if kind == PduType.P_DATA_TF:
            if length > self._max_pdu:
                raise ProtocolBroken(AbortReason.INVALID_PARAMETER, "a P-DATA-TF longer than we said we take")
            self._pdu_left = length
            return True
        action = action_for(State.ESTABLISHED, kind)
        if length != 4:
            raise ProtocolBroken(AbortReason.INVALID_PARAMETER, "a PDU whose length is not its type's")
        body = self.wire.take(4)
        if action is Action.TAKE_ABORT:
            raise PeerAborted(source=body[2], reason=body[3])
        if not between_messages:
            raise ProtocolBroken(AbortReason.UNEXPECTED_PDU, "a release within a message")
        return False


def action_for(state: State, kind: int) -> Action:
    """What PS3.8 §9.2 says to do with a PDU of this type; ProtocolBroken where that is to abort."""
    try:
        action = ACTIONS[state][PduType(kind)]
    except ValueError:
        raise ProtocolBroken(AbortReason.UNRECOGNIZED_PDU, f"a PDU of unknown type {kind:02X}") from None
    if action is Action.REFUSE:
        raise ProtocolBroken(
            AbortReason.UNEXPECTED_PDU, f"{PduType(kind).name} is not expected in {state.value}"
        )
    return action


class DataSet:
    """The data set of one message, pulled from the peer piece by piece.

    A piece is valid only until the next is asked for. Whoever iterates may stop anywhere; `discard`
    reads the rest.
    """

    def __init__(self, messages: Messages, context: Context, settings: RouterSettings) -> None:
        self.received = 0  # bytes handed on so far
        self.error: AssociationError | None = None  # what broke the association while it was read
        self._messages = messages
        self._wire = messages.wire
        self._number = context.number
        self._limit = settings.object_limit
        self._is_last = False
        self._give_up_at = inf
        self._settings = settings
        self._wire.due, self._wire.patience_s, self._wire.waited_s = inf, settings.stall_s, 0.0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> memoryview:
        """The next piece. Raises TooLarge beyond the limit, and AssociationError where the peer fails us."""
        if self.error is not None:
            raise self.error
        messages = self._messages
        try:
            while not messages.left:
                if self._is_last:
                    raise StopIteration
                messages.next_data_fragment(self._number)
                self._is_last = bool(messages.control & IS_LAST)
                self._check_pace()  # here too: a peer may send empty fragments for ever
            piece = self._wire.take_some(messages.left)
            self._check_pace()
        except AssociationError as error:
            self.error = error
            raise
        size = len(piece)
        messages.left -= size
        self.received += size
        if self.received > self._limit:
            raise TooLarge(self._settings.object_limit)
        return piece

    def _check_pace(self) -> None:
        waited = self._wire.waited_s
        if waited > self._settings.stall_s and self.received < waited * self._settings.slowest_bytes_per_s:
            raise PeerStalled("the peer sends a data set too slowly")
        if monotonic() > self._give_up_at:
            raise PeerStalled("a refused data set took too long to end")

    def discard(self) -> None:
        """Read what is left and forget it, so that the association can go on with an answer."""
        self._limit = self.received + self._settings.object_limit
        self._give_up_at = monotonic() + self._settings.discard_s
        try:
            for _piece in self:
                pass
        except TooLarge as error:
            raise PeerStalled("a refused data set does not end") from error
