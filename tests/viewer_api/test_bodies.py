"""Bodies from blocking sources: in order, in bounded pieces, given back whoever leaves first."""

import threading
from collections.abc import Iterator

import anyio
import pytest
from anyio import CapacityLimiter
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import Unreadable
from viewer_api.bodies import CHUNK_BYTES, SMALL_BYTES, Part, Sender, multipart, multipart_length


async def _all(chunks: Iterator[bytes]) -> list[bytes]:
    return [piece async for piece in Sender(CapacityLimiter(2)).pieces(chunks)]


@given(st.lists(st.integers(0, 3 * SMALL_BYTES), max_size=8))
def test_pieces_are_what_came(sizes: list[int]) -> None:
    chunks = [bytes([number]) * size for number, size in enumerate(sizes)]
    pieces = anyio.run(_all, iter(chunks))
    assert b"".join(pieces) == b"".join(chunks)
    assert all(len(piece) <= CHUNK_BYTES + 3 * SMALL_BYTES for piece in pieces)


def test_a_fault_in_the_middle_is_raised() -> None:
    def chunks() -> Iterator[bytes]:
        yield bytes(CHUNK_BYTES)
        raise Unreadable("damaged")

    with pytest.raises(Unreadable):
        anyio.run(_all, chunks())


def test_a_source_is_closed_once_its_thread_is_done_with_it() -> None:
    is_reading, may_end, closed = threading.Event(), threading.Event(), threading.Event()

    def chunks() -> Iterator[bytes]:
        try:
            yield bytes(CHUNK_BYTES)
            is_reading.set()
            may_end.wait(60)
            yield bytes(CHUNK_BYTES)
        finally:
            closed.set()

    async def leave_in_the_middle() -> None:
        with anyio.CancelScope() as scope:
            async for _ in Sender(CapacityLimiter(2)).pieces(chunks()):
                while not is_reading.is_set():
                    await anyio.sleep(0.01)
                threading.Timer(0.1, may_end.set).start()
                scope.cancel()  # the reader goes, and the thread still reads
        assert closed.is_set()

    anyio.run(leave_in_the_middle)


@given(st.lists(st.binary(max_size=20), max_size=5))
def test_the_length_is_known_before(bodies: list[bytes]) -> None:
    parts = [Part("a/b", [body], len(body), "http://c/d") for body in bodies]
    assert multipart_length(parts, "x") == len(b"".join(multipart(parts, "x")))
    assert multipart_length([*parts, Part("a/b", [])], "x") is None
