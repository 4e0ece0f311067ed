"""C-STORE (PS3.4 §B, PS3.7 §9.1.1): from the peer's fragments to the archive's door, and its answer back."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from dicom_router.commands import Command, write_response
from dicom_router.contexts import Context
from dicom_router.established import Established
from dicom_router.faults import without_values
from dicom_router.messages import DataSet
from dicom_router.statuses import PROCESSING_FAILURE, SOP_CLASS_NOT_SUPPORTED
from exchange.policy import Action, Purpose
from exchange.registry import DuplicatePolicy
from storage.errors import ArchiveError, Unavailable
from storage.ingest import Incoming
from storage.origin import Origin
from storage.receipt import STORE_STATUS, Outcome, outcome_of

log = structlog.get_logger()

#: Heard for DIFFERENT by a peer whose entry says so: PS3.4 §B.2.3, coercion of data elements.
DIFFERENT_AS_WARNING = 0xB000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a C-STORE comes to."""

    outcome: Outcome
    status: int
    because: str = ""


def status_of(outcome: Outcome, duplicates: DuplicatePolicy) -> int:
    """What a peer with this entry hears of an outcome."""
    if outcome is Outcome.DIFFERENT and duplicates is DuplicatePolicy.WARN:
        return DIFFERENT_AS_WARNING
    return STORE_STATUS[outcome]


def on_store(association: Established, context: Context, command: Command) -> None:
    """Keep one instance. The peer hears what the archive did, and only after it is done."""
    incoming = Incoming(
        sop_class_uid=command.sop_class_uid,
        sop_instance_uid=command.sop_instance_uid,
        transfer_syntax_uid=context.transfer_syntax,
        may_replace=association.peer.duplicates is DuplicatePolicy.REPLACE,
    )
    origin = _origin(association)
    refusal = _refusal(association, command)
    data_set = association.data_set(context)
    if refusal is None:
        verdict = _keep(association, incoming, data_set, origin)
    else:
        verdict = refusal
        if command.has_data_set:
            data_set.discard()
        _turn_away(association, incoming, origin, verdict)
    association.tally.add(verdict.outcome, data_set.received)
    association.answer(
        context, write_response(command, verdict.status, verdict.because if verdict.status else "")
    )


def _refusal(association: Established, command: Command) -> Verdict | None:
    """Why this instance is not even asked for, if so."""
    if not association.stores(command.sop_class_uid):
        return Verdict(Outcome.REFUSED, SOP_CLASS_NOT_SUPPORTED, "not a storage class that is taken here")
    decision = association.may(Action.STORE, Purpose.TREATMENT)
    if not decision.allowed:
        return Verdict(Outcome.REFUSED, STORE_STATUS[Outcome.REFUSED], decision.because)
    if not command.has_data_set:
        return Verdict(Outcome.UNREADABLE, STORE_STATUS[Outcome.UNREADABLE], "a C-STORE without a data set")
    return None


def _keep(association: Established, incoming: Incoming, data_set: DataSet, origin: Origin) -> Verdict:
    try:
        receipt = association.door.accept(incoming, data_set, origin)
    except ArchiveError as error:  # the door has recorded the attempt
        outcome = outcome_of(error)
        verdict = Verdict(outcome, STORE_STATUS[outcome], str(error))
    except Exception as error:
        verdict = _broken_off(data_set, error)
        _turn_away(association, incoming, origin, verdict)
        if data_set.error is not None:
            association.tally.add(verdict.outcome, data_set.received)
            raise data_set.error from None
    else:
        outcome = receipt.outcome
        verdict = Verdict(outcome, status_of(outcome, association.peer.duplicates), receipt.because)
    data_set.discard()
    return verdict


def _broken_off(data_set: DataSet, error: Exception) -> Verdict:
    """Neither kept nor refused. Where the peer failed us, that is why, whatever the door made of it."""
    if data_set.error is not None:
        return Verdict(Outcome.TRY_AGAIN, STORE_STATUS[Outcome.TRY_AGAIN], str(data_set.error))
    log.error("store.fault", error=type(error).__name__, exc_info=without_values(error))
    return Verdict(Outcome.TRY_AGAIN, PROCESSING_FAILURE, "a fault of this service; its log says more")


def _turn_away(association: Established, incoming: Incoming, origin: Origin, verdict: Verdict) -> None:
    """Record an attempt that left nothing; where even that fails, the peer's answer stays the same."""
    with suppress(Unavailable):
        association.door.turn_away(incoming, origin, verdict.outcome, verdict.because)


def _origin(association: Established) -> Origin:
    trust = association.peer.trust
    return Origin(
        peer=association.peer.ae_title,
        trust=trust.ods_code,
        issuer=association.peer.issuer,
        address=association.address,
        called=association.called,
        received_at=datetime.now(UTC),
        trust_issuer=trust.issuer,
    )
