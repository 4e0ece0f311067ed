"""A DICOM peer, by C-STORE (PS3.4 §B) on an association that is kept while there is work."""

from collections.abc import Iterator, Sequence

from pynetdicom.status import STORAGE_SERVICE_CLASS_STATUS

from dicom_router.contexts import STUDY_ROOT_FIND, UNCOMPRESSED
from dicom_router.data_sets import text_of
from dicom_router.deliveries.destinations.port import CutOff, NotReached, Sent
from dicom_router.errors import AssociationError
from dicom_router.negotiation import CONTEXT_LIMIT
from dicom_router.proposing import Proposal, proposals_for
from dicom_router.pulling.dimse import DimseSource, find
from dicom_router.pulling.errors import PullError
from dicom_router.requestor import Callee, Calling, Requested, request_association
from dicom_router.sender import PLAINLY, RequestedLane, never
from dicom_router.storing import BrokenOff, Reader, by_class, store_all
from dicom_router.storing import Sent as Stored
from storage.leaving import Leaving


class DimseDestination:
    """See Destination. One association at a time: the next call goes on with it, where it offers enough."""

    def __init__(self, callee: Callee, our_title: str, reader: Reader, calling: Calling) -> None:
        self._callee = callee
        self._our_title = our_title
        self._reader = reader
        self._calling = calling
        self._association: Requested | None = None
        self._proposed: tuple[Proposal, ...] = ()

    def send(self, instances: Sequence[Leaving]) -> Iterator[Sent]:
        """See Destination.send."""
        for proposals, group in groups(instances):
            left = group
            while left:
                settled = 0
                for sent in self._send(left, proposals):
                    settled += 1
                    yield sent
                left = left[settled:]

    def holds(self, instances: Sequence[Leaving]) -> frozenset[str]:
        """See Destination.holds. One C-FIND at the level of instances for each series (PS3.4 §C.6.2)."""
        series = dict.fromkeys((each.stored.study_uid, each.stored.series_uid) for each in instances)
        asking = DimseSource(self._callee, self._our_title, self._calling)
        found: set[str] = set()
        try:
            with asking.association([Proposal(STUDY_ROOT_FIND, UNCOMPRESSED)]) as association:
                for study_uid, series_uid in series:
                    keys = {"0020000D": study_uid, "0020000E": series_uid, "00080018": ""}
                    found.update(text_of(match, "00080018") for match in find(association, "IMAGE", keys))
        except PullError as error:
            raise NotReached(f"it cannot be asked what it holds: {error}") from error
        return frozenset(found)

    def close(self) -> None:
        """See Destination.close."""
        if self._association is not None:
            self._association.release()
            self._association = None

    def _send(self, instances: Sequence[Leaving], proposals: tuple[Proposal, ...]) -> Iterator[Sent]:
        """On one association, as far as it goes: at least one is answered for, or it raises."""
        is_kept_one = self._association is not None and set(proposals) <= set(self._proposed)
        association = self._associated(proposals)
        contexts = by_class(association.contexts.values())
        if any(not each.is_as_stored for each in instances):
            wishes = {each.transfer_syntax for each in instances}
            contexts = by_class(
                context for context in association.contexts.values() if context.transfer_syntax in wishes
            )
        settled = 0
        try:
            for sent in store_all(
                RequestedLane(association), instances, contexts, self._reader, PLAINLY, never
            ):
                settled += 1
                yield answer_of(sent)
        except BrokenOff as error:
            self._drop()
            yield answer_of(error.sent)
        except AssociationError as error:
            self._drop()
            if settled or not is_kept_one:
                raise CutOff(str(error)) from error
            # The peer had closed it since it was last used.
            yield from self._send(instances, proposals)

    def _associated(self, proposals: tuple[Proposal, ...]) -> Requested:
        if self._association is not None:
            if set(proposals) <= set(self._proposed):
                return self._association
            self.close()
            both = tuple(dict.fromkeys((*self._proposed, *proposals)))
            proposals = both if len(both) <= CONTEXT_LIMIT else proposals
        try:
            self._association = request_association(self._callee, self._our_title, proposals, self._calling)
        except AssociationError as error:
            raise NotReached(str(error)) from error
        self._proposed = proposals
        return self._association

    def _drop(self) -> None:
        if self._association is not None:
            self._association.abort()
            self._association = None


def groups(instances: Sequence[Leaving]) -> Iterator[tuple[tuple[Proposal, ...], list[Leaving]]]:
    """What is proposed for which instances: those that are to leave in another syntax are offered in no
    other."""
    wishes: dict[str | None, list[Leaving]] = {}
    for each in instances:
        wish = None if each.is_as_stored else each.transfer_syntax
        wishes.setdefault(wish, []).append(each)
    for wish, wishing in wishes.items():
        if wish is not None:
            classes = list(dict.fromkeys(each.stored.sop_class for each in wishing))
            for start in range(0, len(classes), CONTEXT_LIMIT):
                some = classes[start : start + CONTEXT_LIMIT]
                proposals = tuple(Proposal(sop_class, (wish,)) for sop_class in some)
                yield proposals, [each for each in wishing if each.stored.sop_class in some]
            continue
        kinds = [(each.stored.sop_class, each.stored.transfer_syntax) for each in wishing]
        for proposals in proposals_for(kinds):
            offered = {(each.abstract_syntax, each.transfer_syntaxes[0]) for each in proposals}
            yield proposals, [each for each, kind in zip(wishing, kinds, strict=True) if kind in offered]


def answer_of(sent: Stored) -> Sent:
    """A peer's status as ours (PS3.4 §B.2.3, PS3.7 §C)."""
    return Sent(sent.uid, sent.is_kept, _words(sent), is_ill=sent.status is not None and _is_ill(sent.status))


def _is_ill(status: int) -> bool:
    """Out of resources; not authorised: whatever we send."""
    return status >> 8 == 0xA7 or status == 0x0124


def _words(sent: Stored) -> str:
    if sent.status is None or sent.status == 0:
        return sent.because
    category, text = STORAGE_SERVICE_CLASS_STATUS.get(sent.status, ("Unknown", ""))
    said = f"0x{sent.status:04X} {category}" + (f": {text}" if text else "")
    return f"{said} ({sent.because})" if sent.because else said
