"""A peer that writes PDUs byte by byte, so that it can also write wrong ones."""

import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    MaximumLengthNotification,
)
from pynetdicom.presentation import build_context

from dicom_router.commands import split
from dicom_router.errors import Rejection
from dicom_router.pdus import IS_COMMAND, IS_LAST, PduType

CT = "1.2.840.10008.5.1.4.1.1.2"
VERIFICATION = "1.2.840.10008.1.1"
EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"

#: Context 1 is CT, context 3 Verification.
CONTEXTS = ((CT, (EXPLICIT,)), (VERIFICATION, (IMPLICIT,)))


def element(number: int, value: bytes) -> bytes:
    return struct.pack("<HHI", 0, number, len(value)) + value


def uid(text: str) -> bytes:
    return text.encode() + b"\0" * (len(text) % 2)


def command(field: int, message_id: int = 1, data: bool = False, sop: str = "", instance: str = "") -> bytes:
    """A command set, encoded."""
    body = b""
    if sop:
        body += element(0x0002, uid(sop))
    body += element(0x0100, struct.pack("<H", field))
    body += element(0x0110, struct.pack("<H", message_id))
    body += element(0x0700, struct.pack("<H", 0))
    body += element(0x0800, struct.pack("<H", 0x0001 if data else 0x0101))
    if instance:
        body += element(0x1000, uid(instance))
    return element(0x0000, struct.pack("<I", len(body))) + body


def store_command(instance: str = "1.2.3", message_id: int = 1, sop: str = CT, data: bool = True) -> bytes:
    return command(0x0001, message_id, data, sop, instance)


def rejected(rejection: Rejection) -> tuple[int, bytes]:
    """What `RawPeer.read` reads of an A-ASSOCIATE-RJ."""
    return PduType.ASSOCIATE_RJ, bytes([0, *rejection.value])


def pdv(context: int, control: int, piece: bytes) -> bytes:
    return struct.pack(">IBB", len(piece) + 2, context, control) + piece


def pdu(kind: int, body: bytes) -> bytes:
    return struct.pack(">BxI", kind, len(body)) + body


def p_data(*fragments: bytes) -> bytes:
    return pdu(PduType.P_DATA_TF, b"".join(fragments))


def last_command(encoded: bytes, context: int = 1) -> bytes:
    return pdv(context, IS_COMMAND | IS_LAST, encoded)


def last_data(piece: bytes, context: int = 1) -> bytes:
    return pdv(context, IS_LAST, piece)


RELEASE = pdu(PduType.RELEASE_RQ, bytes(4))


def association_request(
    calling: str = "MODALITY",
    called: str = "IMX",
    contexts: Sequence[tuple[str, Sequence[str]]] = CONTEXTS,
    max_pdu: int = 16384,
) -> bytes:
    """An A-ASSOCIATE-RQ PDU."""
    request = A_ASSOCIATE()
    request.application_context_name = "1.2.840.10008.3.1.1.1"
    request.calling_ae_title, request.called_ae_title = calling, called
    proposed = []
    for number, (abstract_syntax, transfer_syntaxes) in enumerate(contexts):
        context = build_context(abstract_syntax, list(transfer_syntaxes))
        context.context_id = 2 * number + 1
        proposed.append(context)
    request.presentation_context_definition_list = proposed
    length, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received = max_pdu
    implementation.implementation_class_uid = "1.2.3.4"
    request.user_information = [length, implementation]
    return A_ASSOCIATE_RQ(request).encode()


class RawPeer:
    """A connection, and what one writes to and reads from it."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()

    def send(self, *data: bytes) -> None:
        self.connection.sendall(b"".join(data))

    def read(self) -> tuple[int, bytes]:
        """One PDU: type and body. (0, b"") when the connection was closed or reset."""
        with suppress(ConnectionError):
            header = self._exactly(6)
            if header:
                kind, length = struct.unpack(">BxI", header)
                return kind, self._exactly(length)
        return 0, b""

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self.connection.recv(count - len(data))
            if not piece:
                return b""
            data += piece
        return data

    def associate(self, **options: object) -> dict[int, tuple[int, str]]:
        """Ask for an association; the contexts: number to (result, transfer syntax)."""
        self.send(association_request(**options))  # type: ignore[arg-type]
        kind, body = self.read()
        assert kind == PduType.ASSOCIATE_AC, (kind, body)
        accept = A_ASSOCIATE_AC()
        accept.decode(pdu(kind, body))
        return {
            context.context_id or 0: (context.result or 0, str(context.transfer_syntax or ""))
            for context in accept.presentation_context
        }

    def answer(self) -> dict[int, bytes]:
        """The elements of the next response; its fragments are put together."""
        encoded, control = b"", 0
        while not control & IS_LAST:
            kind, body = self.read()
            assert kind == PduType.P_DATA_TF, (kind, body)
            length, _context, control = struct.unpack_from(">IBB", body)
            assert length == len(body) - 4
            encoded += body[6:]
        return dict(split(encoded))

    def status(self) -> int:
        """The status of the next response."""
        return int.from_bytes(self.answer()[0x0900], "little")

    def release(self) -> None:
        self.send(RELEASE)
        assert self.read()[0] == PduType.RELEASE_RP
        assert self.read() == (0, b"")

    def store(self, data: bytes, instance: str = "1.2.3") -> int:
        """One C-STORE in the plainest form; its status."""
        self.send(p_data(last_command(store_command(instance))), p_data(last_data(data)))
        return self.status()
