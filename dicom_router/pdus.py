"""The protocol data units of an association (PS3.8 §9.3): what pynetdicom encodes and decodes, and P-DATA-TF.

P-DATA-TF is ours, because its fragments are passed on as they arrive.
"""

from enum import IntEnum
from struct import Struct

from pynetdicom.pdu import A_ABORT_RQ, A_ASSOCIATE_RJ, A_RELEASE_RP, A_RELEASE_RQ

from dicom_router.errors import AbortReason, Rejection

#: PDU type, reserved, PDU length.
PDU_HEADER = Struct(">BxI")
#: Item length, presentation context, message control header.
PDV_HEADER = Struct(">IBB")
_P_DATA = Struct(">BxIIBB")

#: We send no longer ones, whatever the peer takes: an answer of its own must not wait long behind one.
FRAGMENT_LIMIT = 256 * 1024

Buffer = bytes | memoryview

#: Message control header bits (PS3.8 §E.2). The others are never checked.
IS_COMMAND = 0b01
IS_LAST = 0b10


class PduType(IntEnum):
    """PS3.8 §9.3.1."""

    ASSOCIATE_RQ = 0x01
    ASSOCIATE_AC = 0x02
    ASSOCIATE_RJ = 0x03
    P_DATA_TF = 0x04
    RELEASE_RQ = 0x05
    RELEASE_RP = 0x06
    ABORT = 0x07


class AbortSource(IntEnum):
    """PS3.8 Table 9-26."""

    USER = 0
    PROVIDER = 2


def abort(source: AbortSource, reason: AbortReason = AbortReason.NOT_SPECIFIED) -> bytes:
    """An A-ABORT PDU (PS3.8 §9.3.8). The user gives no reason."""
    pdu = A_ABORT_RQ()
    pdu.source = int(source)
    pdu.reason_diagnostic = int(reason) if source is AbortSource.PROVIDER else 0
    return pdu.encode()


def reject(rejection: Rejection) -> bytes:
    """An A-ASSOCIATE-RJ PDU (PS3.8 §9.3.4)."""
    pdu = A_ASSOCIATE_RJ()
    pdu.result, pdu.source, pdu.reason_diagnostic = rejection.value
    return pdu.encode()


def release_request() -> bytes:
    """An A-RELEASE-RQ PDU (PS3.8 §9.3.6)."""
    return A_RELEASE_RQ().encode()


def release_response() -> bytes:
    """An A-RELEASE-RP PDU (PS3.8 §9.3.7)."""
    return A_RELEASE_RP().encode()


def p_data(context: int, command: bytes, peer_max_pdu: int, data_set: bytes | None = None) -> bytes:
    """A message as P-DATA-TF PDUs that the peer can take, to be written at once (PS3.8 §9.3.5, §D.1).

    `peer_max_pdu` is the peer's Maximum Length Received, 0 for any.
    """
    pdus = _fragments(context, IS_COMMAND, command, peer_max_pdu)
    return pdus if data_set is None else pdus + _fragments(context, 0, data_set, peer_max_pdu)


def data_set_pdus(context: int, data_set: bytes, peer_max_pdu: int) -> bytes:
    """A small data set whose command set has gone before, in the same way."""
    return _fragments(context, 0, data_set, peer_max_pdu)


def _fragments(context: int, control: int, content: bytes, peer_max_pdu: int) -> bytes:
    room = peer_max_pdu - 6 if peer_max_pdu else len(content)
    if len(content) <= room:
        return _fragment(context, control | IS_LAST, content)
    pieces = [content[start : start + room] for start in range(0, len(content), room)]
    controls = [control] * (len(pieces) - 1) + [control | IS_LAST]
    return b"".join(
        _fragment(context, control, piece) for control, piece in zip(controls, pieces, strict=True)
    )


def data_pdus(context: int, block: bytes | memoryview, peer_max_pdu: int, *, is_last: bool) -> list[Buffer]:
    """A part of a data set as P-DATA-TF PDUs that the peer can take, in pieces that copy nothing.

    But for the last, fragments have an even number of bytes, as every part but the last shall have.
    """
    room = min(peer_max_pdu or FRAGMENT_LIMIT, FRAGMENT_LIMIT) - 6 & ~1
    size = len(block)
    view = memoryview(block)
    pieces: list[Buffer] = []
    for start in range(0, size or 1, room):
        piece = view[start : start + room]
        control = IS_LAST if is_last and start + room >= size else 0
        pieces.append(_P_DATA.pack(PduType.P_DATA_TF, len(piece) + 6, len(piece) + 2, context, control))
        pieces.append(piece)
    return pieces


def _fragment(context: int, control: int, piece: bytes) -> bytes:
    return _P_DATA.pack(PduType.P_DATA_TF, len(piece) + 6, len(piece) + 2, context, control) + piece
