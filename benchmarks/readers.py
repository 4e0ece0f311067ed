"""A DICOMweb reader so plain that its time is the server's: bytes are counted and thrown away.

httpx and its like need longer to take in half a megabyte than a server to send it. Connections stay open, as
a browser's do; one that the server closes is opened again on the clock, since its reader would wait for it.
"""

import random
import selectors
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

_PATIENCE_S = 120.0
_BUFFER_BYTES = 1024 * 1024
_LINE_BYTES = 4096  # of a head that are looked at together
_HEAD_END = b"\r\n\r\n"


class NotRead(Exception):
    """An answer that is not what was asked for: its time would mean nothing."""


class Asking(Enum):
    """Which encodings of an answer the reader takes. Every browser names some, and cannot be told not to."""

    BROWSER = "gzip, deflate, br, zstd"
    PLAIN = "identity"


@dataclass(frozen=True, slots=True)
class Server:
    """A DICOMweb server on loopback."""

    name: str
    port: int
    headers: Mapping[str, str]
    root: str = "/dicom-web"

    def get(self, path: str, accept: str, asking: Asking) -> bytes:
        """A request for a path below the root."""
        return self._head("GET", path, {"Accept": accept, "Accept-Encoding": asking.value}) + b"\r\n"

    def post(self, path: str, accept: str, content_type: str, length: int) -> bytes:
        """The head of one that brings so many bytes."""
        given = {"Accept": accept, "Content-Type": content_type, "Content-Length": str(length)}
        return self._head("POST", path, given) + b"\r\n"

    def _head(self, method: str, path: str, given: Mapping[str, str]) -> bytes:
        headers = {"Host": f"127.0.0.1:{self.port}", **self.headers, **given}
        lines = [f"{method} {self.root}{path} HTTP/1.1", *(f"{key}: {text}" for key, text in headers.items())]
        return ("\r\n".join(lines) + "\r\n").encode()


class _Answer:
    """One answer as it comes in (RFC 9112 §6, §7.1): told what came, it knows when it is whole."""

    def __init__(self) -> None:
        self.is_whole = False
        self.stays_open = True
        self.size = 0  # of the body, as it was sent
        self._line = b""  # the head, or the line before a chunk, as far as it has come
        self._left = 0  # of the body, or of the chunk and its line end
        self._step: Callable[[memoryview], int] = self._take_head

    def take(self, came: memoryview) -> None:
        """What came, or nothing where the server hung up. Raises NotRead."""
        if not came:
            if self._step != self._take_to_the_end:
                raise NotRead("the server hung up in the middle of an answer")
            self.is_whole = True
        while came and not self.is_whole:
            came = came[self._step(came) :]

    def _take_head(self, came: memoryview) -> int:
        taken = self._take_line(came, _HEAD_END)
        if self._line.endswith(_HEAD_END):
            status, *lines = self._line.decode("latin-1").split("\r\n")
            fields = {
                name.lower(): text.strip().lower() for name, _, text in (a.partition(":") for a in lines)
            }
            number = int(status.split()[1])
            if not 200 <= number < 300:
                raise NotRead(f"the server says {number}")
            self.stays_open = fields.get("connection") != "close"
            self._left = int(fields.get("content-length", 0))
            self.is_whole = number == 204 or fields.get("content-length") == "0"
            self._line = b""
            if fields.get("transfer-encoding") == "chunked":
                self._step = self._take_chunk_line
            else:
                self._step = self._take_body if self._left else self._take_to_the_end
        return taken

    def _take_line(self, came: memoryview, end: bytes) -> int:
        before = len(self._line)
        text = self._line + came[:_LINE_BYTES]
        found = text.find(end)
        self._line = text if found < 0 else text[: found + len(end)]
        return len(self._line) - before

    def _take_body(self, came: memoryview) -> int:
        taken = min(self._left, len(came))
        self._left -= taken
        self.size += taken
        self.is_whole = not self._left
        return taken

    def _take_to_the_end(self, came: memoryview) -> int:
        self.stays_open = False
        self.size += len(came)
        return len(came)

    def _take_chunk_line(self, came: memoryview) -> int:
        taken = self._take_line(came, b"\r\n")
        if self._line.endswith(b"\r\n"):
            size = int(self._line.split(b";")[0], 16)
            self.size += size
            self._left, self._line = size + 2, b""
            self._step = self._take_chunk if size else self._take_last_line
        return taken

    def _take_chunk(self, came: memoryview) -> int:
        taken = min(self._left, len(came))
        self._left -= taken
        if not self._left:
            self._step = self._take_chunk_line
        return taken

    def _take_last_line(self, came: memoryview) -> int:
        """No server here sends trailers."""
        taken = min(self._left, len(came))
        self._left -= taken
        self.is_whole = not self._left
        return taken


class Reader:
    """One connection to a server. Close it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._buffer = bytearray(_BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._answer = _Answer()
        self.socket = self._connected()

    def _connected(self) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self._server.port), timeout=_PATIENCE_S)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def close(self) -> None:
        """Hang up."""
        self.socket.close()

    def begin(self, request: bytes, body: Iterable[bytes] = ()) -> None:
        """Ask, on a new connection where the last answer closed the old one."""
        if not self._answer.stays_open:
            self.socket.close()
            self.socket = self._connected()
        self._answer = _Answer()
        self.socket.sendall(request)
        for piece in body:
            self.socket.sendall(piece)

    def go_on(self) -> bool:
        """Read what has come; whether the answer is whole."""
        count = self.socket.recv_into(self._buffer)
        self._answer.take(self._view[:count])
        return self._answer.is_whole

    def ask(self, request: bytes, body: Iterable[bytes] = ()) -> int:
        """One request to its answer's end; the size of its body. Raises NotRead."""
        self.begin(request, body)
        while not self.go_on():
            pass
        return self._answer.size


def ask_all(server: Server, requests: Sequence[bytes], readers: int, each: int) -> list[float]:
    """The seconds of every answer, of so many readers at once who each ask so often, one after another."""
    chance = random.Random(readers)
    taken: list[float] = []
    left = {Reader(server): each for _ in range(readers)}
    began: dict[Reader, float] = {}
    with selectors.DefaultSelector() as waiting:

        def ask(reader: Reader) -> None:
            began[reader] = time.perf_counter()
            reader.begin(chance.choice(requests))
            waiting.register(reader.socket, selectors.EVENT_READ, reader)

        for reader in left:
            ask(reader)
        while left:
            events = waiting.select(_PATIENCE_S)
            if not events:
                raise NotRead(f"{server.name} is silent")
            for key, _ in events:
                reader = key.data
                if not reader.go_on():
                    continue
                taken.append(time.perf_counter() - began[reader])
                waiting.unregister(reader.socket)
                left[reader] -= 1
                if left[reader]:
                    ask(reader)
                else:
                    reader.close()
                    del left[reader]
    return taken
