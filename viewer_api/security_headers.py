"""ASGI middleware: what every answer tells browsers, where the answer does not say otherwise itself."""

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Pages of ours say their own policy (viewer_api.pages); data are no page of anybody's.
HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_POLICY = "Content-Security-Policy"
#: A worker's code has a policy of its own, which its page's answer says.
_CODE = ("javascript", "wasm")
_A_YEAR = "max-age=31536000"


class SecurityHeaders:
    """Adds HEADERS, and holds browsers to TLS where that is how we are reached (RFC 6797)."""

    def __init__(self, app: ASGIApp, public_url: str) -> None:
        self._app = app
        secure = {"Strict-Transport-Security": _A_YEAR} if public_url.startswith("https:") else {}
        self._headers = {**HEADERS, **secure}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                is_code = any(each in headers.get("content-type", "") for each in _CODE)
                for name, value in self._headers.items():
                    if not (is_code and name == _POLICY):
                        headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)
