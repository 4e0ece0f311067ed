"""Send instances to a DICOM peer: a C-STORE SCU (PS3.4 §B.2) on pynetdicom.

A file goes out as it is: its data set is read in pieces, never decoded or converted, and offered
in its own transfer syntax only.
"""

import hashlib
import queue
import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pynetdicom import AE, _config, evt
from pynetdicom.association import Association
from pynetdicom.pdu import P_DATA_TF
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.status import STORAGE_SERVICE_CLASS_STATUS

from imx.destination import Destination
from imx.part10 import Part10

#: Presentation context IDs are the odd numbers of one byte (PS3.8 §9.3.2.2).
CONTEXT_LIMIT = 128

CONNECT_LIMIT_S = 15.0
ANSWER_LIMIT_S = 600.0  # a peer may flush a large object before it answers
STALL_LIMIT_S = 60.0  # a peer that takes no byte for so long has gone
PIECES_AHEAD = 32  # PDUs read from the file before the network has taken them


class PeerStalled(Exception):
    """The peer has stopped taking bytes."""


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


def send(
    files: Sequence[tuple[Path, Part10]],
    to: Destination,
    calling: str,
    tls: ssl.SSLContext | None = None,
) -> Iterator[Sent]:
    """Send each file once, in one association or, beyond 128 kinds, several. Yields as they are answered.

    An association that the peer ends is followed by another for the files not yet tried; what was
    on its way is reported and not sent again.
    """
    _config.STORE_SEND_CHUNKED_DATASET = True  # pynetdicom: files are read in pieces, and never converted
    for batch in batches(files):
        waiting = batch
        while waiting:
            tried = 0
            for sent in _send_in_one(waiting, to, calling, tls):
                tried += 1
                yield sent
            waiting = waiting[tried:]


def batches(files: Sequence[tuple[Path, Part10]]) -> list[list[tuple[Path, Part10]]]:
    """The files in as few associations as their kinds need (PS3.8 §9.3.2), in their order."""
    kinds: dict[tuple[str, str], int] = {}
    for _, head in files:
        kinds.setdefault((head.sop_class_uid, head.transfer_syntax_uid), len(kinds))
    found: dict[int, list[tuple[Path, Part10]]] = {}
    for path, head in files:
        number = kinds[(head.sop_class_uid, head.transfer_syntax_uid)] // CONTEXT_LIMIT
        found.setdefault(number, []).append((path, head))
    return [found[number] for number in sorted(found)]


def _send_in_one(
    files: Sequence[tuple[Path, Part10]], to: Destination, calling: str, tls: ssl.SSLContext | None
) -> Iterator[Sent]:
    """Send until done, or until the association ends; at least one file is accounted for."""
    wire = _Wire()
    try:
        association = _associate(files, to, calling, tls, wire)
    except (ValueError, OSError) as error:
        yield from (Sent(path, head, None, f"cannot reach {to}: {_words(error)}") for path, head in files)
        return
    if not association.is_established:
        yield from (Sent(path, head, None, _why_not(association, to)) for path, head in files)
        return
    association.dul.to_provider_queue = _Lane(association)
    _leave_answers_alone(association)
    taken = {
        (context.abstract_syntax, context.transfer_syntax[0]) for context in association.accepted_contexts
    }
    done = False
    try:
        for number, (path, head) in enumerate(files):
            if (head.sop_class_uid, head.transfer_syntax_uid) not in taken:
                yield Sent(path, head, None, "the peer does not take this SOP class in this transfer syntax")
                continue
            sent = _store(association, path, head, number % 0xFFFF + 1, wire)
            yield sent
            if sent.status is None:  # half sent, or ended: nothing can follow
                return
        done = True
    finally:
        if done:
            association.release()
        else:
            association.abort()


def _leave_answers_alone(association: Association) -> None:
    """Nobody but `send_c_store` takes messages.

    pynetdicom's reactor looks for requests of the peer, of which there are none, and on a busy machine may
    take the answer that `send_c_store` waits for: its pause is a flag that it can have read a moment before.
    """
    take = association.dimse.get_msg

    def get_msg(block: bool = False) -> tuple[Any, Any]:
        return take(block) if block else (None, None)

    association.dimse.get_msg = get_msg  # type: ignore[method-assign]


def _store(association: Association, path: Path, head: Part10, message_id: int, wire: "_Wire") -> Sent:
    wire.start()
    try:
        answer = association.send_c_store(path, msg_id=message_id)
    except PeerStalled:
        if association.dul.socket is not None:
            association.dul.socket.close()  # wakes the thread that waits to send
        return Sent(path, head, None, f"the peer took nothing for {STALL_LIMIT_S:.0f} seconds")
    except (OSError, ValueError, AttributeError, RuntimeError) as error:
        return Sent(path, head, None, f"could not be sent ({type(error).__name__})")
    status = answer.get("Status")
    if status is None:
        return Sent(path, head, None, "the association ended without an answer")
    return Sent(path, head, int(status), str(answer.get("ErrorComment", "")), wire.digest())


def _associate(
    files: Sequence[tuple[Path, Part10]],
    to: Destination,
    calling: str,
    tls: ssl.SSLContext | None,
    wire: "_Wire",
) -> Association:
    ae = AE(ae_title=calling)
    ae.connection_timeout = ae.acse_timeout = CONNECT_LIMIT_S
    ae.dimse_timeout = ae.network_timeout = ANSWER_LIMIT_S
    kinds = dict.fromkeys((head.sop_class_uid, head.transfer_syntax_uid) for _, head in files)
    contexts: list[PresentationContext] = [build_context(*kind) for kind in kinds]
    return ae.associate(
        to.host,
        to.port,
        contexts=contexts,
        ae_title=to.ae_title,
        tls_args=(tls, to.host) if tls else None,
        evt_handlers=[(evt.EVT_CONN_OPEN, _no_delay), (evt.EVT_PDU_SENT, wire.on_pdu)],
    )


def _why_not(association: Association, to: Destination) -> str:
    answer = association.acceptor.primitive
    if association.is_rejected and answer is not None:
        return f"{to} rejected the association: {answer.reason_str} ({answer.result_str})"
    if association.is_aborted and answer is None:
        return f"cannot reach {to}: no connection, or it was closed at once"
    if association.is_aborted:
        return f"{to} aborted the association"
    return f"{to} took none of the kinds of object offered"


def _words(error: ValueError | OSError) -> str:
    return getattr(error, "strerror", None) or str(error)


def _no_delay(event: evt.Event) -> None:
    """Without it, each message waits 40 ms for the peer's delayed acknowledgement."""
    transport = event.assoc.dul.socket
    if transport is not None and transport.socket is not None:
        transport.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class _Wire:
    """Digests the data set fragments as they leave; bit 0 of a control header marks commands (PS3.8 §E.2)."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        self._sha = hashlib.sha256()

    def on_pdu(self, event: evt.Event) -> None:
        if isinstance(event.pdu, P_DATA_TF):
            for item in event.pdu.presentation_data_value_items:
                value = item.presentation_data_value
                if value and not value[0] & 1:
                    self._sha.update(memoryview(value)[1:])

    def digest(self) -> str:
        return self._sha.hexdigest()


class _Lane(queue.Queue[Any]):
    """What waits for the network: a few PDUs. pynetdicom's own queue would take in a whole file at once."""

    def __init__(self, association: Association) -> None:
        super().__init__(PIECES_AHEAD)
        self._network = association.dul

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        if not isinstance(item, P_DATA):
            with self.mutex:  # an abort or a release never waits
                self._put(item)
                self.unfinished_tasks += 1
                self.not_empty.notify()
            return
        waited_s = 0.0
        while self._network.is_alive():
            try:
                super().put(item, timeout=0.5)
                return
            except queue.Full:
                waited_s += 0.5
                if waited_s >= STALL_LIMIT_S:
                    raise PeerStalled from None
