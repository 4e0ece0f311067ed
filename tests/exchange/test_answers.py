"""Answers of services are read whole, within bounds, from real servers that mean no good."""

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import httpx
import pytest

from exchange.answers import Endless, whole_answer

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

Serve = Callable[[bytes, bytes], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A server that answers with some bytes, and then with others for as long as anybody listens."""
    sockets: list[socket.socket] = []

    def started(first: bytes, for_ever: bytes) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        sockets.append(listener)

        def answer() -> None:
            with suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(first)
                    while for_ever:
                        connection.sendall(for_ever)

        threading.Thread(target=answer, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield started
    for each in sockets:
        each.close()


def test_an_answer_is_read_whole_however_it_was_packed(serve: Serve) -> None:
    packed = gzip.compress(b'{"a":1}')
    url = serve(HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed, b"")
    with httpx.Client() as client:
        answer = whole_answer(client, client.build_request("GET", url))
    assert (answer.status_code, answer.json()) == (200, {"a": 1})
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(("limit_bytes", "within_s"), [(100_000, 60.0), (10**12, 0.2)])
def test_one_without_end_ends(serve: Serve, limit_bytes: int, within_s: float) -> None:
    url = serve(HEAD + b"\r\n", b"x" * 1000)
    with httpx.Client() as client, pytest.raises(Endless):
        whole_answer(client, client.build_request("GET", url), limit_bytes, within_s)


def test_much_in_little_ends(serve: Serve) -> None:
    packed = gzip.compress(b"0" * 50_000_000)
    url = serve(HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed, b"")
    with httpx.Client() as client, pytest.raises(Endless):
        whole_answer(client, client.build_request("GET", url), 1_000_000)
