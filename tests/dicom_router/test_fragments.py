"""However a message is cut into fragments and PDUs, it is the same message (PS3.8 §E)."""

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dicom_router.conftest import Running, Serve
from tests.dicom_router.raw_peer import last_command, last_data, p_data, pdv, store_command

COMMAND, DATA = 0b01, 0b00


@dataclass(frozen=True)
class Cut:
    """A message as fragments, and the PDUs that carry them."""

    data: bytes
    wire: bytes


@st.composite
def cuts(draw: st.DrawFn) -> Cut:
    """A C-STORE cut at any places, empty fragments among them, and grouped into PDUs in any way."""
    data = draw(st.binary(max_size=300))
    encoded = store_command("1.2.3")
    fragments: list[bytes] = []
    for whole, control in ((encoded, COMMAND), (data, DATA)):
        places = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=6)))
        edges = [0, *places, len(whole)]
        pieces = [whole[start:stop] for start, stop in pairwise(edges)]
        fragments += [pdv(1, control, piece) for piece in pieces[:-1]]
        fragments.append(pdv(1, control | 0b10, pieces[-1]))
    wire, group = b"", [fragments[0]]
    for fragment in fragments[1:]:
        if draw(st.booleans()):
            wire, group = wire + p_data(*group), []
        group.append(fragment)
    return Cut(data, wire + p_data(*group))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(messages=st.lists(cuts(), min_size=1, max_size=3), writes=st.lists(st.integers(1, 400), max_size=4))
def test_any_cut_is_the_same_message(one_router: Running, messages: list[Cut], writes: list[int]) -> None:
    door = one_router.door
    door.received.clear()
    wire = b"".join(message.wire for message in messages)
    with one_router.call() as peer:
        peer.associate()
        for size in writes:
            peer.send(wire[:size])
            wire = wire[size:]
        peer.send(wire)
        for _message in messages:
            assert peer.status() in (0x0000, 0xC001)
        peer.release()

    assert door.received == [message.data for message in messages]


@pytest.fixture
def one_router(serve: Serve) -> Running:
    """The same for all examples of a property."""
    return serve()


def test_the_next_command_may_share_a_pdu_with_the_data_before_it(serve: Serve) -> None:
    running = serve()
    with running.call() as peer:
        peer.associate()
        peer.send(
            p_data(
                last_command(store_command("1.1")),
                last_data(b"one"),
                last_command(store_command("1.2", 2)),
            ),
            p_data(last_data(b"two")),
        )
        assert [peer.status(), peer.status()] == [0x0000, 0x0000]
        peer.release()

    assert running.door.kept == {"1.1": b"one", "1.2": b"two"}


def test_an_empty_data_set_is_a_data_set(serve: Serve) -> None:
    running = serve()
    with running.call() as peer:
        peer.associate()
        assert peer.store(b"") == 0x0000

    assert running.door.kept == {"1.2.3": b""}


def test_reserved_bits_of_the_control_header_are_not_looked_at(serve: Serve) -> None:
    running = serve()
    with running.call() as peer:
        peer.associate()
        peer.send(p_data(pdv(1, 0xF3, store_command()), pdv(1, 0xF2, b"data")))
        assert peer.status() == 0x0000
