"""C-MOVE to our own router (PS3.4 §C.4.2): the instances arrive there, as the source's own."""

from collections.abc import Sequence

from dicom_router.commands import C_MOVE_RQ
from dicom_router.contexts import STUDY_ROOT_MOVE, UNCOMPRESSED
from dicom_router.proposing import Proposal
from dicom_router.pulling.dimse import (
    MORE,
    DimseSource,
    asked_for,
    context_for,
    data_set_of,
    identifier,
    next_response,
    said_of,
    send,
    write_request,
)
from dicom_router.pulling.source import Take, Wanted
from dicom_router.requestor import Callee, Calling


class MoveSource(DimseSource):
    """A PACS that sends to the AE title which it knows as our router."""

    def __init__(self, callee: Callee, our_title: str, calling: Calling, destination: str) -> None:
        super().__init__(callee, our_title, calling)
        self._destination = destination

    def fetch(self, study_uid: str, wanted: Sequence[Wanted], take: Take) -> str:
        """One C-MOVE a series, or for every hundred instances of one. Nothing comes through `take`."""
        said = []
        with self.association([Proposal(STUDY_ROOT_MOVE, UNCOMPRESSED)]) as association:
            context = context_for(association, STUDY_ROOT_MOVE)
            request = write_request(C_MOVE_RQ, context, destination=self._destination)
            for level, keys in (each for series in wanted for each in asked_for(study_uid, series)):
                send(association, context, request, identifier(context, level, keys))
                while True:
                    where, command = next_response(association, C_MOVE_RQ)
                    if command.has_data_set:
                        data_set_of(association, where).discard()
                    if command.status not in MORE:
                        break
                if command.status:
                    said.append(said_of("C-MOVE", command))
        return "; ".join(dict.fromkeys(said))
