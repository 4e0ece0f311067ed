"""A request's body as it comes, for a thread that reads it, and no slower than we wait."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import monotonic

from anyio import fail_after, from_thread
from starlette.requests import Request

#: Of silence within a body: then the sender has gone.
STALL_S = 30.0
#: Slower than this, over all the time that we waited for it, a body keeps a thread from others.
SLOWEST_BYTES_PER_S = 1024


class BodyStalled(Exception):
    """The sender fell silent within its body, or all but."""


@dataclass(slots=True)
class Pace:
    """How fast a body comes. What we do with it meanwhile does not count."""

    clock: Callable[[], float] = monotonic
    waited_s: float = 0.0
    came: int = 0  # bytes

    def timed(self, ask: Callable[[], bytes | None]) -> bytes | None:
        """The next piece. Raises BodyStalled where all of them came too slowly."""
        began = self.clock()
        more = ask()
        self.waited_s += self.clock() - began
        self.came += len(more or b"")
        if self.waited_s > STALL_S and self.came < self.waited_s * SLOWEST_BYTES_PER_S:
            raise BodyStalled(f"the body comes at less than {SLOWEST_BYTES_PER_S} bytes a second")
        return more


def pieces(request: Request) -> Iterator[bytes]:
    """The body as it comes. Raises BodyStalled, and ClientDisconnect."""
    stream = request.stream()

    async def piece() -> bytes | None:
        try:
            with fail_after(STALL_S):
                return await anext(stream, None)
        except TimeoutError as error:
            raise BodyStalled("the sender fell silent within its body") from error

    pace = Pace()
    while (more := pace.timed(lambda: from_thread.run(piece))) is not None:
        if more:
            yield more
