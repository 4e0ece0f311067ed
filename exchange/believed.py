"""What the database said of a secret, believed for a few seconds: a reader asks a thousand times a minute."""

import asyncio
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")

#: How long an answer is believed: a revocation takes effect everywhere within this time.
BELIEVED_S = 5.0
_REMEMBERED = 4_096


class Believed(Generic[T]):
    """Answers by the digest of what was shown. Many who ask for the same at once wait for one answer."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[float, T]] = {}
        self._asking: dict[bytes, asyncio.Task[T]] = {}

    async def find(self, digest: bytes, ask: Callable[[], Coroutine[None, None, T]]) -> T:
        """What is known, or what `ask` says. Raises what it raises."""
        known = self._known.get(digest)
        if known is not None and known[0] > monotonic():
            return known[1]
        asking = self._asking.get(digest)
        if asking is None:
            asking = self._asking[digest] = asyncio.create_task(self._ask(digest, ask))
        return await asyncio.shield(asking)

    def forget(self, digest: bytes) -> None:
        """Ask anew: it was changed here. An answer that is on its way is not believed either."""
        self._known.pop(digest, None)
        self._asking.pop(digest, None)

    def forget_all(self) -> None:
        """Ask anew for everything."""
        self._known.clear()
        self._asking.clear()

    async def _ask(self, digest: bytes, ask: Callable[[], Coroutine[None, None, T]]) -> T:
        until = monotonic() + BELIEVED_S
        ours = asyncio.current_task()
        try:
            found = await ask()
            if self._asking.get(digest) is ours:
                self._known.pop(digest, None)
                while len(self._known) >= _REMEMBERED:
                    del self._known[next(iter(self._known))]
                self._known[digest] = (until, found)
            return found
        finally:
            if self._asking.get(digest) is ours:
                del self._asking[digest]
