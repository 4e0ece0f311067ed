"""One that asks for a study by C-GET or C-MOVE, and one that takes what a C-MOVE sends: both forget it.

Both are raw: they read fragments into one buffer, a gigabyte and more a second, so that their own time does
not hide a server's.
"""

import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydicom.dataset import Dataset

from benchmarks.senders import Address
from dicom_router.acceptor import Router
from dicom_router.commands import (
    AFFECTED_SOP_CLASS_UID,
    C_GET_RQ,
    C_MOVE_RQ,
    C_STORE_RQ,
    COMMAND_DATA_SET_TYPE,
    COMMAND_FIELD,
    DATA_SET_FOLLOWS,
    MESSAGE_ID,
    MOVE_DESTINATION,
    PRIORITY,
    RESPONSE,
    write_command,
    write_response,
)
from dicom_router.contexts import STUDY_ROOT_GET, STUDY_ROOT_MOVE
from dicom_router.data_sets import encode_data_set
from dicom_router.messages import DataSet
from dicom_router.pdus import p_data
from dicom_router.proposing import Proposal
from dicom_router.requestor import Callee, Calling, Requested, request_association
from dicom_router.settings import RouterSettings
from dicom_router.statuses import PENDING, SUCCESS
from exchange.peers import Peer
from exchange.refusals import Refusal
from exchange.trusts import Trust
from storage.elements import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from storage.ingest import Incoming
from storage.objects import Bytes
from storage.origin import Origin
from storage.receipt import Outcome, Receipt

RECEIVER = "RECEIVER"
_SYNTAXES = (EXPLICIT_LITTLE, IMPLICIT_LITTLE)
_NOBODY = Trust("RBT", "Bench", "RBT")


class NotRetrieved(Exception):
    """A retrieve that did not bring everything: its time would mean nothing."""


class Forgets:
    """An archive's door that counts what it is given."""

    def __init__(self) -> None:
        self.count = 0

    def accept(self, incoming: Incoming, chunks: Iterable[Bytes], origin: Origin) -> Receipt:
        """Read to its end."""
        for _ in chunks:
            pass
        self.count += 1
        return Receipt(Outcome.KEPT, incoming.sop_instance_uid)

    def turn_away(self, incoming: Incoming, origin: Origin, outcome: Outcome, because: str) -> None:
        """Nothing is."""


class _Anybody:
    def named(self, calling: str, address: str) -> Peer:
        return Peer(calling, _NOBODY, plain_allowed=True)

    def note_refusal(self, refusal: Refusal) -> None:
        """Nobody is refused."""


@contextmanager
def receiver(folder: Path) -> Iterator[tuple[Address, Forgets]]:
    """One for C-MOVE to send to."""
    door = Forgets()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = Address(RECEIVER, listener.getsockname()[1])
        settings = RouterSettings(slots_folder=folder / "receiver", ae_title=RECEIVER)
        router = Router(settings, door, _Anybody(), [listener])
        thread = threading.Thread(target=router.serve)
        thread.start()
        try:
            yield address, door
        finally:
            router.drain(0)
            thread.join()


def get(study_uid: str, sop_class_uid: str, at: Address, calling: str) -> int:
    """C-GET of a study on one association; how many instances came."""
    proposals = [Proposal(STUDY_ROOT_GET, _SYNTAXES), Proposal(sop_class_uid, _SYNTAXES)]
    with request_association(
        Callee(at.ae_title, at.host, at.port),
        calling,
        proposals,
        Calling(),
        roles={sop_class_uid: (True, True)},
    ) as association:
        _ask(association, C_GET_RQ, STUDY_ROOT_GET, study_uid)
        return _take(association)


def move(study_uid: str, to: str, at: Address, calling: str) -> None:
    """C-MOVE of a study; it has ended when this returns."""
    proposals = [Proposal(STUDY_ROOT_MOVE, _SYNTAXES)]
    with request_association(
        Callee(at.ae_title, at.host, at.port), calling, proposals, Calling()
    ) as association:
        _ask(association, C_MOVE_RQ, STUDY_ROOT_MOVE, study_uid, to)
        _take(association)


def _ask(association: Requested, field: int, sop_class_uid: str, study_uid: str, to: str = "") -> None:
    context = next(each for each in association.contexts.values() if each.abstract_syntax == sop_class_uid)
    asked = Dataset()
    asked.QueryRetrieveLevel, asked.StudyInstanceUID = "STUDY", study_uid
    command = write_command(
        {
            AFFECTED_SOP_CLASS_UID: sop_class_uid,
            COMMAND_FIELD: field,
            MESSAGE_ID: 1,
            MOVE_DESTINATION: to,
            PRIORITY: 0,
            COMMAND_DATA_SET_TYPE: DATA_SET_FOLLOWS,
        }
    )
    identifier = encode_data_set(asked, context.transfer_syntax)
    association.send([p_data(context.number, command, association.peer_max_pdu, identifier)])


def _take(association: Requested) -> int:
    """What is sent over the association, up to the last response. Raises NotRetrieved."""
    count = 0
    while (found := association.messages.next_command()) is not None:
        context, command = found
        if command.has_data_set:
            for _ in DataSet(association.messages, context, association.settings):
                pass
        if command.field == C_STORE_RQ:
            count += 1
            answer = write_response(command, SUCCESS)
            association.send([p_data(context.number, answer, association.peer_max_pdu)])
        elif command.field & RESPONSE and command.status != PENDING:
            if command.status != SUCCESS:
                raise NotRetrieved(f"the last response says 0x{command.status or 0:04X}: {command.comment}")
            return count
    raise NotRetrieved("the peer asked for release before it was done")
