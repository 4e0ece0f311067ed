"""Instance Availability Notification, as SCU (PS3.4 §R): a peer is told what of a study can be retrieved."""

from collections.abc import Mapping, Sequence

import structlog
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from dicom_router.errors import AssociationError, NotTaken
from dicom_router.normalized import N_CREATE_RQ, Request, call
from dicom_router.proposing import Proposal
from dicom_router.requestor import Callee, Calling, request_association
from dicom_router.services.commitment_report import IS_HEARD
from exchange.peers import UnknownPeer
from exchange.registry import PostgresRegistry
from storage.availability import Availability, Available
from storage.elements import EXPLICIT_LITTLE, IMPLICIT_LITTLE

log = structlog.get_logger()

INSTANCE_AVAILABILITY = "1.2.840.10008.5.1.4.33"


def notification(study_uid: str, series: Mapping[str, Sequence[Available]], retrieve_title: str) -> Request:
    """The N-CREATE (PS3.4 Table R.3.2-1). What a rejection note hides is UNAVAILABLE (IHE RAD TF-2 §4.49)."""
    data_set = Dataset()
    data_set.StudyInstanceUID = study_uid
    data_set.ReferencedPerformedProcedureStepSequence = []
    data_set.ReferencedSeriesSequence = [
        _series(uid, instances, retrieve_title) for uid, instances in series.items()
    ]
    return Request(N_CREATE_RQ, INSTANCE_AVAILABILITY, generate_uid(), data_set=data_set)


def _series(uid: str, instances: Sequence[Available], retrieve_title: str) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = uid
    series.RetrieveAETitle = retrieve_title
    series.ReferencedSOPSequence = [_instance(each, retrieve_title) for each in instances]
    return series


def _instance(available: Available, retrieve_title: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = available.sop_class_uid, available.uid
    item.InstanceAvailability = "ONLINE" if available.is_online else "UNAVAILABLE"
    item.RetrieveAETitle = retrieve_title
    return item


def tell_next(
    availability: Availability, registry: PostgresRegistry, calling: Calling, our_title: str
) -> bool:
    """Tell whoever is longest due; False where nobody is. Raises Unavailable."""
    due = availability.claim()
    if due is None:
        return False
    request = notification(due.study_uid, availability.instances(due.study_uid), our_title)
    proposal = Proposal(INSTANCE_AVAILABILITY, (EXPLICIT_LITTLE, IMPLICIT_LITTLE))
    try:
        callee = Callee.of(registry.peer(due.peer_id))
        with request_association(callee, our_title, [proposal], calling) as association:
            if not association.contexts:
                raise NotTaken("the peer takes no Instance Availability Notification")
            status = call(association, request)
    except (AssociationError, UnknownPeer) as error:
        availability.failed(due, str(error))
        log.warning("availability.untold", peer=due.peer_id, because=str(error))
        return True
    if status in IS_HEARD:
        availability.told(due)
    else:
        availability.failed(due, f"the peer answered status {status:04X}")
    return True
