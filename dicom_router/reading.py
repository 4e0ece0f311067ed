"""The archive's asynchronous readers, for the router's threads."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from threading import Thread
from typing import Any, TypeVar

from psycopg_pool import AsyncConnectionPool

from exchange.audit import Audit, Look
from storage.archive import Archive
from storage.connecting import open_pool
from storage.objects import ObjectStore

T = TypeVar("T")

#: How long a thread waits for a connection of its own process's.
PATIENCE_S = 10.0


class Reading:
    """What is kept, who looked, and one event loop in which the questions are asked.

    One code reads the index for both edges: it is asynchronous for the API's sake, and a thread of the
    router waits for its answer. Every verb raises what the question raises.
    """

    def __init__(self, database: str, objects: ObjectStore, connections: int) -> None:
        self.objects = objects
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="reading", daemon=True)
        self._thread.start()
        self._pool = self.wait_for(_opened(database, connections))
        self.archive = Archive(self._pool)
        self.audit = Audit(self._pool)

    def wait_for(self, question: Coroutine[Any, Any, T]) -> T:
        """Its answer."""
        return asyncio.run_coroutine_threadsafe(question, self._loop).result()

    def each(self, pages: AsyncIterator[T]) -> Iterator[T]:
        """The same, page by page."""
        while True:
            try:
                yield self.wait_for(_next(pages))
            except StopAsyncIteration:
                return

    def record(self, look: Look) -> None:
        """Commit that somebody looked: before the first answer leaves. Raises IndexUnavailable."""
        self.wait_for(self.audit.record(look))

    def close(self) -> None:
        """Hang up. Nothing may be asked afterwards."""
        self.wait_for(self.audit.close())
        self.wait_for(self._pool.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _opened(database: str, connections: int) -> AsyncConnectionPool:
    pool = open_pool(database, connections, PATIENCE_S)
    await pool.open(wait=False)
    return pool


async def _next(pages: AsyncIterator[T]) -> T:
    return await anext(pages)
