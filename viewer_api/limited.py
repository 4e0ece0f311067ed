"""ASGI middleware around every route: requests beyond viewer_api.limits are refused before anything else."""

import asyncio
from contextlib import suppress
from http import HTTPStatus

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from storage.errors import ArchiveError
from viewer_api.fhir.outcomes import is_fhir, refusal
from viewer_api.limits import BODY_LIMIT_BYTES, Broken, broken_by_head
from viewer_api.problems import problem
from viewer_api.readers import Readers
from viewer_api.uploading.tus import is_below as is_upload
from viewer_api.urls import PREFIX

#: In which a body that is not stored has to be whole.
BODY_S = 60.0
#: Bodies that may be as large and take as long as they need: viewer_api.bodies_in bounds them.
_STORED = f"{PREFIX}/studies"
_SENT = ("POST", "PATCH")


class BeyondLimits(Exception):
    """A body turned out to be larger, or slower, than any that is taken."""

    def __init__(self, broken: Broken) -> None:
        super().__init__(broken.because)
        self.broken = broken


class Limited:
    """Refuses with a problem body. What an account sent is recorded as a refusal."""

    def __init__(self, app: ASGIApp, readers: Readers, body_s: float = BODY_S) -> None:
        self._app = app
        self._readers = readers
        self._body_s = body_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        raw_path = scope.get("raw_path") or scope["path"].encode()
        broken = broken_by_head(raw_path, scope["query_string"], scope["headers"])
        if broken is not None:
            await self._refuse(broken, scope, receive, send)
            return
        if scope["method"] in _SENT and (scope["path"].startswith(_STORED) or is_upload(scope["path"])):
            await self._app(scope, receive, send)
            return
        await self._bounded(scope, receive, send)

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        came, is_whole, has_begun = 0, False, False
        deadline = asyncio.get_running_loop().time() + self._body_s

        async def bounded_receive() -> Message:
            nonlocal came, is_whole
            if is_whole:  # what follows is that the reader goes, whenever that is
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError as error:
                because = "a body that takes too long"
                raise BeyondLimits(Broken(HTTPStatus.REQUEST_TIMEOUT, because)) from error
            came += len(message.get("body", b""))
            is_whole = not message.get("more_body", False)
            if came > BODY_LIMIT_BYTES:
                because = f"a body of more than {BODY_LIMIT_BYTES:,} bytes"
                raise BeyondLimits(Broken(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, because))
            return message

        async def noted_send(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        if (declared := _declared(scope)) > BODY_LIMIT_BYTES:
            because = f"a body of {declared:,} bytes, and {BODY_LIMIT_BYTES:,} are taken here"
            await self._refuse(Broken(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, because), scope, receive, send)
            return
        try:
            await self._app(scope, bounded_receive, noted_send)
        except BeyondLimits as error:
            if has_begun:
                raise
            await self._refuse(error.broken, scope, receive, send)

    async def _refuse(self, broken: Broken, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        with suppress(ArchiveError):  # the database is away: it is refused all the same
            await self._readers.turn_away(request, broken.because)
        headers = {"Connection": "close"}  # what is left of the body is not read
        if is_fhir(request):
            answer = refusal(request, broken.status, broken.because, headers)
        else:
            answer = problem(broken.status, broken.status.phrase, broken.because, headers)
        await answer(scope, receive, send)


def _declared(scope: Scope) -> int:
    """What Content-Length says, which the server has read as a number."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0
