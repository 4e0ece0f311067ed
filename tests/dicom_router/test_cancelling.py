"""A C-CANCEL is seen while we answer, however it comes (PS3.7 §9.3.2.3)."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from dicom_router.contexts import Context
from dicom_router.errors import PeerAborted, PeerVanished, ProtocolBroken
from dicom_router.messages import Messages
from dicom_router.pdus import PduType
from dicom_router.settings import RouterSettings
from dicom_router.wire import BUFFER_BYTES, Wire
from tests.dicom_router.raw_peer import (
    CT,
    EXPLICIT,
    RELEASE,
    command,
    element,
    last_command,
    p_data,
    pdu,
    pdv,
)

CANCEL = element(0x0100, b"\xff\x0f") + element(0x0120, b"\7\0") + element(0x0800, b"\1\1")
OTHER = CANCEL.replace(b"\7\0", b"\x09\0")
SETTINGS = RouterSettings(slots_folder=Path("unused"), stall_s=2, idle_s=2)


@contextmanager
def answering(
    tls: tuple[ssl.SSLContext, ssl.SSLContext] | None = None,
) -> Iterator[tuple[socket.socket, Messages]]:
    """A peer's end, and what we read on ours."""
    with ExitStack() as stack:
        theirs, ours = socket.socketpair()
        if tls is not None:
            server, client = tls
            theirs.settimeout(5)
            thread = threading.Thread(
                target=lambda: _wrapped.append(server.wrap_socket(ours, server_side=True))
            )
            _wrapped: list[socket.socket] = []
            thread.start()
            theirs = client.wrap_socket(theirs, server_hostname="localhost")
            thread.join()
            (ours,) = _wrapped
        stack.enter_context(theirs)
        stack.enter_context(ours)
        wire = Wire(ours, 0.2, lambda: None)
        yield theirs, Messages(wire, {1: Context(1, CT, EXPLICIT)}, SETTINGS)


@pytest.fixture(scope="module")
def both_ends() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(client)
    return server, client


@st.composite
def cuts(draw: st.DrawFn) -> bytes:
    """The C-CANCEL, in any fragments and P-DATA-TFs."""
    places = sorted(draw(st.lists(st.integers(0, len(CANCEL)), max_size=5)))
    pieces = [CANCEL[start:stop] for start, stop in pairwise([0, *places, len(CANCEL)])]
    fragments = [pdv(1, 0b01, piece) for piece in pieces[:-1]] + [pdv(1, 0b11, pieces[-1])]
    wire, group = b"", [fragments[0]]
    for fragment in fragments[1:]:
        if draw(st.booleans()):
            wire, group = wire + p_data(*group), []
        group.append(fragment)
    return wire + p_data(*group)


@given(cuts(), st.data())
def test_a_cancel_is_seen_once_it_is_whole_and_never_waited_for(wire: bytes, data: st.DataObject) -> None:
    places = sorted(data.draw(st.lists(st.integers(0, len(wire) - 1), max_size=6)))
    with answering() as (peer, messages):
        for start, stop in pairwise([0, *places]):
            peer.sendall(wire[start:stop])
            assert not messages.cancelled(7)
        peer.sendall(wire[places[-1] if places else 0 :] + RELEASE)
        assert messages.cancelled(7)
        assert messages.cancelled(7)
        assert messages.next_command() is None


def test_over_tls_too(both_ends: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    with answering(both_ends) as (peer, messages):
        assert not messages.cancelled(7)
        peer.sendall(p_data(last_command(CANCEL))[:20])
        assert not messages.cancelled(7)
        peer.sendall(p_data(last_command(CANCEL))[20:])
        assert messages.cancelled(7)
        peer.sendall(p_data(last_command(command(0x0030))))
        asked = messages.next_command()
        assert asked is not None
        assert asked[1].field == 0x0030
        peer.close()
        with pytest.raises(PeerVanished):
            messages.cancelled(7)


def test_a_cancel_of_another_request_is_passed_over() -> None:
    with answering() as (peer, messages):
        peer.sendall(p_data(last_command(OTHER)))
        assert not messages.cancelled(7)
        peer.sendall(p_data(last_command(OTHER)) + p_data(last_command(CANCEL)))
        assert messages.cancelled(7)


def test_it_holds_for_the_request_that_is_answered_and_no_other() -> None:
    with answering() as (peer, messages):
        peer.sendall(p_data(last_command(CANCEL)) + p_data(last_command(command(0x0030, message_id=7))))
        assert messages.cancelled(7)
        assert messages.next_command() is not None
        assert not messages.cancelled(7)


def test_in_the_p_data_tf_of_its_request() -> None:
    with answering() as (peer, messages):
        peer.sendall(p_data(last_command(command(0x0030, message_id=7)), last_command(CANCEL)))
        assert messages.next_command() is not None
        assert messages.cancelled(7)


def test_a_release_waits_for_the_answer() -> None:
    with answering() as (peer, messages):
        peer.sendall(RELEASE)
        for _ in range(2):
            assert not messages.cancelled(7)
        assert messages.next_command() is None


@pytest.mark.parametrize(
    "wire",
    [
        p_data(last_command(command(0x0030, message_id=8))),
        p_data(last_command(command(0x0020, message_id=8, data=True))),
        p_data(pdv(1, 0b10, b"data of nothing")),
        p_data(pdv(1, 0b01, CANCEL[:9])) + RELEASE,
        p_data(pdv(1, 0b01, bytes(40_000)), pdv(1, 0b01, bytes(40_000))),
        pdu(PduType.P_DATA_TF, bytes(4)),
        pdu(0x77, bytes(4)),
        p_data(last_command(b"no command set")),
    ],
)
def test_anything_else_breaks_the_protocol(wire: bytes) -> None:
    with answering() as (peer, messages):
        peer.sendall(wire)
        with pytest.raises(ProtocolBroken):
            messages.cancelled(7)


def test_an_abort_and_a_closed_connection_end_it() -> None:
    with answering() as (peer, messages):
        peer.sendall(pdu(PduType.ABORT, bytes(4)))
        with pytest.raises(PeerAborted):
            messages.cancelled(7)
    with answering() as (peer, messages):
        peer.sendall(RELEASE[:4])
        peer.close()
        assert not messages.cancelled(7)
        with pytest.raises(PeerVanished):
            messages.next_command()


def test_the_buffer_is_used_again_and_again() -> None:
    """Many cancels of other requests, more than one buffer holds, each of them seen in turn."""
    other = p_data(last_command(OTHER))
    with answering() as (peer, messages):
        for _ in range(BUFFER_BYTES // len(other) // 100 + 10):
            peer.sendall(other * 100 + other[:11])
            assert not messages.cancelled(7)
            peer.sendall(other[11:])
        peer.sendall(p_data(last_command(CANCEL)))
        assert messages.cancelled(7)
