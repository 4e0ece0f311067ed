"""C-GET (PS3.4 §C.4.3): instances come on the association on which they were asked for, into the door."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from dicom_router.acceptance import Roles
from dicom_router.commands import C_GET_RQ, C_STORE_RQ, RESPONSE, Command, write_response
from dicom_router.contexts import (
    LOSSLESS,
    LOSSY,
    STORAGE_CLASSES,
    STUDY_ROOT_GET,
    TRANSFER_SYNTAXES,
    UNCOMPRESSED,
    Context,
)
from dicom_router.errors import AbortReason, ProtocolBroken
from dicom_router.negotiation import CONTEXT_LIMIT
from dicom_router.proposing import Proposal
from dicom_router.pulling.dimse import (
    MORE,
    DimseSource,
    asked_for,
    context_for,
    data_set_of,
    identifier,
    next_message,
    said_of,
    send,
    write_request,
)
from dicom_router.pulling.source import Take, Wanted
from dicom_router.requestor import Requested
from storage.errors import ArchiveError, Unavailable
from storage.ingest import Incoming
from storage.receipt import STORE_STATUS, outcome_of

#: Contexts that are left for storage classes once C-GET has its own.
_ROOM = CONTEXT_LIMIT - 1

#: Where a class is proposed on the chance that it is there: the source chooses one syntax of each group.
#: DCMTK refuses an association with more than fifty in one context.
_GUESSES = (UNCOMPRESSED, LOSSLESS + LOSSY)

#: A class with a context for each syntax has its objects sent as they are; so many classes fit.
_CLASSES_AT_ONCE = _ROOM // len(TRANSFER_SYNTAXES)


class GetSource(DimseSource):
    """A PACS that gives what it has on our own association."""

    def fetch(self, study_uid: str, wanted: Sequence[Wanted], take: Take) -> str:
        """An association for each few SOP classes; every storage class in turn where none is named."""
        came: set[str] = set()
        said: list[str] = []
        for classes, proposed in batches(wanted):
            left = [part for series in wanted if (part := left_of(series, classes, came))]
            if not left:
                continue
            proposals = [Proposal(STUDY_ROOT_GET, UNCOMPRESSED), *proposed]
            with self.association(proposals, _as_scp(classes)) as association:
                context = context_for(association, STUDY_ROOT_GET)
                request = write_request(C_GET_RQ, context)
                for level, keys in (each for series in left for each in asked_for(study_uid, series)):
                    send(association, context, request, identifier(context, level, keys))
                    ended = _receive(association, take, came)
                    if ended.status:
                        said.append(said_of("C-GET", ended))
        return "; ".join(dict.fromkeys(said))


def batches(wanted: Sequence[Wanted]) -> Iterator[tuple[frozenset[str], list[Proposal]]]:
    """SOP classes that fit one association, and what is proposed for them (PS3.8 §9.3.2)."""
    known = {instance.sop_class for series in wanted for instance in series.instances}
    is_told = bool(known) and "" not in known and all(series.instances for series in wanted)
    if is_told:
        named = sorted(known)
        for start in range(0, len(named), _CLASSES_AT_ONCE):
            some = named[start : start + _CLASSES_AT_ONCE]
            yield (
                frozenset(some),
                [Proposal(uid, (syntax,)) for uid in some for syntax in TRANSFER_SYNTAXES],
            )
        return
    everything = sorted(STORAGE_CLASSES | known - {""})
    size = _ROOM // len(_GUESSES)
    for start in range(0, len(everything), size):
        some = everything[start : start + size]
        yield (
            frozenset(some),
            [Proposal(uid, syntaxes) for uid in some for syntaxes in _GUESSES],
        )


def _as_scp(classes: Iterable[str]) -> Roles:
    """We serve: the source sends on what it was asked on (PS3.4 §C.5.3.1)."""
    return dict.fromkeys(sorted(classes), (False, True))


def left_of(series: Wanted, classes: frozenset[str], came: set[str]) -> Wanted | None:
    """What is asked for of a series on an association for these classes; None where nothing is."""
    left = tuple(
        each
        for each in series.instances
        if each.uid not in came and (not each.sop_class or each.sop_class in classes)
    )
    if series.instances and not left:
        return None
    return replace(series, instances=left, is_whole=series.is_whole and len(left) == len(series.instances))


def _receive(association: Requested, take: Take, came: set[str]) -> Command:
    """Keep what comes, up to the last response to C-GET."""
    while True:
        where, command = next_message(association)
        if command.field == C_STORE_RQ:
            _keep(association, where, command, take)
            came.add(command.sop_instance_uid)
            continue
        if command.field != C_GET_RQ | RESPONSE:
            raise ProtocolBroken(AbortReason.UNEXPECTED_PARAMETER, "neither a C-STORE nor a C-GET response")
        if command.has_data_set:
            data_set_of(association, where).discard()  # the failed instances: what we hold tells more
        if command.status not in MORE:
            return command


def _keep(association: Requested, context: Context, command: Command, take: Take) -> None:
    """One sub-operation. Raises Unavailable: to go on would fail for every instance."""
    incoming = Incoming(command.sop_class_uid, command.sop_instance_uid, context.transfer_syntax)
    data_set = data_set_of(association, context)
    try:
        receipt = take(incoming, data_set)
        status, because = STORE_STATUS[receipt.outcome], receipt.because
    except Unavailable:
        raise
    except ArchiveError as error:
        status, because = STORE_STATUS[outcome_of(error)], str(error)
    data_set.discard()
    send(association, context, write_response(command, status, because if status else ""))
