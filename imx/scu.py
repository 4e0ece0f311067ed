"""Send files to a DICOM peer by C-STORE (PS3.4 §B.2), on associations of ours.

A file goes out as it is: its data set is read in pieces, never decoded or converted, and offered in its own
transfer syntax only.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pynetdicom.status import STORAGE_SERVICE_CLASS_STATUS

from dicom_router.commands import C_STORE_RQ, RESPONSE, write_store_request
from dicom_router.contexts import Context
from dicom_router.errors import AbortReason, AssociationError, ProtocolBroken
from dicom_router.negotiation import CONTEXT_LIMIT
from dicom_router.pdus import data_pdus, p_data
from dicom_router.proposing import Proposal
from dicom_router.requestor import Callee, Calling, Requested, request_association
from dicom_router.settings import CallingSettings
from dicom_router.storing import BLOCK_BYTES
from dicom_router.tls.client import Expected, TlsClient
from imx.destination import Destination
from imx.part10 import Part10

#: A file, and what stands before its data set.
File = tuple[Path, Part10]


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one file: the peer's status (PS3.7 §C, PS3.4 §B.2.3), or why there is none."""

    path: Path
    head: Part10
    status: int | None
    because: str = ""
    digest: str = ""  # SHA-256 of the data set as it went over the wire

    @property
    def is_kept(self) -> bool:
        """The peer answers for it: a success, or a warning (PS3.7 §C.2, §C.3)."""
        return self.status is not None and (self.status == 0 or self.status >> 12 == 0xB)

    @property
    def meaning(self) -> str:
        """The status in words, and what the peer or we said of it."""
        if self.status is None:
            return self.because
        category, text = STORAGE_SERVICE_CLASS_STATUS.get(self.status, ("Unknown", ""))
        said = f"{category}: {text}" if text else category
        return f"{said} ({self.because})" if self.because else said


TIMERS = CallingSettings()


def send(
    files: Sequence[File],
    to: Destination,
    our_title: str,
    tls: TlsClient | None = None,
    timers: CallingSettings = TIMERS,
) -> Iterator[Sent]:
    """Send each file once, in one association or, beyond 128 kinds, several. Yields as they are answered.

    An association that the peer ends is followed by another for the files not yet tried; what was
    on its way is reported and not sent again. With `tls` the peer's certificate must name its host.
    """
    proof = Expected(frozenset({to.host})) if tls else None
    callee = Callee(to.ae_title, to.host, to.port, proof)
    calling = Calling(settings=timers, tls=tls or TlsClient())
    for batch in batches(files):
        waiting = batch
        while waiting:
            tried = 0
            for sent in _send_in_one(waiting, callee, our_title, calling):
                tried += 1
                yield sent
            waiting = waiting[tried:]


def batches(files: Sequence[File]) -> list[list[File]]:
    """The files in as few associations as their kinds need (PS3.8 §9.3.2), in their order."""
    kinds: dict[tuple[str, str], int] = {}
    for _, head in files:
        kinds.setdefault((head.sop_class_uid, head.transfer_syntax_uid), len(kinds))
    found: dict[int, list[File]] = {}
    for path, head in files:
        number = kinds[(head.sop_class_uid, head.transfer_syntax_uid)] // CONTEXT_LIMIT
        found.setdefault(number, []).append((path, head))
    return [found[number] for number in sorted(found)]


def _send_in_one(files: Sequence[File], to: Callee, our_title: str, calling: Calling) -> Iterator[Sent]:
    """Send until done, or until the association ends; at least one file is accounted for."""
    kinds = dict.fromkeys((head.sop_class_uid, head.transfer_syntax_uid) for _, head in files)
    proposals = [Proposal(sop_class, (syntax,)) for sop_class, syntax in kinds]
    try:
        association = request_association(to, our_title, proposals, calling)
    except AssociationError as error:
        yield from (Sent(path, head, None, f"cannot reach {to}: {error}") for path, head in files)
        return
    taken = {(each.abstract_syntax, each.transfer_syntax): each for each in association.contexts.values()}
    is_whole = False
    try:
        for path, head in files:
            sent = _store(association, taken, path, head)
            yield sent
            if sent.status is None and (head.sop_class_uid, head.transfer_syntax_uid) in taken:
                return  # half sent, or ended: nothing can follow
        is_whole = True
    finally:
        if is_whole:
            association.release()
        else:
            association.abort()


def _store(
    association: Requested, taken: Mapping[tuple[str, str], Context], path: Path, head: Part10
) -> Sent:
    context = taken.get((head.sop_class_uid, head.transfer_syntax_uid))
    if context is None:
        return Sent(path, head, None, "the peer does not take this SOP class in this transfer syntax")
    number, room = context.number, association.peer_max_pdu
    message_id = association.next_message_id()
    request = write_store_request(message_id, head.sop_class_uid, head.sop_instance_uid)
    pieces = [p_data(number, request, room)]
    digest = hashlib.sha256()
    try:
        for block, is_last in _blocks(path, head.data_set_at):
            digest.update(block)
            association.send([*pieces, *data_pdus(number, block, room, is_last=is_last)])
            pieces = []
        _, answer = association.response(message_id)
        if answer.field != C_STORE_RQ | RESPONSE or answer.status is None:
            raise ProtocolBroken(AbortReason.UNEXPECTED_PARAMETER, "not a response to a C-STORE")
    except OSError as error:
        return Sent(path, head, None, f"could not be read ({error.strerror or type(error).__name__})")
    except AssociationError as error:
        return Sent(path, head, None, str(error))
    return Sent(path, head, answer.status, answer.comment, digest.hexdigest())


def _blocks(path: Path, start: int) -> Iterator[tuple[bytes, bool]]:
    """The data set in parts, and whether each is the last."""
    with path.open("rb") as file:
        file.seek(start)
        block = file.read(BLOCK_BYTES)
        while True:
            following = file.read(BLOCK_BYTES)
            yield block, not following
            if not following:
                return
            block = following
