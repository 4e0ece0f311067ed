"""How a part is doing that runs on its own and has no HTTP edge: a router, an HL7 door, a worker.

The same three addresses as the HTTP edge has, for the same people (ADR 0008, ADR 0068).
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import psycopg
import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from exchange import tokens
from exchange.policy import Action, Decision, Purpose, Subject, may
from imx.listening import open_listener
from imx.settings import Settings
from imx.wiring import database_url
from storage.errors import ArchiveError
from storage.migrations import is_current

log = structlog.get_logger()

#: For a caller to send its head, and for each of our writes.
PATIENCE_S = 5.0

_JSON = "application/json"
_UNKNOWN = Decision(False, "no token was shown, or one that is unknown, expired or revoked")


@contextmanager
def answering(settings: Settings) -> Iterator[None]:
    """Answer at `operation.port` meanwhile; without one, nothing is. Raises PortInUse and SetupError."""
    ours = settings.operation
    if ours.port is None:
        yield
        return
    with open_listener(ours.host, ours.port, "operation.port") as listener:
        server = _Server(listener.getsockname(), _Answer, bind_and_activate=False)
        server.socket.close()
        server.socket, server.settings = listener, settings
        Thread(target=server.serve_forever, name="operation", daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


class _Server(ThreadingHTTPServer):
    """Each caller in a thread, so that one that is slow keeps no other waiting."""

    daemon_threads = True
    settings: Settings

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that went away, or a fault of ours: a line without what was asked."""
        log.warning("operation.cut")


class _Answer(BaseHTTPRequestHandler):
    server: _Server
    timeout = PATIENCE_S
    server_version = "imx"
    sys_version = ""

    def do_GET(self) -> None:
        """One of the three; anything else is not here."""
        match self.path.partition("?")[0]:
            case "/health/live":
                self._say(HTTPStatus.OK, {"live": True})
            case "/health/ready":
                is_ready = _is_ready(self.server.settings)
                missing = [] if is_ready else ["database"]
                status = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
                self._say(status, {"ready": is_ready, "not_ready": missing})
            case "/metrics":
                self._metrics()
            case _:
                self._say(HTTPStatus.NOT_FOUND, {"title": "There is nothing here"})

    def _metrics(self) -> None:
        try:
            decision = _decided(self.server.settings, self.headers.get("Authorization", ""))
        except ArchiveError:
            self._say(HTTPStatus.SERVICE_UNAVAILABLE, {"title": "The database is away: ask again"})
            return
        if decision.allowed:
            self._send(HTTPStatus.OK, generate_latest(), CONTENT_TYPE_LATEST)
            return
        log.warning("operation.refused", address=self.client_address[0], because=decision.because)
        status = HTTPStatus.UNAUTHORIZED if decision is _UNKNOWN else HTTPStatus.FORBIDDEN
        self._say(status, {"title": decision.because})

    def _say(self, status: HTTPStatus, body: object) -> None:
        self._send(status, json.dumps(body).encode(), _JSON)

    def _send(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        if status is HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", 'Bearer realm="Imaging Exchange"')
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Probes come every few seconds: nothing is written of them."""


def _decided(settings: Settings, authorization: str) -> Decision:
    """Whether whoever shows this may see the numbers. Raises IndexUnavailable."""
    if settings.open:
        return Decision(True, "the service is open: loopback only, for trying it out")
    scheme, _, token = authorization.partition(" ")
    actor = tokens.holder(database_url(settings), token.strip()) if scheme.lower() == "bearer" else None
    if actor is None:
        return _UNKNOWN
    return may(actor, Action.SEE_OPERATION, Purpose.OPERATIONS, Subject())


def _is_ready(settings: Settings) -> bool:
    try:
        return is_current(database_url(settings))
    except psycopg.OperationalError:
        return False
