"""How a C-GET or C-MOVE goes on, and what its peer hears of it (PS3.4 §C.4.2, §C.4.3).

The peer hears of the first sub-operation, then at most twice a second; and at least every few seconds while
one of them takes its time, since a peer that hears nothing gives up.
"""

from dataclasses import dataclass, field
from math import inf
from time import monotonic

from pydicom.dataset import Dataset
from pydicom.uid import UID

from dicom_router.commands import (
    AFFECTED_SOP_CLASS_UID,
    COMMAND_DATA_SET_TYPE,
    COMMAND_FIELD,
    COMPLETED,
    DATA_SET_FOLLOWS,
    ERROR_COMMENT,
    FAILED,
    MESSAGE_ID_BEING_RESPONDED_TO,
    NO_DATA_SET,
    REMAINING,
    RESPONSE,
    STATUS,
    WARNING,
    Command,
    write_command,
)
from dicom_router.contexts import Context
from dicom_router.data_sets import encode_data_set
from dicom_router.established import Established
from dicom_router.pdus import p_data
from dicom_router.services.retrieving import Asked
from dicom_router.statuses import ALL_FAILED, CANCELLED, PENDING, SOME_FAILED, SUCCESS
from dicom_router.storing import Sent

NEWS_S = 0.5  # between two pending responses that say something new
SIGN_OF_LIFE_S = 5.0  # and that do not

#: Counts are unsigned shorts (PS3.7 §E.1).
_MOST = 0xFFFF
#: Failed SOP Instance UID List (0008,0058) is a UI: in an explicit data set it has at most so many bytes.
_LIST_LIMIT_BYTES = 0xFFFE


@dataclass(slots=True)
class Counts:
    """What became of the sub-operations so far, by SOP Instance UID."""

    left: dict[str, None]  # not done yet
    failed: list[str] = field(default_factory=list)
    completed: int = 0
    warned: int = 0

    def add(self, sent: Sent) -> None:
        """One more is done."""
        self.left.pop(sent.uid, None)
        if not sent.is_kept:
            self.failed.append(sent.uid)
        elif sent.is_warning:
            self.warned += 1
        else:
            self.completed += 1

    def give_up(self) -> None:
        """What is left has failed."""
        self.failed += self.left
        self.left.clear()


def final_status(counts: Counts, *, is_cancelled: bool) -> int:
    """The status of the last response (PS3.4 §C.4.2.3.1, §C.4.3.3.1)."""
    if is_cancelled and counts.left:
        return CANCELLED
    if counts.failed and not counts.completed and not counts.warned:
        return ALL_FAILED
    return SOME_FAILED if counts.failed or counts.warned else SUCCESS


class Progress:
    """The responses to one request."""

    def __init__(self, association: Established, context: Context, command: Command, asked: Asked) -> None:
        self.counts = Counts(dict.fromkeys(each.stored.uid for each in asked.leaving), list(asked.refused))
        self._association = association
        self._context = context
        self._command = command
        self._because = asked.because  # what stood in the way of the first that failed
        self._told_at = -inf
        self._told = len(self.counts.left)
        self._is_cancelled = False

    def add(self, sent: Sent) -> None:
        """One more is done; the peer may hear of it."""
        self.counts.add(sent)
        if not sent.is_kept:
            self.blame(sent.because or f"the peer answered 0x{sent.status or 0:04X}")
        self.pulse()

    def blame(self, because: str) -> None:
        """Say what stands in the way: the first to do so is heard."""
        self._because = self._because or because

    def pulse(self) -> None:
        """Tell the peer how far it is, where it is time to."""
        left, now = len(self.counts.left), monotonic()
        is_news = left != self._told
        if left and now - self._told_at >= (NEWS_S if is_news else SIGN_OF_LIFE_S):
            self._told_at, self._told = now, left
            self._association.answer(self._context, self._response(PENDING, "", has_list=False))

    def cancel(self) -> None:
        """The peer has cancelled the request."""
        self._is_cancelled = True

    def is_cancelled(self) -> bool:
        """Whether the peer is known to have cancelled the request."""
        return self._is_cancelled

    def look(self) -> bool:
        """The same, after a look at what has come; never waits. Not while the peer owes us a response."""
        if not self._is_cancelled:
            self._is_cancelled = self._association.messages.cancelled(self._command.message_id)
        return self._is_cancelled

    def finish(self) -> None:
        """The last response: what is left then has failed, unless the peer has cancelled it."""
        if not self._is_cancelled:
            self.counts.give_up()
        status = final_status(self.counts, is_cancelled=self._is_cancelled)
        failed = self.counts.failed
        if not failed:
            self._association.answer(self._context, self._response(status, "", has_list=False))
            return
        data_set = encode_data_set(_failed_list(failed), self._context.transfer_syntax)
        response = self._response(status, self._because, has_list=True)
        self._association.send(
            p_data(self._context.number, response, self._association.peer_max_pdu, data_set)
        )

    def _response(self, status: int, comment: str, *, has_list: bool) -> bytes:
        counts, command = self.counts, self._command
        elements: dict[int, int | str] = {
            AFFECTED_SOP_CLASS_UID: command.sop_class_uid,
            COMMAND_FIELD: command.field | RESPONSE,
            MESSAGE_ID_BEING_RESPONDED_TO: command.message_id,
            COMMAND_DATA_SET_TYPE: DATA_SET_FOLLOWS if has_list else NO_DATA_SET,
            STATUS: status,
            ERROR_COMMENT: comment,
        }
        if status in (PENDING, CANCELLED):  # and in no other (PS3.4 §C.4.2.1.6)
            elements[REMAINING] = min(len(counts.left), _MOST)
        elements[COMPLETED] = min(counts.completed, _MOST)
        elements[FAILED] = min(len(counts.failed), _MOST)
        elements[WARNING] = min(counts.warned, _MOST)
        return write_command(elements)


def _failed_list(failed: list[str]) -> Dataset:
    """As many of them as an explicit data set can name."""
    named, size = [], 0
    for uid in failed:
        size += len(uid) + 1
        if size > _LIST_LIMIT_BYTES:
            break
        named.append(UID(uid))
    found = Dataset()
    found.FailedSOPInstanceUIDList = named
    return found
