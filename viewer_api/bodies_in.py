"""A request's body as it comes, for a thread that reads it, and no slower than we wait.

The loop receives ahead of the thread, and the thread takes at once whatever has come: a hop between them for
each piece cost more than all that was done with it (profile of STOW: a third of its processor time).
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from queue import SimpleQueue

from starlette.requests import ClientDisconnect, Request

#: Of silence within a body: then the sender has gone.
STALL_S = 30.0
#: Slower than this, over all the time that we waited for it, a body keeps a thread from others.
SLOWEST_BYTES_PER_S = 1024
#: Received and not read yet: then the sender waits.
AHEAD_BYTES = 1024 * 1024


class BodyStalled(Exception):
    """The sender fell silent within its body, or all but."""


@dataclass(slots=True)
class Pace:
    """How fast a body comes. What we do with it meanwhile does not count."""

    waited_s: float = 0.0
    came: int = 0  # bytes

    def add(self, waited_s: float, came: int) -> None:
        """So many bytes came after such a wait. Raises BodyStalled where all of them came too slowly."""
        self.waited_s += waited_s
        self.came += came
        if self.waited_s > STALL_S and self.came < self.waited_s * SLOWEST_BYTES_PER_S:
            raise BodyStalled(f"the body comes at less than {SLOWEST_BYTES_PER_S} bytes a second")


class _Ahead:
    """Pieces between the loop, which puts them, and one thread, which takes them."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._pieces: SimpleQueue[bytes | Exception | None] = SimpleQueue()
        self._put = 0  # bytes; only the loop writes it
        self._taken = 0  # the same of the thread
        self._is_held = False
        self._room = asyncio.Event()

    async def put(self, piece: bytes) -> None:
        """When this returns there is room for more."""
        self._put += len(piece)
        self._pieces.put(piece)
        if self._put - self._taken <= AHEAD_BYTES:
            return
        self._is_held = True  # before the look: a thread that takes meanwhile says so
        while self._put - self._taken > AHEAD_BYTES:
            self._room.clear()
            await self._room.wait()
        self._is_held = False

    def end(self, because: Exception | None = None) -> None:
        """Nothing follows: the body is whole, or broke off."""
        self._pieces.put(because)

    def take(self) -> Iterator[bytes]:
        """To be gone through in the thread. Raises what the body ended with."""
        while isinstance(piece := self._pieces.get(), bytes):
            yield piece
            self._taken += len(piece)
            if self._is_held and self._put - self._taken <= AHEAD_BYTES // 2:
                self._loop.call_soon_threadsafe(self._room.set)
        if piece is not None:
            raise piece


@asynccontextmanager
async def read_ahead(request: Request) -> AsyncIterator[Iterator[bytes]]:
    """The body while it comes, for a thread. It raises BodyStalled, and ClientDisconnect."""
    ahead = _Ahead()
    receiver = asyncio.create_task(_receive(request, ahead))
    try:
        yield ahead.take()
    finally:
        receiver.cancel()
        with suppress(asyncio.CancelledError):
            await receiver


async def _receive(request: Request, ahead: _Ahead) -> None:
    because: Exception | None = ClientDisconnect()  # whatever ends us before the body does
    pace = Pace()
    stream = request.stream()
    try:
        async with asyncio.timeout(None) as stall:
            clock = asyncio.get_running_loop().time
            while True:
                began = clock()
                stall.reschedule(began + STALL_S)
                piece = await anext(stream, None)
                if piece is None:
                    break
                pace.add(clock() - began, len(piece))
                stall.reschedule(None)  # we are the ones who wait now, for room
                if piece:
                    await ahead.put(piece)
        because = None
    except TimeoutError:
        because = BodyStalled("the sender fell silent within its body")
    except (BodyStalled, ClientDisconnect) as error:
        because = error
    finally:
        ahead.end(because)
