"""Dialogues about C-GET and C-MOVE (PS3.4 §C.4.2, §C.4.3)."""

from pydicom.dataset import Dataset

from conformance.dialogues.dimse_peer import PENDING, SUCCESS, DimsePeer, keys, storage_handler
from conformance.dialogues.verdicts import Dialogue, NotOffered, hold
from dicom_router.contexts import STUDY_ROOT_GET, STUDY_ROOT_MOVE

_UNKNOWN_DESTINATION, _NOT_AUTHORISED = 0xA801, 0x0124


def get(peer: DimsePeer) -> None:
    """An instance, sent over the association that asks for it."""
    example = peer.example()
    asked = keys(
        "IMAGE",
        StudyInstanceUID=example.StudyInstanceUID,
        SeriesInstanceUID=example.SeriesInstanceUID,
        SOPInstanceUID=example.SOPInstanceUID,
    )
    received: list[Dataset] = []
    last = _get(peer, asked, received)
    if last.Status != SUCCESS and not received:
        raise NotOffered(f"status {last.Status:#06x}: the instance may not be given uncompressed")
    hold(last.Status == SUCCESS, f"the last status is {last.Status:#06x}")
    hold([each.SOPInstanceUID for each in received] == [example.SOPInstanceUID], "not the one instance")
    hold(last.get("NumberOfCompletedSuboperations") == 1, "it does not count one completed sub-operation")


def get_nothing(peer: DimsePeer) -> None:
    """What is not there: nothing comes, and no failure is made up."""
    received: list[Dataset] = []
    peer.example()
    last = _get(peer, keys("STUDY", StudyInstanceUID="2.25.1"), received)
    hold(not received, "something comes for an unknown UID")
    hold(last.Status == SUCCESS or last.Status >> 12 in (0xA, 0xC), f"the last status is {last.Status:#06x}")


def _get(peer: DimsePeer, asked: Dataset, received: list[Dataset]) -> Dataset:
    model = STUDY_ROOT_GET
    classes = [model, peer.example().SOPClassUID]
    last = Dataset()
    with peer.association(classes, handlers=[storage_handler(received)], scp=True) as association:
        if model not in {each.abstract_syntax for each in association.accepted_contexts}:
            raise NotOffered("C-GET is not taken")
        for status, _identifier in association.send_c_get(asked, model):
            last = status
    hold("Status" in last, "the association ends before the last answer")
    return last


def move_to_nobody(peer: DimsePeer) -> None:
    """A destination that it does not know: said so, and nothing is sent (PS3.4 Table C.4-2)."""
    model = STUDY_ROOT_MOVE
    asked = keys("STUDY", StudyInstanceUID=peer.example().StudyInstanceUID)
    statuses = []
    with peer.association([model]) as association:
        for status, _identifier in association.send_c_move(asked, "NOBODY-HERE", model):
            statuses.append(int(status.Status) if "Status" in status else -1)
    hold(statuses and statuses[-1] not in PENDING, "no last answer")
    if statuses[-1] == _NOT_AUTHORISED:
        raise NotOffered("not authorised")
    hold(statuses[-1] == _UNKNOWN_DESTINATION, f"the last status is {statuses[-1]:#06x}")


FETCHING = (
    Dialogue("C-GET of an instance", "PS3.4 §C.4.3", get),
    Dialogue("C-GET of nothing", "PS3.4 §C.4.3", get_nothing),
    Dialogue("C-MOVE to a destination unknown", "PS3.4 Table C.4-2", move_to_nobody),
)
