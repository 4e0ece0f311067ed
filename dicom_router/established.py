"""An established association as the services see it."""

from collections import Counter
from dataclasses import dataclass, field

from prometheus_client import Counter as Counted

from dicom_router import metrics
from dicom_router.contexts import STORAGE_CLASSES, Context
from dicom_router.messages import DataSet, Messages
from dicom_router.pdus import p_data
from dicom_router.settings import RouterSettings
from exchange.audit import Detail, Look
from exchange.policy import Action, Actor, Decision, Purpose, Subject, may
from exchange.registry import Peer
from storage.ingest import Door
from storage.receipt import Outcome


@dataclass(slots=True)
class Tally:
    """What came over one association, for its log line; counted in the metrics too, as it comes."""

    label: str  # of the peer, in the metrics
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    bytes: int = 0
    _counted: dict[Outcome, tuple[Counted, Counted]] = field(default_factory=dict)

    def add(self, outcome: Outcome, size: int) -> None:
        """One instance."""
        self.outcomes[outcome] += 1
        self.bytes += size
        counted = self._counted.get(outcome)
        if counted is None:
            instances = metrics.INSTANCES.labels(self.label, outcome.value)
            counted = self._counted[outcome] = instances, metrics.BYTES.labels(self.label)
        counted[0].inc()
        counted[1].inc(size)

    @property
    def failed(self) -> int:
        """Instances that were not kept."""
        return sum(count for outcome, count in self.outcomes.items() if not outcome.is_kept)


@dataclass(frozen=True, slots=True)
class Established:
    """Whom we speak with, about what, and how to answer.

    A service is called with a request and answers it before it returns. Meanwhile the association is
    its own: one that needs sub-operations (C-GET) sends its requests and reads `messages` for their
    responses, and for a C-CANCEL of its own.
    """

    peer: Peer
    actor: Actor
    address: str
    called: str
    peer_max_pdu: int
    settings: RouterSettings
    door: Door
    messages: Messages
    tally: Tally

    def may(self, action: Action, purpose: Purpose) -> Decision:
        """Ask the policy."""
        return may(self.actor, action, purpose, Subject())

    def look(
        self, action: Action, purpose: Purpose, study_uid: str | None = None, detail: Detail | None = None
    ) -> Look:
        """That this peer asks to see something, for the audit: with the policy's decision."""
        decision = may(self.actor, action, purpose, Subject(study_uid))
        return Look(self.actor, self.address, action, purpose, decision, study_uid, detail or {})

    def stores(self, sop_class_uid: str) -> bool:
        """Whether we take instances of this class from this peer."""
        return sop_class_uid in STORAGE_CLASSES or sop_class_uid in self.peer.private_sop_classes

    def data_set(self, context: Context) -> DataSet:
        """The data set of the request that was just read."""
        return DataSet(self.messages, context, self.settings)

    def answer(self, context: Context, command: bytes, before: bytes = b"") -> None:
        """Send a response that has no data set, and PDUs that come `before` it: one write."""
        self.send(before + p_data(context.number, command, self.peer_max_pdu))

    def send(self, pdus: bytes) -> None:
        """Write PDUs."""
        self.messages.wire.send(pdus, self.settings.stall_s)
