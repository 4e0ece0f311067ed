"""Sending instances to a peer: everything that leaves by C-STORE on an association of ours.

`Sender.send` is what C-MOVE and deliveries use. What it sends are the bytes as they were received, in the
syntax in which they were, wherever the peer takes that; `storage.leaving` says what else can be.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field

from dicom_router.commands import C_STORE_RQ, RESPONSE, Command
from dicom_router.errors import AbortReason, ProtocolBroken
from dicom_router.pdus import Buffer
from dicom_router.proposing import Proposal, proposals_for
from dicom_router.requestor import Callee, Calling, Requested, no_tick, request_association
from dicom_router.storing import BrokenOff, Manner, Reader, Sent, by_class, store_all
from storage.leaving import Leaving


@dataclass(frozen=True, slots=True)
class RequestedLane:
    """An association of ours, as `store_all` needs it."""

    association: Requested

    @property
    def peer_max_pdu(self) -> int:
        return self.association.peer_max_pdu

    def send(self, pieces: Sequence[Buffer]) -> None:
        self.association.send(pieces)

    def next_message_id(self) -> int:
        return self.association.next_message_id()

    def stored(self, message_id: int) -> Command:
        _, command = self.association.response(message_id)
        if command.field != C_STORE_RQ | RESPONSE or command.has_data_set:
            raise ProtocolBroken(AbortReason.UNEXPECTED_PARAMETER, "not a response to a C-STORE")
        return command


#: Of medium priority, and by nobody's C-MOVE.
PLAINLY = Manner()


def never() -> bool:
    """Nobody cancels."""
    return False


@dataclass(frozen=True, kw_only=True)
class Sender:
    """Sends instances to peers. Threads may share it."""

    reader: Reader
    calling: Calling = field(default_factory=Calling)

    def send(
        self,
        callee: Callee,
        our_title: str,
        instances: Sequence[Leaving],
        manner: Manner = PLAINLY,
        *,
        is_cancelled: Callable[[], bool] = never,
        tick: Callable[[], None] = no_tick,
    ) -> Generator[Sent, None, None]:
        """Send each instance once, on as many associations as their SOP classes need, one after the other.

        Yields what became of each as it becomes known, in the order in which they were sent. Raises
        AssociationError where the peer cannot be reached, refuses or breaks off: what has not been yielded by
        then the peer may lack. `is_cancelled` is asked between two instances; `tick` is called while the peer
        is waited for, and may raise to break off.
        """
        kinds = [(each.stored.sop_class, each.stored.transfer_syntax) for each in instances]
        for proposals in proposals_for(kinds):
            proposed = {
                (each.abstract_syntax, each.transfer_syntaxes[0])
                for each in proposals
                if len(each.transfer_syntaxes) == 1
            }
            left = [each for each, kind in zip(instances, kinds, strict=True) if kind in proposed]
            while left and not is_cancelled():
                settled = 0
                for sent in self._on_one(callee, our_title, left, proposals, manner, is_cancelled, tick):
                    settled += 1
                    yield sent
                left = left[settled:] if settled else []

    def _on_one(
        self,
        callee: Callee,
        our_title: str,
        instances: Sequence[Leaving],
        proposals: Sequence[Proposal],
        manner: Manner,
        is_cancelled: Callable[[], bool],
        tick: Callable[[], None],
    ) -> Iterator[Sent]:
        """On one association, up to an instance that cannot be read to its end."""
        association = request_association(callee, our_title, proposals, self.calling, tick=tick)
        lane = RequestedLane(association)
        contexts = by_class(association.contexts.values())
        try:
            with association:
                yield from store_all(lane, instances, contexts, self.reader, manner, is_cancelled)
        except BrokenOff as error:
            yield error.sent
