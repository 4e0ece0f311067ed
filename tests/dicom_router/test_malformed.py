"""PDUs that PS3.8 does not allow: an A-ABORT with the reason, and nobody else is disturbed."""

import struct
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicom_router.errors import AbortReason, Ending
from dicom_router.messages import COMMAND_LIMIT
from dicom_router.pdus import PduType
from tests.dicom_router.conftest import Running, Serve
from tests.dicom_router.raw_peer import (
    association_request,
    element,
    last_command,
    last_data,
    p_data,
    pdu,
    pdv,
    store_command,
)

OPENED = p_data(last_command(store_command()))

#: What is sent on an established association, and the reason it is aborted for (PS3.8 Table 9-26).
MALFORMED = {
    "unknown PDU type": (pdu(0x42, bytes(4)), AbortReason.UNRECOGNIZED_PDU),
    "PDU type zero": (pdu(0x00, b""), AbortReason.UNRECOGNIZED_PDU),
    "a second request": (association_request(), AbortReason.UNEXPECTED_PDU),
    "an acceptance": (pdu(PduType.ASSOCIATE_AC, bytes(68)), AbortReason.UNEXPECTED_PDU),
    "a rejection": (pdu(PduType.ASSOCIATE_RJ, bytes(4)), AbortReason.UNEXPECTED_PDU),
    "a release response": (pdu(PduType.RELEASE_RP, bytes(4)), AbortReason.UNEXPECTED_PDU),
    "a release within a message": (OPENED + pdu(PduType.RELEASE_RQ, bytes(4)), AbortReason.UNEXPECTED_PDU),
    "a release of another length": (pdu(PduType.RELEASE_RQ, bytes(40)), AbortReason.INVALID_PARAMETER),
    "an empty P-DATA-TF": (p_data(), AbortReason.INVALID_PARAMETER),
    "a P-DATA-TF beyond the limit": (struct.pack(">BxI", 4, 70_000), AbortReason.INVALID_PARAMETER),
    "half a fragment header": (pdu(4, b"\0\0\0\x10\x01"), AbortReason.INVALID_PARAMETER),
    "a fragment beyond its PDU": (pdu(4, b"\0\0\0\x10\x01\x03ab"), AbortReason.INVALID_PARAMETER),
    "a fragment shorter than its header": (pdu(4, b"\0\0\0\x01\x01\x03ab"), AbortReason.INVALID_PARAMETER),
    "a context nobody accepted": (p_data(last_command(store_command(), 99)), AbortReason.INVALID_PARAMETER),
    "a data set before its command": (p_data(last_data(b"data")), AbortReason.UNEXPECTED_PARAMETER),
    "a command within a data set": (OPENED + OPENED, AbortReason.UNEXPECTED_PARAMETER),
    "a data set in another context": (OPENED + p_data(last_data(b"x", 3)), AbortReason.UNEXPECTED_PARAMETER),
    "a command in two contexts": (
        p_data(pdv(1, 1, b"\0\0"), pdv(3, 3, b"\0\0")),
        AbortReason.UNEXPECTED_PARAMETER,
    ),
    "a data fragment within a command": (
        p_data(pdv(1, 1, b"\0\0"), last_data(b"x")),
        AbortReason.UNEXPECTED_PARAMETER,
    ),
    "a command set that is none": (p_data(last_command(b"\x08\0\x20\0")), AbortReason.INVALID_PARAMETER),
    "a command set of group 0008": (
        p_data(last_command(b"\x08\0\x20\0\0\0\0\0")),
        AbortReason.INVALID_PARAMETER,
    ),
    "a command without a message ID": (
        p_data(last_command(element(0x0100, b"\1\0") + element(0x0800, b"\1\1"))),
        AbortReason.INVALID_PARAMETER,
    ),
    "an endless command set": (
        p_data(pdv(1, 1, bytes(COMMAND_LIMIT // 2))) * 3,
        AbortReason.INVALID_PARAMETER,
    ),
}


def aborted(reason: AbortReason) -> tuple[int, bytes]:
    return PduType.ABORT, bytes([0, 0, 2, reason])


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_pdus_are_aborted_with_their_reason(serve: Serve, name: str) -> None:
    running = serve(max_pdu=65536)
    wire, reason = MALFORMED[name]
    with running.call() as peer:
        peer.associate()
        peer.send(wire)
        assert peer.read() == aborted(reason)
        assert peer.read() == (0, b"")

    assert running.endings() == [Ending.PROTOCOL_BROKEN.value]
    assert running.door.kept == {}


#: What is sent instead of a sound A-ASSOCIATE-RQ.
BAD_REQUESTS = {
    "a data PDU first": (p_data(last_command(store_command())), AbortReason.UNEXPECTED_PDU),
    "a release first": (pdu(PduType.RELEASE_RQ, bytes(4)), AbortReason.UNEXPECTED_PDU),
    "an unknown PDU first": (pdu(0x16, bytes(4)), AbortReason.UNRECOGNIZED_PDU),
    "a request that is too long": (struct.pack(">BxI", 1, 2**31), AbortReason.INVALID_PARAMETER),
    "a request that is too short": (pdu(1, bytes(20)), AbortReason.INVALID_PARAMETER),
    "no contexts": (association_request(contexts=()), AbortReason.INVALID_PARAMETER),
    "an item that is too long": (
        pdu(1, association_request()[6:] + b"\x20\0\xff\xff"),
        AbortReason.INVALID_PARAMETER,
    ),
    "half an item": (pdu(1, association_request()[6:] + b"\x20\0"), AbortReason.INVALID_PARAMETER),
    "a context twice": (
        association_request().replace(b"\x03\0\0\0\x30\0", b"\x01\0\0\0\x30\0"),
        AbortReason.INVALID_PARAMETER,
    ),
    "a blank title": (
        association_request().replace(b"MODALITY", b"        "),
        AbortReason.INVALID_PARAMETER,
    ),
    "a fragment limit of nothing": (
        association_request().replace(b"\x51\0\0\x04\0\0\x40\0", b"\x51\0\0\x04\0\0\0\x05"),
        AbortReason.INVALID_PARAMETER,
    ),
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_bad_requests_are_aborted_with_their_reason(serve: Serve, name: str) -> None:
    running = serve()
    wire, reason = BAD_REQUESTS[name]
    with running.call() as peer:
        peer.send(wire)
        assert peer.read() == aborted(reason)

    assert running.endings() == [Ending.PROTOCOL_BROKEN.value]


@pytest.fixture
def one_router(serve: Serve) -> Running:
    """The same for all examples of a property."""
    return serve(stall_s=0.5, idle_s=0.5, artim_s=0.5)


pdus = st.builds(pdu, st.sampled_from([0, *PduType, 8, 255]), st.binary(max_size=80))
fragments = st.builds(pdv, st.sampled_from([1, 3, 5]), st.integers(0, 3), st.binary(max_size=40))
sound = st.sampled_from([OPENED, p_data(last_data(b"data")), association_request()])
streams = st.lists(
    pdus | sound | st.binary(max_size=30) | st.lists(fragments, max_size=3).map(lambda fs: p_data(*fs)),
    max_size=5,
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stream=streams, established=st.booleans())
def test_whatever_one_peer_sends_another_is_served(
    one_router: Running, stream: list[bytes], established: bool
) -> None:
    with one_router.call() as neighbour:
        neighbour.associate()
        with one_router.call() as peer:
            if established:
                peer.associate()
            with suppress(ConnectionError):  # it may have been aborted already
                peer.send(*stream)
            assert neighbour.store(b"data", "9.9") == 0x0000
        neighbour.release()

    assert Ending.FAULT.value not in one_router.endings()


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_request_with_any_byte_changed_costs_nobody_else(one_router: Running, data: st.DataObject) -> None:
    request = bytearray(association_request())
    for _ in range(data.draw(st.integers(1, 4))):
        request[data.draw(st.integers(0, len(request) - 1))] = data.draw(st.integers(0, 255))
    with one_router.call() as peer:
        peer.send(bytes(request))
        peer.connection.shutdown(1)
        peer.read()

    assert Ending.FAULT.value not in one_router.endings()
