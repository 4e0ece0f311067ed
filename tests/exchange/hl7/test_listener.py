"""The HL7 door on a real socket: an answer or a closed connection, and the door stays open."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.hl7.framing import Deframer, framed
from exchange.hl7.listener import Limits, Listener
from exchange.refusals import Reason, Refusal
from tests.exchange.hl7.material import omi


@dataclass
class Echo:
    """Takes whatever comes, and says it again."""

    is_known: bool = True
    taken: list[bytes] = field(default_factory=list)

    def knows(self, address: str) -> bool:
        return self.is_known

    def take(self, raw: bytes, address: str, fingerprint: str = "") -> bytes:
        self.taken.append(raw)
        return raw


@dataclass
class Door:
    listener: Listener
    port: int
    refusals: list[Refusal]

    def call(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def ask(self, *pieces: bytes) -> list[bytes]:
        """The answers until the door closes, once we have said all."""
        with self.call() as connection, suppress(OSError):
            for piece in pieces:
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)
            return answers(connection)
        return []


def answers(connection: socket.socket) -> list[bytes]:
    deframer, found = Deframer(10_000_000), []
    with suppress(OSError):
        while data := connection.recv(65536):
            found += deframer.feed(data)
    return found


Open = Callable[..., Door]


@contextmanager
def opened(taker: Echo, **limits: float) -> Iterator[Door]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        refusals: list[Refusal] = []
        listener = Listener(taker, {server: None}, refusals.append, Limits(**limits))  # type: ignore[arg-type]
        thread = threading.Thread(target=listener.serve)
        thread.start()
        try:
            yield Door(listener, server.getsockname()[1], refusals)
        finally:
            listener.drain()
            thread.join(20)


@pytest.fixture
def open_door() -> Iterator[Open]:
    with ExitStack() as stack:
        yield lambda taker, **limits: stack.enter_context(opened(taker, **limits))


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    with opened(Echo(), message_bytes=1000) as found:
        yield found


def test_messages_are_answered_one_after_another(open_door: Open) -> None:
    door = open_door(Echo())

    assert door.ask(framed(b"A") + framed(b"B"), b"\x0bC", b"\x1c\r") == [b"A", b"B", b"C"]


def test_an_unknown_address_is_closed_and_shown(open_door: Open) -> None:
    taker = Echo(is_known=False)
    door = open_door(taker)

    assert door.ask(framed(b"A")) == []
    assert taker.taken == []
    (refusal,) = door.refusals
    assert (refusal.reason, refusal.called, refusal.address) == (Reason.UNKNOWN_PEER, "HL7", "127.0.0.1")


@settings(max_examples=30)
@given(st.lists(st.binary(max_size=200), max_size=5))
def test_whatever_comes_the_door_stays_open(door: Door, pieces: list[bytes]) -> None:
    door.ask(*pieces)

    assert door.ask(framed(omi())) == [omi()]


def test_a_message_beyond_the_limit_closes_its_connection_alone(open_door: Open) -> None:
    door = open_door(Echo(), message_bytes=1000)
    with door.call() as other:
        assert door.ask(b"\x0b" + b"x" * 100_000) == []
        other.sendall(framed(b"A"))
        other.shutdown(socket.SHUT_WR)
        assert answers(other) == [b"A"]


def test_who_is_too_slow_or_says_nothing_is_closed(open_door: Open) -> None:
    door = open_door(Echo(), message_s=0.2, idle_s=0.4)
    with door.call() as slow, door.call() as silent:
        slow.sendall(b"\x0bMSH")
        assert answers(slow) == []
        assert answers(silent) == []


def test_one_address_does_not_take_all_places(open_door: Open) -> None:
    door = open_door(Echo(), of_one_address=1)
    with door.call() as first:
        first.sendall(framed(b"A"))
        assert first.recv(100) == framed(b"A")
        assert door.ask(framed(b"B")) == []
        first.sendall(framed(b"C"))
        assert first.recv(100) == framed(b"C")


def test_a_fault_of_the_taker_costs_one_connection(open_door: Open) -> None:
    class Failing(Echo):
        def take(self, raw: bytes, address: str, fingerprint: str = "") -> bytes:
            if raw == b"bad":
                raise RuntimeError
            return raw

    door = open_door(Failing())

    assert door.ask(framed(b"bad")) == []
    assert door.ask(framed(b"A")) == [b"A"]
