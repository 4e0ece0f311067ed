"""The server's HTTP protocol, bounded: a request's head comes whole, soon, and small, or the connection ends.

uvicorn waits for a head for ever, and holds of it whatever comes: thousands of connections that say a byte
now and then would take all there are.
"""

from asyncio import TimerHandle, Transport

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: From the first byte of a connection, or of the next request, to the end of its head.
HEAD_S = 20.0
#: More than the limits of viewer_api.limits, which answer with a status.
HEAD_LIMIT_BYTES = 128 * 1024


class BoundedHeads(HttpToolsProtocol):
    """One connection."""

    head_s = HEAD_S
    _timer: TimerHandle | None = None
    _head_bytes = 0
    _is_in_head = True

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """The first head is waited for from now on."""
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._head_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """A head that does not end within its limit never does."""
        self._head_bytes += len(data) if self._is_in_head else 0
        super().data_received(data)
        if self._is_in_head and self._head_bytes > HEAD_LIMIT_BYTES:
            self.transport.abort()

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        if not self._is_in_head:
            self._head_bytes = 0
            self._wait_for_head()

    def on_headers_complete(self) -> None:
        """The head is whole; what follows is bounded by whoever reads it."""
        self._head_came()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """The same as uvicorn's, which copies each piece twice more: into a buffer, and out of it."""
        if self.cycle.response_complete:
            return
        before = self.cycle.body
        self.cycle.body = before + body if before else body  # type: ignore[assignment]
        if len(self.cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        self.cycle.message_event.set()

    def _wait_for_head(self) -> None:
        self._is_in_head = True
        self._timer = self.loop.call_later(self.head_s, self.transport.abort)

    def _head_came(self) -> None:
        self._is_in_head = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
