"""C-MOVE (PS3.4 §C.4.2): what is asked for goes to a peer that we know, on associations of ours."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

import structlog

from dicom_router.commands import C_MOVE_RQ, Command, Originator
from dicom_router.contexts import PATIENT_ROOT_MOVE, STUDY_ROOT_MOVE, Context
from dicom_router.errors import AssociationError
from dicom_router.established import Established
from dicom_router.requestor import Callee
from dicom_router.sender import Sender
from dicom_router.services.retrieving import Refused, Retrieving, refuse
from dicom_router.services.suboperations import Progress
from dicom_router.services.table import Services
from dicom_router.statuses import ALL_FAILED, UNKNOWN_DESTINATION
from dicom_router.storing import Manner, Sent
from exchange.peers import Peer
from storage.errors import Unavailable

log = structlog.get_logger()

#: What is under way when a C-MOVE is cancelled may end; no longer than this, if the destination hangs.
CANCEL_GRACE_S = 10.0


class Destinations(Protocol):
    """The registry, as a C-MOVE needs it."""

    def destination(self, ae_title: str, trust: str | None = None) -> Peer | None:
        """The peer that can be called so; of several, that of the trust. May raise Unavailable."""


class _AskerFailed(Exception):
    """The association that asked does not go on; what is sent for it stops."""

    def __init__(self, error: AssociationError) -> None:
        super().__init__(str(error))
        self.error = error


class _TooLong(Exception):
    """It was cancelled, and what is under way does not end."""


@dataclass(slots=True)
class _Asker:
    """Looks at the association that asked, while another carries what it asked for."""

    association: Established
    progress: Progress
    cancelled_at: float | None = None

    def is_cancelled(self) -> bool:
        try:
            self.association.messages.wire.tick()  # this service may be stopping
            is_cancelled = self.progress.look()
        except AssociationError as error:
            raise _AskerFailed(error) from error
        if is_cancelled and self.cancelled_at is None:
            self.cancelled_at = monotonic()
        return is_cancelled

    def tick(self) -> None:
        """While the destination is waited for."""
        if self.is_cancelled() and monotonic() - (self.cancelled_at or 0.0) > CANCEL_GRACE_S:
            raise _TooLong
        try:
            self.progress.pulse()
        except AssociationError as error:
            raise _AskerFailed(error) from error


@dataclass(frozen=True, slots=True)
class Moving:
    """The service."""

    retrieving: Retrieving
    registry: Destinations
    sender: Sender

    def on_move(self, association: Established, context: Context, command: Command) -> None:
        """Find it, send it to the destination, and say what became of it."""
        try:
            query = self.retrieving.query(association, context, command)
            destination = self._destination(association, command.move_destination)
            detail = {"destination": destination.ae_title}
            asked = self.retrieving.found(association, query, destination, detail)
        except Refused as refusal:
            refuse(association, context, command, refusal)
            return
        progress = Progress(association, context, command, asked)
        asker = _Asker(association, progress)
        originator = Originator(association.peer.ae_title, command.message_id)
        manner = Manner(priority=command.priority, originator=originator)
        sending = self.sender.send(
            Callee.of(destination),
            association.called,
            asked.leaving,
            manner,
            is_cancelled=asker.is_cancelled,
            tick=asker.tick,
        )
        try:
            with closing(sending):
                self._send(sending, progress, destination)
        except _AskerFailed as failure:
            raise failure.error from failure
        except _TooLong:
            log.warning("move.cut", destination=destination.ae_title)
        progress.finish()

    def _send(self, sending: Iterator[Sent], progress: Progress, destination: Peer) -> None:
        """Until all is sent, or the destination fails us."""
        while True:
            try:
                sent = next(sending, None)
            except AssociationError as error:
                log.warning("move.broken_off", destination=destination.ae_title, because=str(error))
                progress.blame(str(error))
                return
            if sent is None:
                return
            progress.add(sent)

    def _destination(self, association: Established, title: str) -> Peer:
        try:
            found = self.registry.destination(title, association.peer.trust.ods_code)
        except Unavailable as error:
            raise Refused(ALL_FAILED, str(error)) from error
        if found is None:
            raise Refused(UNKNOWN_DESTINATION, f"no peer {title} that can be called (imx peer add)")
        return found


def services(retrieving: Retrieving, registry: Destinations, sender: Sender) -> Services:
    """C-MOVE for both roots."""
    moving = Moving(retrieving, registry, sender)
    return {uid: {C_MOVE_RQ: moving.on_move} for uid in (PATIENT_ROOT_MOVE, STUDY_ROOT_MOVE)}
