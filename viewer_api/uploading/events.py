"""Uploads as they go on, told while they do: server-sent events (HTML Living Standard §9.2).

Each event is one upload as it stands, with the number of its last change as its ID. So an event that comes
twice does no harm, and who comes back with Last-Event-ID hears what changed meanwhile.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from time import monotonic
from uuid import UUID

import orjson
from anyio import sleep
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from storage.driver_errors import mapped_errors
from storage.upload import State, Upload, Uploader
from storage.upload_rows import UPLOAD_COLUMNS
from viewer_api.problems import RETRY_AFTER_S, problem
from viewer_api.uploading.shown import as_json

#: Streams of one process, and of one person in it.
STREAMS = 100
STREAMS_A_PERSON = 6

LOOK_EVERY_S = 1.0
#: A proxy takes a connection that is silent for longer for dead.
SILENT_S = 15.0
#: Then the reader comes back by itself, and it is asked anew whether they may.
STREAM_S = 600.0

#: Numbers are given before their changes are committed: one that is lower may be seen later.
_SLACK = 500
#: Where an upload stays, but for what a person does.
_ENDED = (State.KEPT, State.REFUSED)

_CHANGED = f"""
    select {UPLOAD_COLUMNS} from upload
    where actor_kind = %s and actor = %s and actor_trust = %s and changed > %s and state <> 'removed'
        and (%s::uuid is null or id = %s)
    order by changed limit 1000
"""


@dataclass(slots=True)
class Streams:
    """All streams of this process."""

    pool: AsyncConnectionPool
    open: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    async def answer(self, whose: Uploader, after: int, only: UUID | None) -> Response:
        """A stream of what changed `after`, of one upload or of all of a person."""
        if self.open.total() >= STREAMS or self.open[whose.key] >= STREAMS_A_PERSON:
            busy, headers = HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": str(RETRY_AFTER_S)}
            return problem(busy, "Too many streams", "close one of them", headers)
        if only is not None and after and await self._has_ended(whose, after, only):
            return Response(status_code=HTTPStatus.NO_CONTENT)  # then a browser does not come back
        self.open[whose.key] += 1
        return _Stream(self._events(whose, after, only), partial(self._close, whose.key))

    def _close(self, key: tuple[str, str, str]) -> None:
        self.open[key] -= 1

    async def _has_ended(self, whose: Uploader, after: int, only: UUID) -> bool:
        found = await self._changed(whose, 0, only)
        return not found or (found[0].state in _ENDED and found[0].changed <= after)

    async def _events(self, whose: Uploader, after: int, only: UUID | None) -> AsyncIterator[bytes]:
        told: dict[UUID, int] = {}
        began = spoke = monotonic()
        yield b"retry: 2000\n\n"
        while monotonic() - began < STREAM_S:
            for upload in await self._changed(whose, after - _SLACK if told else after, only):
                if told.get(upload.id) == upload.changed:
                    continue
                told[upload.id], after, spoke = upload.changed, max(after, upload.changed), monotonic()
                yield event_of(upload)
                if only is not None and upload.state in _ENDED:
                    return
            if monotonic() - spoke > SILENT_S:
                spoke = monotonic()
                yield b": still here\n\n"
            await sleep(LOOK_EVERY_S)

    async def _changed(self, whose: Uploader, after: int, only: UUID | None) -> list[Upload]:
        with mapped_errors():
            async with self.pool.connection() as connection:
                cursor = connection.cursor(row_factory=class_row(Upload))
                return await (await cursor.execute(_CHANGED, (*whose.key, after, only, only))).fetchall()


class _Stream(StreamingResponse):
    """Says when it is over, however it ends."""

    def __init__(self, events: AsyncIterator[bytes], close: Callable[[], None]) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(events, HTTPStatus.OK, headers, "text/event-stream")
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._close()


def event_of(upload: Upload) -> bytes:
    """One event; JSON holds no line breaks."""
    return b"id: %d\nevent: upload\ndata: %s\n\n" % (upload.changed, orjson.dumps(as_json(upload)))


def last_event(text: str) -> int:
    """Last-Event-ID; 0 where there is none that we gave."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
