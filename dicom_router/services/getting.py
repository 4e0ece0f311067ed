"""C-GET (PS3.4 §C.4.3): what is asked for goes over the association that asked.

The peer must have taken the role of an SCP for a storage class to be sent its instances (PS3.7 §D.3.3.4);
what has no such context counts as failed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from dicom_router.commands import C_CANCEL_RQ, C_GET_RQ, C_STORE_RQ, RESPONSE, Command
from dicom_router.contexts import PATIENT_ROOT_GET, STUDY_ROOT_GET, Context
from dicom_router.errors import AbortReason, PeerVanished, ProtocolBroken
from dicom_router.established import Established
from dicom_router.pdus import Buffer
from dicom_router.services.retrieving import Refused, Retrieving, refuse
from dicom_router.services.suboperations import Progress
from dicom_router.services.table import Services
from dicom_router.storing import Manner, Reader, by_class, store_all


@dataclass(slots=True)
class AskersLane:
    """The association that asked, as `store_all` needs it. Our Message IDs are others than its request's."""

    association: Established
    command: Command
    progress: Progress
    last_message_id: int = 0

    @property
    def peer_max_pdu(self) -> int:
        return self.association.peer_max_pdu

    def send(self, pieces: Sequence[Buffer]) -> None:
        association = self.association
        association.messages.wire.send_pieces(pieces, association.settings.stall_s)

    def next_message_id(self) -> int:
        number = self.last_message_id % 0xFFFF + 1
        self.last_message_id = number % 0xFFFF + 1 if number == self.command.message_id else number
        return self.last_message_id

    def stored(self, message_id: int) -> Command:
        """A C-CANCEL may come first: it is heeded once this one is done."""
        while True:
            found = self.association.messages.next_command(in_service=True)
            if found is None:
                raise PeerVanished("the peer asked for release while it was sent what it asked for")
            _, command = found
            if command.field == C_CANCEL_RQ and not command.has_data_set:
                if command.message_id == self.command.message_id:
                    self.progress.cancel()
                continue
            if command.field != C_STORE_RQ | RESPONSE or command.message_id != message_id:
                raise ProtocolBroken(AbortReason.UNEXPECTED_PARAMETER, "not the response to our C-STORE")
            if command.has_data_set:
                raise ProtocolBroken(AbortReason.UNEXPECTED_PARAMETER, "a C-STORE response with a data set")
            return command


@dataclass(frozen=True, slots=True)
class Getting:
    """The service."""

    retrieving: Retrieving
    reader: Reader

    def on_get(self, association: Established, context: Context, command: Command) -> None:
        """Find it, send it, and say what became of it."""
        try:
            query = self.retrieving.query(association, context, command)
            asked = self.retrieving.found(association, query, association.peer, {})
        except Refused as refusal:
            refuse(association, context, command, refusal)
            return
        progress = Progress(association, context, command, asked)
        lane = AskersLane(association, command, progress)
        contexts = by_class(each for each in association.messages.contexts.values() if each.is_for_them)
        manner = Manner(priority=command.priority)
        for sent in store_all(lane, asked.leaving, contexts, self.reader, manner, progress.is_cancelled):
            progress.add(sent)
        progress.finish()


def services(retrieving: Retrieving, reader: Reader) -> Services:
    """C-GET for both roots."""
    getting = Getting(retrieving, reader)
    return {uid: {C_GET_RQ: getting.on_get} for uid in (PATIENT_ROOT_GET, STUDY_ROOT_GET)}
