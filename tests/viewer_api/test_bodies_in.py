"""A body between the loop that receives it and the thread that reads it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from anyio import to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from viewer_api.bodies_in import AHEAD_BYTES, BodyStalled, read_ahead

PIECE = b"x" * (AHEAD_BYTES // 4)

Receive = Callable[[], Awaitable[Message]]


def request_of(receive: Receive) -> Request:
    return Request({"type": "http", "method": "POST", "headers": []}, receive)


async def read(receive: Receive) -> bytes:
    async with read_ahead(request_of(receive)) as pieces:
        return await to_thread.run_sync(lambda: b"".join(pieces))


def test_no_more_is_received_than_is_read_soon() -> None:
    came = 0

    async def receive() -> Message:
        nonlocal came
        came += 1
        return {"type": "http.request", "body": PIECE + bytes([came]), "more_body": came < 40}

    async def whole() -> bytes:
        async with read_ahead(request_of(receive)) as pieces:
            for _ in range(200):  # rounds of the loop: nobody reads yet
                await asyncio.sleep(0)
            assert came * len(PIECE) <= AHEAD_BYTES + len(PIECE)
            return await to_thread.run_sync(lambda: b"".join(pieces))

    assert asyncio.run(whole()) == b"".join(PIECE + bytes([number]) for number in range(1, 41))


def test_a_sender_who_goes_is_told_to_the_reader() -> None:
    messages: list[Message] = [
        {"type": "http.disconnect"}, {"type": "http.request", "body": b"half", "more_body": True}
    ]  # fmt: skip

    async def receive() -> Message:
        return messages.pop()

    with pytest.raises(ClientDisconnect):
        asyncio.run(read(receive))


def test_a_sender_who_falls_silent_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("viewer_api.bodies_in.STALL_S", 0.05)

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(BodyStalled):
        asyncio.run(read(receive))


def test_a_reader_who_has_enough_leaves_the_rest() -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": PIECE, "more_body": True}

    async def first() -> bytes:
        async with read_ahead(request_of(receive)) as pieces:
            return await to_thread.run_sync(next, pieces)

    assert asyncio.run(first()) == PIECE
