"""The peer's messages, put together from P-DATA-TF fragments as they come (PS3.7 §6.3, PS3.8 §9.3.5, §E).

A command set is small and is put together; a data set is passed on piece by piece and never held.
"""

from collections.abc import Mapping
from math import inf
from time import monotonic
from typing import Self

from dicom_router.commands import C_CANCEL_RQ, BadCommand, Command, read_command
from dicom_router.contexts import Context
from dicom_router.errors import AbortReason, AssociationError, PeerAborted, PeerStalled, ProtocolBroken
from dicom_router.pdus import IS_COMMAND, IS_LAST, PDU_HEADER, PDV_HEADER, PduType
from dicom_router.settings import MessageLimits
from dicom_router.states import ACTIONS, Action, State
from dicom_router.wire import Wire
from storage.errors import TooLarge

#: No command set of the standard comes near it.
COMMAND_LIMIT = 64 * 1024


class Messages:
    """What arrives on an established association (Sta6)."""

    def __init__(self, wire: Wire, contexts: Mapping[int, Context], settings: MessageLimits) -> None:
        self.wire = wire
        self.contexts = contexts
        self._settings = settings
        self._max_pdu = settings.max_pdu or 0xFFFFFFFF
        self._pdu_left = 0  # bytes of the current P-DATA-TF after the current fragment
        self.left = 0  # bytes of the current fragment
        self.context = 0  # of the current fragment
        self.control = 0  # message control header of the current fragment
        self.is_idle = False  # waiting between two messages
        self._cancelled: int | None = None  # message ID of the request that is answered, once cancelled

    def next_command(self, *, in_service: bool = False) -> tuple[Context, Command] | None:
        """The next message of the peer, or None when it asks for release. Its data set is yet to be read.

        `in_service`: a service of ours waits for it, so the association is not idle.
        """
        wire = self.wire
        self._cancelled = None
        wire.patience_s, wire.due = inf, monotonic() + self._settings.idle_s
        if not self._pdu_left and not wire.has_input:
            self.is_idle = not in_service
            wire.wait()
            self.is_idle = False
        wire.due = monotonic() + self._settings.stall_s
        if not self._next_fragment(between_messages=True):
            return None
        number = self.context
        context = self.contexts.get(number)
        if context is None:
            raise ProtocolBroken(
                AbortReason.INVALID_PARAMETER, "a fragment in a context that was not accepted"
            )
        return context, self._read_command(number)

    def cancelled(self, message_id: int) -> bool:
        """Whether the peer has cancelled the request that we are answering (PS3.7 §9.3.2.3). Never waits.

        What has come only in part is looked at again the next time, and a release waits for our answer. Any
        other message is a request too many: only one is under way at a time (PS3.7 §D.3.3.3, default).
        Raises AssociationError where the peer aborted, is gone, or broke the protocol.
        """
        while self._cancelled != message_id:
            waiting = self.wire.look()
            if not _is_whole(waiting, self._pdu_left, self._max_pdu):
                return False
            if not self._pdu_left and waiting[0] == PduType.RELEASE_RQ:
                return False
            self._next_fragment()
            command = self._read_command(self.context)
            if command.field != C_CANCEL_RQ or command.has_data_set:
                raise ProtocolBroken(
                    AbortReason.UNEXPECTED_PARAMETER, "a request before the last one was answered"
                )
            self._cancelled = command.message_id
        return True

    def _read_command(self, number: int) -> Command:
        encoded = self._command_set(number)
        try:
            return read_command(encoded)
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


def _is_whole(waiting: memoryview, pdu_left: int, max_pdu: int) -> bool:
    """Whether a whole command set waits, or what is not one: then it can be taken without waiting for more.

    `pdu_left` are the bytes of a P-DATA-TF whose header was taken already.
    """
    place = 0
    while True:
        if not pdu_left:
            if len(waiting) < place + PDU_HEADER.size:
                return False
            kind, pdu_left = PDU_HEADER.unpack_from(waiting, place)
            place += PDU_HEADER.size
            if kind != PduType.P_DATA_TF:
                return len(waiting) >= place + 4
        if not PDV_HEADER.size <= pdu_left <= max_pdu:
            return True  # which is refused as it is taken
        if len(waiting) < place + PDV_HEADER.size:
            return False
        length, _context, control = PDV_HEADER.unpack_from(waiting, place)
        stop = place + 4 + length
        if not control & IS_COMMAND or not 2 <= length <= pdu_left - 4 or stop > COMMAND_LIMIT:
            return True  # the same
        if len(waiting) < stop:
            return False
        if control & IS_LAST:
            return True
        place, pdu_left = stop, pdu_left - 4 - length


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

    def __init__(self, messages: Messages, context: Context, settings: MessageLimits) -> None:
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
