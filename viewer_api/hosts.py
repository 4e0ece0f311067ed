"""By which names an open service lets itself be called.

A page of the web may let its own name point to this machine (DNS rebinding); its reader's browser would then
take an open service for a part of that page, and show it what is kept here. Such a request names the page's
host.
"""

import re
from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from viewer_api.problems import problem

_LOOPBACK = re.compile(rb"(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?", re.IGNORECASE)


class LoopbackOnly:
    """ASGI middleware: who calls another name than this machine's own hears 421 (RFC 9110 §15.5.20)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] == "http":
            hosts = [value for name, value in scope["headers"] if name == b"host"]
            if len(hosts) != 1 or not _LOOPBACK.fullmatch(hosts[0]):
                status = HTTPStatus.MISDIRECTED_REQUEST
                why = "an open service answers to localhost, 127.0.0.1 and [::1] alone"
                await problem(status, status.phrase, why)(scope, receive, send)
                return
        await self._app(scope, receive, send)
