"""Dialogues about C-STORE and storage commitment (PS3.4 §B, §J). They send what we made."""

import threading

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import evt

from conformance.dialogues.dimse_peer import SUCCESS, DimsePeer, keys
from conformance.dialogues.material import Sent, make_study
from conformance.dialogues.verdicts import Dialogue, NotAsked, NotOffered, hold
from dicom_router.services.commitment_report import COMMITMENT_INSTANCE, STORAGE_COMMITMENT

#: How long a report of commitment is waited for on the association that asked.
REPORT_S = 15.0


def store(peer: DimsePeer) -> None:
    """What is answered for is found at once."""
    sent = make_study()
    _send(peer, sent)
    found = peer.matches(keys("STUDY", StudyInstanceUID=sent.study_uid))
    hold(len(found) == 1, "the next query does not find the study")
    peer.sent = sent


def again(peer: DimsePeer) -> None:
    """The same once more is welcome."""
    _send(peer, _sent(peer))
    count = 0
    for series in peer.matches(keys("SERIES", StudyInstanceUID=_sent(peer).study_uid, SeriesInstanceUID="")):
        below = {"StudyInstanceUID": _sent(peer).study_uid, "SeriesInstanceUID": series.SeriesInstanceUID}
        count += len(peer.matches(keys("IMAGE", **below, SOPInstanceUID="")))
    hold(count == len(_sent(peer).instances), f"the study has {count} instances now")


def _send(peer: DimsePeer, sent: Sent) -> None:
    with peer.association(sorted({str(each.SOPClassUID) for each in sent.instances})) as association:
        for each in sent.instances:
            status = association.send_c_store(each)
            hold("Status" in status, "the association ends in the middle")
            hold(status.Status == SUCCESS or status.Status >> 12 == 0xB, f"status {status.Status:#06x}")


def commitment(peer: DimsePeer) -> None:
    """What is kept is answered for, on the association that asks or on one of its own (PS3.4 §J.3)."""
    sent = _sent(peer)
    heard = threading.Event()
    reported: list[Dataset] = []

    def report(event: evt.Event) -> tuple[int, None]:
        reported.append(event.event_information)
        heard.set()
        return SUCCESS, None

    with peer.association([STORAGE_COMMITMENT], handlers=[(evt.EVT_N_EVENT_REPORT, report)]) as association:
        asked = Dataset()
        asked.TransactionUID = generate_uid()
        asked.ReferencedSOPSequence = [_reference(each) for each in sent.instances]
        status, _answer = association.send_n_action(asked, 1, STORAGE_COMMITMENT, COMMITMENT_INSTANCE)
        if "Status" not in status:
            raise NotOffered("it breaks off instead of answering: perhaps we are no peer of its")
        if status.Status == 0x0124:
            raise NotOffered("not authorised: the peer's entry does not let us")
        hold(status.Status == SUCCESS, f"status {status.Status:#06x}")
        if not heard.wait(REPORT_S):
            raise NotOffered("the request is taken; no report comes on the association that asked")
    (first, *_) = reported
    hold(first.TransactionUID == asked.TransactionUID, "a report of another transaction")
    hold(not first.get("FailedSOPSequence"), "what it has just kept it does not commit to")
    hold(len(first.ReferencedSOPSequence) == len(sent.instances), "not all that it has kept is committed to")


def _reference(image: Dataset) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = (
        image.SOPClassUID,
        image.SOPInstanceUID,
    )
    return reference


def _sent(peer: DimsePeer) -> Sent:
    if peer.sent is None:
        raise NotAsked("it kept nothing of ours")
    return peer.sent


SENDING = (
    Dialogue("C-STORE", "PS3.4 §B.2.3", store, writes=True),
    Dialogue("the same again", "PS3.4 §B.2.3", again, writes=True),
    Dialogue("storage commitment", "PS3.4 §J.3", commitment, writes=True),
)
