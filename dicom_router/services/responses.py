"""Pending responses of a query (PS3.7 §9.1.2): many small messages, written together.

A peer that waits for a hundred answers waits for one write, not for a hundred; what does not fit the buffer
goes out before, so that memory does not grow with the answer, and then a C-CANCEL is looked for.
"""

from collections.abc import Mapping
from functools import lru_cache

from dicom_router.commands import Command, write_response
from dicom_router.contexts import Context
from dicom_router.established import Established
from dicom_router.pdus import data_set_pdus, p_data
from storage.charsets import ASCII, encodings_of
from storage.elements import encoding_of
from storage.writing import ElementWriter, Member

#: Pending statuses (PS3.4 Table C.4-1, Table K.4-1).
PENDING = 0xFF00
PENDING_UNSUPPORTED = 0xFF01  # of what was asked, some is neither matched nor returned

#: Bytes that wait to be written together.
BATCH_BYTES = 64 * 1024

_CHARACTER_SET = "00080005"
#: For texts that the asker's own character set cannot hold: what every workstation of western Europe reads,
#: then what holds everything (docs/decisions/0011).
_FALLBACKS = ("ISO_IR 100", "ISO_IR 192")


class Responses:
    """What is on its way to a peer that asked."""

    def __init__(
        self, association: Established, context: Context, command: Command, status: int, character_set: str
    ) -> None:
        """`character_set` is that of the request, in which its asker reads best."""
        self.sent = 0
        self._association = association
        self._context = context
        self._message_id = command.message_id
        response = write_response(command, status, has_data_set=True)
        self._response = p_data(context.number, response, association.peer_max_pdu)
        self._writers = _writers(context.transfer_syntax, character_set)
        self._waiting: list[bytes] = []
        self._size = 0

    def add(self, members: Mapping[str, Member]) -> bool:
        """One match, its attributes in ascending order, without a Specific Character Set: it says its own.

        False where the peer has cancelled the query.
        """
        pdus = data_set_pdus(self._context.number, self._encoded(members), self._association.peer_max_pdu)
        self._waiting += (self._response, pdus)
        self._size += len(self._response) + len(pdus)
        self.sent += 1
        if self._size < BATCH_BYTES:
            return True
        self._association.send(self.take())
        return not self.cancelled()

    def cancelled(self) -> bool:
        """Whether a C-CANCEL has come."""
        return self._association.messages.cancelled(self._message_id)

    def take(self) -> bytes:
        """What waits, for whom writes it together with the last response."""
        waiting = b"".join(self._waiting)
        self._waiting.clear()
        self._size = 0
        return waiting

    def _encoded(self, members: Mapping[str, Member]) -> bytes:
        """In the first character set that holds every text; one beyond ASCII is declared (PS3.5 §6.1.2)."""
        *first, (last_declared, last) = self._writers
        for declared, writer in first:
            try:
                return declared + writer.elements(members)
            except UnicodeError:
                continue
        return last_declared + last.elements(members)


@lru_cache(maxsize=64)
def _writers(transfer_syntax_uid: str, character_set: str) -> list[tuple[bytes, ElementWriter]]:
    """Those to try in turn, with the Specific Character Set that each declares."""
    encoding = encoding_of(transfer_syntax_uid)
    plain = ElementWriter(encoding, ASCII)
    writers = [(b"", plain)]
    for declared in dict.fromkeys((character_set, *_FALLBACKS)):
        encodings = encodings_of(declared) if declared else None
        if encodings is not None:
            writers.append((plain.text(_CHARACTER_SET, "CS", declared), ElementWriter(encoding, encodings)))
    return writers
