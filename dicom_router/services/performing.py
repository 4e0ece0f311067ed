"""Modality Performed Procedure Step (PS3.4 §F.7): N-CREATE and N-SET."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from pydicom.uid import generate_uid

from dicom_router.commands import Command
from dicom_router.contexts import Context
from dicom_router.data_sets import Members, items_of, text_of
from dicom_router.errors import AssociationError
from dicom_router.established import Established
from dicom_router.faults import without_values
from dicom_router.normalized import N_CREATE_RQ, N_SET_RQ, Refused, Response, answer, take_data_set
from dicom_router.services.table import Services
from dicom_router.statuses import (
    MISSING_ATTRIBUTE,
    MISSING_ATTRIBUTE_VALUE,
    NO_SUCH_OBJECT_INSTANCE,
    NOT_AUTHORIZED,
    PROCESSING_FAILURE,
    RESOURCE_LIMITATION,
)
from exchange.performed import Duplicate, Final, NoSuchStep, PostgresPerformed, Said, State
from exchange.policy import Action, Purpose
from storage.errors import Unavailable

log = structlog.get_logger()

PERFORMED_STEP = "1.2.840.10008.3.1.2.3.3"

#: PS3.7 §C.5.8, §C.5.6.
DUPLICATE_SOP_INSTANCE = 0x0111
INVALID_ATTRIBUTE_VALUE = 0x0106

#: "Performed Procedure Step Object may no longer be updated" (PS3.4 Table F.7.2-2).
NO_LONGER_UPDATED = 0xA710

_STATUS = "00400252"
_SCHEDULED = "00400270"


def services(performed: PostgresPerformed) -> Services:
    """MPPS, from the modalities that may report performed steps."""
    return {
        PERFORMED_STEP: {
            N_CREATE_RQ: _Performing(performed, _create),
            N_SET_RQ: _Performing(performed, _set),
        }
    }


@dataclass(frozen=True, slots=True)
class _Performing:
    performed: PostgresPerformed
    handle: Callable[[PostgresPerformed, Established, Command, Members], Response]

    def __call__(self, association: Established, context: Context, command: Command) -> None:
        """Do what is said of a step. The peer hears success only once that is durable."""
        answer(association, context, command, self._response(association, context, command))

    def _response(self, association: Established, context: Context, command: Command) -> Response:
        try:
            members = take_data_set(association, context, command)
            decision = association.may(Action.PERFORM, Purpose.TREATMENT)
            if not decision.allowed:
                raise Refused(NOT_AUTHORIZED, decision.because)
            return self.handle(self.performed, association, command, members)
        except Refused as error:
            return Response.of(error)
        except Unavailable as error:
            return Response(RESOURCE_LIMITATION, f"try again later: {error}")
        except AssociationError:
            raise
        except Exception as error:
            log.error("performed.fault", error=type(error).__name__, exc_info=without_values(error))
            return Response(PROCESSING_FAILURE, "a fault of this service; its log says more")


def _create(
    performed: PostgresPerformed, association: Established, command: Command, members: Members
) -> Response:
    """A step begins: its status is IN PROGRESS, and no other (PS3.4 §F.7.2.1.2)."""
    if _state(members) is not State.IN_PROGRESS:
        if _STATUS not in members:
            raise Refused(MISSING_ATTRIBUTE, "no Performed Procedure Step Status (0040,0252)")
        if not text_of(members, _STATUS):
            raise Refused(MISSING_ATTRIBUTE_VALUE, "Performed Procedure Step Status (0040,0252) is empty")
        raise Refused(INVALID_ATTRIBUTE_VALUE, "a step is created IN PROGRESS (0040,0252)")
    uid = command.sop_instance_uid or str(generate_uid(prefix=None))
    peer = association.peer
    said = said_in(members, association.actor.issuer or peer.issuer)
    try:
        belongs = performed.create(uid, peer.trust.ods_code, peer.ae_title, members, said)
    except Duplicate:
        raise Refused(DUPLICATE_SOP_INSTANCE, "a step by that UID is known already") from None
    log.info("performed.created", peer=peer.ae_title, scheduled=belongs.order_id is not None)
    return Response(sop_instance_uid=uid)


def _set(
    performed: PostgresPerformed, association: Established, command: Command, members: Members
) -> Response:
    """What is said more of a step, until it is completed or discontinued (PS3.4 §F.7.2.2.2)."""
    state = _state(members)
    if state is None and text_of(members, _STATUS):
        raise Refused(INVALID_ATTRIBUTE_VALUE, "no Performed Procedure Step Status (0040,0252)")
    reasons = [text_of(item, "00080100") for item in items_of(members, "00400281")]
    trust = association.peer.trust.ods_code
    try:
        after = performed.change(command.sop_instance_uid, trust, members, state, (reasons or [""])[0])
    except NoSuchStep:
        raise Refused(NO_SUCH_OBJECT_INSTANCE, "no step by that UID") from None
    except Final:
        raise Refused(PROCESSING_FAILURE, "the step may no longer be updated", NO_LONGER_UPDATED) from None
    log.info("performed.set", peer=association.peer.ae_title, state=after.value)
    return Response()


def _state(members: Members) -> State | None:
    try:
        return State(text_of(members, _STATUS))
    except ValueError:
        return None


def said_in(members: Members, issuer: str) -> Said:
    """Of which order a step says it is: by its Scheduled Step Attributes Sequence (0040,0270). A bare Patient
    ID is the peer's own."""
    scheduled = items_of(members, _SCHEDULED)

    def each(tag: str) -> frozenset[str]:
        return frozenset(text for item in scheduled if (text := text_of(item, tag).strip()))

    return Said(
        study_uids=each("0020000D"),
        accessions=each("00080050"),
        steps=each("00400009"),
        identifier=text_of(members, "00100020").strip(),
        issuer=text_of(members, "00100021").strip() or issuer,
        birth_date=text_of(members, "00100030").strip(),
    )
