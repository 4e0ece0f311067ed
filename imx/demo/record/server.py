"""The small care record behind HTTP, in a thread; it fails when it is told to."""

import json
import socket
import ssl
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from imx.demo.record.pointers import Pointers
from imx.demo.record.store import Json, Refusal, Store

_FHIR_JSON = "application/fhir+json"


class Fault(Enum):
    """How a request can come to nothing."""

    SILENCE = "no answer at all"
    CUT_BEFORE = "the connection ends before anything is done"
    CUT_AFTER = "the connection ends after it is done, before the answer"
    SLOW = "an answer after a while"


@dataclass
class RecordServer:
    """One care record on a loopback port."""

    store: Store = field(default_factory=Store)
    token: str = ""  # that clients have to show, "" for none
    client: tuple[str, str] = ("", "")  # the name and secret for which /token gives that token
    faults: deque[Fault | int] = field(
        default_factory=deque
    )  # for the next requests; a number is an HTTP status
    slow_s: float = 0.2
    seen: list[tuple[str, str]] = field(default_factory=list)  # method and path of each request
    stopped: Event = field(default_factory=Event)
    url: str = ""
    most_entries: int = 500  # of one transaction: what is more is refused
    pointers: Pointers | None = None  # it is a record locator, which takes nothing but pointers

    @contextmanager
    def serving(self, tls: ssl.SSLContext | None = None, port: int = 0) -> Iterator["RecordServer"]:
        """On a free port, unless one is named."""
        http = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        http.daemon_threads = True
        if tls is not None:
            http.socket = tls.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"{'https' if tls else 'http'}://localhost:{http.server_address[1]}/fhir"
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.stopped.set()
            http.shutdown()
            http.server_close()
            thread.join()

    def answer(self, method: str, path: str, body: bytes, headers: Json) -> tuple[int, Json | None, str]:
        """A FHIR interaction: status, resource and location."""
        url = path.removeprefix("/fhir").lstrip("/")
        try:
            if url.endswith("/_search"):
                method, url, body = "GET", f"{url.removesuffix('/_search')}?{body.decode()}", b""
            resource = json.loads(body) if body else None
            if self.pointers is not None:
                return self.pointers.answer(method, url, resource)
            if method == "POST" and not url:
                if len((resource or {}).get("entry", ())) > self.most_entries:
                    raise Refusal(400, "too-costly", "too many entries at once")
                return 200, self.store.transaction(resource or {}), ""
            answer = self.store.interact(method, url, resource, headers)
        except Refusal as error:
            return error.status, error.outcome, ""
        response = answer["response"]
        return int(response["status"].split()[0]), answer.get("resource"), response.get("location", "")


def _handler(server: RecordServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

        def do_POST(self) -> None:
            self._take("POST")

        def do_PUT(self) -> None:
            self._take("PUT")

        def do_PATCH(self) -> None:
            self._take("PATCH")

        def do_DELETE(self) -> None:
            self._take("DELETE")

        def do_GET(self) -> None:
            self._take("GET")

        def _take(self, method: str) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            server.seen.append((method, urlsplit(self.path).path))
            if self.path == "/token":
                return self._token(raw)
            fault = server.faults.popleft() if server.faults else None
            match fault:
                case Fault.SILENCE:
                    server.stopped.wait(60)
                    return self._hang_up()
                case Fault.CUT_BEFORE:
                    return self._hang_up()
                case int():
                    return self._send(fault, Refusal(fault, "transient", "told to fail").outcome)
                case Fault.SLOW:
                    time.sleep(server.slow_s)
            if server.token and self.headers.get("Authorization") != f"Bearer {server.token}":
                return self._send(401, Refusal(401, "login", "no token, or another").outcome)
            headers = {
                name: value
                for name, header in (("ifMatch", "If-Match"), ("ifNoneExist", "If-None-Exist"))
                if (value := self.headers.get(header))
            }
            status, resource, location = server.answer(method, self.path, raw, headers)
            if fault is Fault.CUT_AFTER:
                return self._hang_up()
            return self._send(status, resource, location)

        def _token(self, raw: bytes) -> None:
            """OAuth 2 client credentials (RFC 6749 §4.4)."""
            asked = {name: values[0] for name, values in parse_qs(raw.decode()).items()}
            shown = (asked.get("client_id", ""), asked.get("client_secret", ""))
            if asked.get("grant_type") != "client_credentials" or shown != server.client:
                return self._send(401, {"error": "invalid_client"})
            return self._send(200, {"access_token": server.token, "token_type": "Bearer", "expires_in": 300})

        def _send(self, status: int, body: Json | None, location: str = "") -> None:
            data = json.dumps(body).encode() if body is not None else b""
            with suppress(OSError):
                self.send_response(status)
                self.send_header("Content-Type", _FHIR_JSON)
                self.send_header("Content-Length", str(len(data)))
                if location:
                    self.send_header("Location", f"{server.url}/{location}")
                self.end_headers()
                self.wfile.write(data)

        def _hang_up(self) -> None:
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

    return Handler
