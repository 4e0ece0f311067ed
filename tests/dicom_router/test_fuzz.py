"""Whatever a peer sends, to every service there is: the acceptor stays up, its memory is bounded, and a
healthy peer on another association never notices.

The router is put together as `imx router` does it, on a real database; a neighbour stores and echoes for as
long as the tests run.
"""

import os
import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dicom_router.acceptor import Router
from dicom_router.commands import RESPONSE
from dicom_router.errors import Ending
from dicom_router.pdus import PduType
from exchange.registry import Peer, PostgresRegistry
from exchange.trusts import Trust
from imx.configuration import read
from imx.pool import open_pool
from imx.wiring import build_router, open_reading
from storage.elements import EXPLICIT_LITTLE
from tests.databases import Databases
from tests.dicom_router.raw_peer import (
    CT,
    EXPLICIT,
    IMPLICIT,
    RELEASE,
    VERIFICATION,
    RawPeer,
    element,
    last_command,
    last_data,
    p_data,
    pdu,
    pdv,
    uid,
)
from tests.processes import forget_peaks, peak_bytes
from tests.storage.material import instance
from tests.storage.strategies import write

TRUST = Trust("RBL", "Wirral", "RBL")
MAY = {"may_store": True, "may_read": True, "may_query_worklist": True, "may_perform": True}

#: What a router may come to hold of one peer's nonsense, in any order. Its buffers are a fraction of that.
MEMORY_LIMIT_BYTES = 96 * 1024 * 1024

#: No association is left to its timers: a peer that says no more shuts its side.
LIMITS = {"dicom.stall_s": 2.0, "dicom.idle_s": 20.0, "dicom.artim_s": 5.0, "dicom.association_limit": 20}


@dataclass
class Fuzzed:
    """A router with everything, and its neighbour."""

    router: Router
    port: int
    contexts: tuple[tuple[str, tuple[str, ...]], ...]
    logged: list[Any]
    stop: threading.Event = field(default_factory=threading.Event)
    statuses: list[int] = field(default_factory=list)  # of the neighbour's requests
    trouble: list[str] = field(default_factory=list)

    def call(self) -> RawPeer:
        return RawPeer(socket.create_connection(("127.0.0.1", self.port), timeout=60))

    def be_healthy(self) -> None:
        """One association, a C-STORE and a C-ECHO in turn, a little apart."""
        try:
            with self.call() as peer:
                peer.associate(calling="HEALTHY")
                echo = command_set({0x0002: uid(VERIFICATION), 0x0100: us(0x0030)})
                number = 0
                while not self.stop.wait(0.02):
                    number += 1
                    name = f"1.2.3.{number}"
                    made = instance(SOPInstanceUID=name, StudyInstanceUID="1.2", SeriesInstanceUID="1.2.3")
                    self.statuses.append(peer.store(write(made, EXPLICIT_LITTLE).data, name))
                    peer.send(p_data(last_command(echo, 3)))
                    self.statuses.append(peer.status())
                peer.release()
        except BaseException as error:
            self.trouble.append(repr(error))
            raise

    def require_health(self) -> None:
        """Nothing of ours failed, and the neighbour was served."""
        assert not self.trouble
        assert set(self.statuses) <= {0x0000}
        faults = [
            entry
            for entry in self.logged
            if entry["event"].endswith(".fault") or entry.get("ending") == Ending.FAULT.value
        ]
        assert not faults, faults


@pytest.fixture(scope="module")
def fuzzed(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    with ExitStack() as stack:
        logged = stack.enter_context(structlog.testing.capture_logs())
        database = stack.enter_context(databases.one())
        data = tmp_path_factory.mktemp("fuzz")
        ours = read({"data": data, "database.url": database, **LIMITS}, {})
        pool = stack.enter_context(closing(open_pool(database, 6)))
        registry = PostgresRegistry(pool)
        registry.add_trust(TRUST)
        for title in ("FUZZ", "HEALTHY"):
            registry.add_peer(Peer(title, TRUST, plain_allowed=True, **MAY))  # type: ignore[arg-type]
        reading = stack.enter_context(closing(open_reading(ours, pool)))
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=64))
        router = build_router(ours, pool, reading, listener, None)
        offered = sorted(set(router._house.services) - {VERIFICATION})
        contexts = (
            (CT, (EXPLICIT,)),
            (VERIFICATION, (IMPLICIT,)),
            *((each, (IMPLICIT,)) for each in offered),
        )
        running = Fuzzed(router, listener.getsockname()[1], contexts, logged)
        threads = [threading.Thread(target=router.serve), threading.Thread(target=running.be_healthy)]
        for thread in threads:
            thread.start()
        yield running
        running.stop.set()
        threads[1].join(20)
        router.drain(1)
        threads[0].join(30)
        assert not any(thread.is_alive() for thread in threads)
        running.require_health()
        assert len(running.statuses) > 1


def us(number: int) -> bytes:
    return struct.pack("<H", number)


def command_set(elements: dict[int, bytes], length: int | None = None) -> bytes:
    """As a sound writer would, but for what is in it."""
    elements = {0x0110: us(1), 0x0800: us(0x0101), **elements}
    body = b"".join(element(number, value) for number, value in sorted(elements.items()))
    return element(0x0000, struct.pack("<I", len(body) if length is None else length)) + body


#: Every command field of the standard (PS3.7 §E.1), and a few of nobody's.
FIELDS = (0x0001, 0x0010, 0x0020, 0x0021, 0x0030, 0x0100, 0x0110, 0x0120, 0x0130, 0x0140, 0x0150, 0x0FFF)
fields = (
    st.sampled_from(FIELDS)
    | st.sampled_from(FIELDS).map(lambda each: each | RESPONSE)
    | st.integers(0, 0xFFFF)
)
numbers = st.integers(0, 0xFFFF).map(us)
texts = st.sampled_from(["", "1.2.3", "FUZZ", "HEALTHY", "1.2.840.10008.1.20.1.1"]).map(str.encode)
values = numbers | texts | st.binary(max_size=70)
#: Of the command dictionary (PS3.7 §E.1): those that some service reads, and a stranger.
NUMBERS = (
    0x0002, 0x0003, 0x0110, 0x0120, 0x0600, 0x0700, 0x0800, 0x0900, 0x0902, 0x1000, 0x1001, 0x1002, 0x1005,
    0x1008, 0x1020, 0x1021, 0x1030, 0x1031, 0x5110,
)  # fmt: skip
command_sets = st.builds(
    lambda command, data, others, length: command_set(
        {0x0100: us(command), 0x0800: us(0x0001 if data else 0x0101), **others}, length
    ),
    fields, st.booleans(), st.dictionaries(st.sampled_from(NUMBERS), values, max_size=4),
    st.none() | st.integers(0, 2**32 - 1),
)  # fmt: skip


def implicit(tag: int, value: bytes, length: int | None = None) -> bytes:
    size = len(value) if length is None else length
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, size) + value


#: Keys of every query model, of storage commitment, the worklist, MPPS and their sequences.
TAGS = (
    0x00080005, 0x00080016, 0x00080018, 0x00080020, 0x00080030, 0x00080050, 0x00080052, 0x00080060,
    0x00080061, 0x00081195, 0x00081199, 0x00100010, 0x00100020, 0x00100030, 0x0020000D, 0x0020000E,
    0x00400100, 0x00400252, 0x00400270, 0x00400340, 0x00081111, 0x7FE00010, 0x00091001,
)  # fmt: skip
words = st.sampled_from(
    ["PATIENT", "STUDY", "SERIES", "IMAGE", "*", "?", "1.2.3", "1.2\\1.3", "20240101-", "-", "20249999",
     "ISO 2022 IR 87", "\\ISO 2022 IR 13", "GB18030", "COMPLETED", "SMITH^JOHN", "\x1b$B", "\0"]
).map(lambda text: text.encode("latin-1"))  # fmt: skip
leaves = st.builds(
    implicit,
    st.sampled_from(TAGS),
    words | st.binary(max_size=40),
    st.none() | st.sampled_from([0, 1, 0xFFFFFFFF, 2**31]),
)


def sequence(tag: int, items: list[bytes], ends: bool) -> bytes:
    """Of undefined length, as are its items, whether or not they end."""
    end_of_item, end = (implicit(0xFFFEE00D, b""), implicit(0xFFFEE0DD, b"")) if ends else (b"", b"")
    body = b"".join(implicit(0xFFFEE000, each, 0xFFFFFFFF) + end_of_item for each in items)
    return implicit(tag, body, 0xFFFFFFFF) + end


elements = st.recursive(
    leaves,
    lambda inner: st.builds(
        sequence,
        st.sampled_from(TAGS),
        st.lists(st.lists(inner, max_size=3).map(b"".join), max_size=2),
        st.booleans(),
    ),
    max_leaves=8,
)
levels = st.sampled_from([b"STUDY ", b"SERIES", b"IMAGE ", b"PATIENT ", b""])
data_sets = st.lists(elements, max_size=6).map(b"".join) | st.binary(max_size=60)


#: Those that are accepted, mostly.
contexts = st.integers(0, 12).map(lambda place: 2 * place + 1)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """A message with a data set that may be nonsense, cut into fragments anywhere, in any context."""
    context = draw(contexts)
    wire = p_data(last_command(draw(command_sets), context))
    for _ in range(draw(st.integers(0, 2))):
        wire += p_data(pdv(context, 0, draw(st.binary(max_size=20))))
    if draw(st.booleans()):
        wire += p_data(last_data(draw(data_sets), context))
    return wire


pdus = st.builds(pdu, st.sampled_from([0, *PduType, 8, 255]), st.binary(max_size=80))
oversized = st.sampled_from(
    [struct.pack(">BxI", kind, size) for kind in (1, 2, 4, 5, 7) for size in (2**20, 2**31, 2**32 - 1)]
)
streams = st.lists(messages() | pdus | oversized | st.binary(max_size=40), min_size=1, max_size=4)


def hear_out(peer: RawPeer) -> None:
    """We say no more; what the router says is read to its end."""
    with suppress(OSError):
        peer.connection.shutdown(socket.SHUT_WR)
    while peer.read() != (0, b""):
        pass


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(stream=streams, cut=st.none() | st.integers(1, 60))
def test_streams_of_nonsense_harm_nobody(fuzzed: Fuzzed, stream: list[bytes], cut: int | None) -> None:
    """Malformed, truncated, oversized, out of order: to every service, on one association."""
    wire = b"".join(stream)
    with fuzzed.call() as peer:
        peer.associate(calling="FUZZ", contexts=fuzzed.contexts)
        with suppress(ConnectionError):
            peer.send(wire if cut is None else wire[:-cut])
        hear_out(peer)
    fuzzed.require_health()


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_each_service_bears_any_request(fuzzed: Fuzzed, data: st.DataObject) -> None:
    """Sound messages of every service, with identifiers and attributes that are not."""
    place = data.draw(st.integers(2, len(fuzzed.contexts) - 1) if len(fuzzed.contexts) > 2 else st.just(0))
    abstract_syntax = fuzzed.contexts[place][0]
    known = sorted(fuzzed.router._house.services.get(abstract_syntax, {0x0001: None}))
    well_known = uid("1.2.840.10008.1.20.1.1")
    wanted = {
        0x0002: uid(abstract_syntax),
        0x0003: uid(abstract_syntax),
        0x0100: us(data.draw(st.sampled_from(known))),
        0x0600: b"HEALTHY ",
        0x0700: us(data.draw(st.integers(0, 3))),
        0x0800: us(0x0001),
        0x1000: well_known,
        0x1001: well_known,
        0x1008: us(data.draw(st.integers(0, 2))),
    }
    with fuzzed.call() as peer:
        peer.associate(calling="FUZZ", contexts=fuzzed.contexts)
        with suppress(ConnectionError):
            for _ in range(data.draw(st.integers(1, 3))):
                number = 2 * place + 1
                peer.send(p_data(last_command(command_set(wanted), number)))
                level = implicit(0x00080052, data.draw(levels))
                peer.send(p_data(last_data(level + data.draw(data_sets), number)))
            peer.send(RELEASE)
        hear_out(peer)
    fuzzed.require_health()


@pytest.mark.parametrize("kind", ["command", "identifier", "data set", "fragments"])
def test_endless_messages_are_not_held(fuzzed: Fuzzed, kind: str) -> None:
    """Hundreds of megabytes of each, in memory that does not grow with them."""
    piece = p_data(*(pdv(number, control, bytes(60_000)) for number, control in [_where(kind, fuzzed)] * 4))
    opening = {
        "command": b"",
        "identifier": p_data(last_command(_request(fuzzed), _where(kind, fuzzed)[0])),
        "data set": p_data(
            last_command(command_set({0x0002: uid(CT), 0x0100: us(1), 0x0800: us(1), 0x1000: b"1.2"}))
        ),
        "fragments": p_data(last_command(_request(fuzzed), _where(kind, fuzzed)[0])),
    }[kind]
    if kind == "fragments":
        piece = p_data(*(pdv(_where(kind, fuzzed)[0], 0, b"") for _ in range(2000)))
    began = forget_peaks([os.getpid()])
    with fuzzed.call() as peer, suppress(ConnectionError):
        peer.associate(calling="FUZZ", contexts=fuzzed.contexts)
        peer.send(opening)
        for _ in range(200):
            if select.select([peer.connection], [], [], 0)[0]:
                break  # it has said what it thinks of this
            peer.send(piece)
        peer.connection.close()
    assert peak_bytes([os.getpid()]) - began < MEMORY_LIMIT_BYTES
    fuzzed.require_health()


def _where(kind: str, fuzzed: Fuzzed) -> tuple[int, int]:
    """Context and control of the endless fragments."""
    if kind == "command":
        return 1, 1
    return (1, 0) if kind == "data set" or len(fuzzed.contexts) < 3 else (5, 0)


def _request(fuzzed: Fuzzed) -> bytes:
    abstract_syntax = fuzzed.contexts[2][0] if len(fuzzed.contexts) > 2 else CT
    known = sorted(fuzzed.router._house.services.get(abstract_syntax, {0x0001: None}))
    wanted = {
        0x0002: uid(abstract_syntax),
        0x0100: us(known[0]),
        0x0800: us(1),
        0x1000: b"1.2",
        0x0700: us(0),
    }
    return command_set(wanted)


class Conversations(RuleBasedStateMachine):
    """Several associations at once, each in any state, and whatever may be said in it."""

    fuzzed: ClassVar[Fuzzed]

    def __init__(self) -> None:
        super().__init__()
        self.open: list[RawPeer] = []

    @initialize()
    def begin(self) -> None:
        self.call()

    @precondition(lambda self: len(self.open) < 4)
    @rule()
    def call(self) -> None:
        """Another association; or one that is not even asked for."""
        peer = self.fuzzed.call()
        peer.associate(calling="FUZZ", contexts=self.fuzzed.contexts)
        self.open.append(peer)

    @precondition(lambda self: self.open)
    @rule(message=messages(), which=st.integers(0, 3))
    def say(self, message: bytes, which: int) -> None:
        self._send(which, message)

    @precondition(lambda self: self.open)
    @rule(command=command_sets, context=contexts, which=st.integers(0, 3))
    def open_a_message(self, command: bytes, context: int, which: int) -> None:
        """Its data set may come later, or never."""
        self._send(which, p_data(last_command(command, context)))

    @precondition(lambda self: self.open)
    @rule(piece=data_sets, context=contexts, control=st.integers(0, 3), which=st.integers(0, 3))
    def send_a_fragment(self, piece: bytes, context: int, control: int, which: int) -> None:
        self._send(which, p_data(pdv(context, control, piece)))

    @precondition(lambda self: self.open)
    @rule(anything=pdus, which=st.integers(0, 3))
    def send_a_pdu(self, anything: bytes, which: int) -> None:
        self._send(which, anything)

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 3))
    def release(self, which: int) -> None:
        self._send(which, RELEASE)

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 3), politely=st.booleans())
    def vanish(self, which: int, politely: bool) -> None:
        peer = self.open.pop(which % len(self.open))
        if politely:
            hear_out(peer)
        else:  # a reset
            peer.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.connection.close()

    @invariant()
    def everybody_else_is_served(self) -> None:
        self.fuzzed.require_health()

    def teardown(self) -> None:
        for peer in self.open:
            hear_out(peer)
            peer.connection.close()

    def _send(self, which: int, wire: bytes) -> None:
        with suppress(ConnectionError):
            self.open[which % len(self.open)].send(wire)


def test_conversations_in_any_order_harm_nobody(fuzzed: Fuzzed, tmp_path: Path) -> None:
    Conversations.fuzzed = fuzzed
    machine = Conversations.TestCase
    machine.settings = settings(
        max_examples=40, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
    )
    machine("runTest").runTest()
    fuzzed.require_health()
