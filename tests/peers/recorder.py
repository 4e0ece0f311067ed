"""A proxy between a sender and the service that notes what went over the wire, byte for byte.

It reads PDUs (PS3.8 §9.3) on its own: neither ours nor pynetdicom's reading of them is trusted here.
"""

import contextlib
import hashlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO

from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

_ASSOCIATE_AC, _P_DATA = 0x02, 0x04
_C_STORE_RQ, _C_STORE_RSP = 0x0001, 0x8001


@dataclass
class Recorded:
    """One C-STORE, as it was sent and answered."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    sha256: str = ""
    size: int = 0
    status: int | None = None  # None while the answer is awaited, or when none came
    comment: str = ""


@dataclass
class Recorder:
    """Listens on its own port, and passes everything on to the service as it comes."""

    to_port: int
    records: list[Recorded] = field(default_factory=list)
    port: int = 0

    def __enter__(self) -> "Recorder":
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=50)
        self.port = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # shut down
            while True:
                sender, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(sender,), daemon=True).start()

    def _carry(self, sender: socket.socket) -> None:
        with sender, socket.create_connection(("127.0.0.1", self.to_port)) as service:
            conversation = _Conversation(self.records)
            for each in (sender, service):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=_relay, args=(service, sender, _Pdus(conversation.hear_service)))
            back.start()
            _relay(sender, service, _Pdus(conversation.hear_sender))
            back.join()


def _relay(one: socket.socket, other: socket.socket, pdus: "_Pdus") -> None:
    with contextlib.suppress(OSError):
        while chunk := one.recv(1 << 18):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # or the sender waits 40 ms a message
            pdus.feed(chunk)  # noted before it is passed on: an answer never overtakes its request
            other.sendall(chunk)
    with contextlib.suppress(OSError):
        other.shutdown(socket.SHUT_WR)


class _Pdus:
    """A stream of bytes as whole PDUs."""

    def __init__(self, hear: Callable[[int, bytes], None]) -> None:
        self._hear = hear
        self._held = bytearray()

    def feed(self, chunk: bytes) -> None:
        self._held += chunk
        while len(self._held) >= 6:
            kind, length = struct.unpack(">BxL", self._held[:6])
            if len(self._held) < 6 + length:
                return
            self._hear(kind, bytes(self._held[6 : 6 + length]))
            del self._held[: 6 + length]


class _Conversation:
    """One association: its contexts, and the C-STORE that is under way."""

    def __init__(self, records: list[Recorded]) -> None:
        self._records = records
        self._syntaxes: dict[int, str] = {}
        self._awaiting: dict[int, Recorded] = {}  # by Message ID
        self._command = bytearray()
        self._answer = bytearray()
        self._current: Recorded | None = None
        self._digest = hashlib.sha256()

    def hear_sender(self, kind: int, body: bytes) -> None:
        if kind == _P_DATA:
            for context_id, control, fragment in _pdvs(body):
                if control & 1:
                    self._command += fragment
                    if control & 2:
                        self._begin(context_id)
                elif self._current is not None:
                    self._digest.update(fragment)
                    self._current.size += len(fragment)
                    if control & 2:
                        self._current.sha256 = self._digest.hexdigest()
                        self._current = None

    def hear_service(self, kind: int, body: bytes) -> None:
        if kind == _ASSOCIATE_AC:
            self._syntaxes = dict(_accepted(body))
        elif kind == _P_DATA:
            for _, control, fragment in _pdvs(body):
                self._answer += fragment
                if control & 2:
                    self._end()

    def _begin(self, context_id: int) -> None:
        command = _command_set(self._command)
        self._command.clear()
        if command.CommandField == _C_STORE_RQ:
            self._digest = hashlib.sha256()
            self._current = Recorded(
                sop_class_uid=str(command.AffectedSOPClassUID),
                sop_instance_uid=str(command.AffectedSOPInstanceUID),
                transfer_syntax_uid=self._syntaxes[context_id],
            )
            self._awaiting[command.MessageID] = self._current
            self._records.append(self._current)

    def _end(self) -> None:
        answer = _command_set(self._answer)
        self._answer.clear()
        if answer.CommandField == _C_STORE_RSP:
            record = self._awaiting.pop(answer.MessageIDBeingRespondedTo)
            record.status = int(answer.Status)
            record.comment = str(answer.get("ErrorComment", ""))


def _command_set(encoded: bytearray) -> Dataset:
    """PS3.7 §6.3.1: always Implicit VR Little Endian."""
    return read_dataset(BytesIO(bytes(encoded)), is_implicit_VR=True, is_little_endian=True)


def _pdvs(body: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Presentation context, message control header, fragment (PS3.8 §9.3.5.1)."""
    at = 0
    while at < len(body):
        length, context_id, control = struct.unpack(">LBB", body[at : at + 6])
        yield context_id, control, body[at + 6 : at + 4 + length]
        at += 4 + length


def _accepted(body: bytes) -> Iterator[tuple[int, str]]:
    """The transfer syntax of each accepted context (PS3.8 §9.3.3.2)."""
    at = 68
    while at < len(body):
        kind, length = struct.unpack(">BxH", body[at : at + 4])
        item = body[at + 4 : at + 4 + length]
        if kind == 0x21 and item[2] == 0:
            yield item[0], item[8:].decode("ascii").strip("\0 ")
        at += 4 + length
