"""The DICOMweb benchmark's reader, against answers of every form, and its verdicts."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.dicomweb import CROWD, STOW, TILE, Timing, report, verdicts
from benchmarks.readers import Asking, NotRead, Reader, Server, ask_all
from benchmarks.viewing import CASES

_HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n"
_UNTIL_CLOSED = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"
_NOTHING = b"HTTP/1.1 204 No Content\r\n\r\n"


@contextmanager
def answering(answer: bytes, step: int) -> Iterator[Server]:
    """A server that gives this answer to whatever is asked, so many bytes at a time."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve(connection: socket.socket) -> None:
            with connection:
                while connection.recv(65536):
                    for start in range(0, len(answer), step):
                        connection.sendall(answer[start : start + step])
                    if b"close" in answer:
                        return

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield Server("test", listener.getsockname()[1], {})


@pytest.mark.parametrize("step", [1, 7, 1000])
@pytest.mark.parametrize(("answer", "size"), [(_HELLO, 5), (_CHUNKED, 5), (_UNTIL_CLOSED, 5), (_NOTHING, 0)])
def test_a_reader_knows_where_an_answer_ends(answer: bytes, size: int, step: int) -> None:
    with answering(answer, step) as server:
        reader = Reader(server)
        request = server.get("/studies", "*/*", Asking.PLAIN)

        assert [reader.ask(request) for _ in range(3)] == [size] * 3
        reader.close()


def test_a_crowd_hears_every_answer() -> None:
    with answering(_CHUNKED, 11) as server:
        assert len(ask_all(server, [server.get("/studies", "*/*", Asking.BROWSER)], readers=5, each=4)) == 20


def test_an_answer_that_is_none_has_no_time() -> None:
    with answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 100) as server:
        reader = Reader(server)
        with pytest.raises(NotRead, match="404"):
            reader.ask(server.get("/studies", "*/*", Asking.PLAIN))
        reader.close()


def test_every_bar_has_its_verdict() -> None:
    askings = [each.name.lower() for each in Asking]
    timings = [
        Timing(server, case, asking, seconds, seconds)
        for server, seconds in (("imx", 0.001), ("Orthanc", 1.0))
        for case, asking in [
            *((case.name, asking) for case in CASES for asking in askings),
            *((CROWD, asking) for asking in askings),
            (STOW, ""),
        ]
    ]
    timings.append(Timing("imx", TILE, "", 0.001))

    said = verdicts(timings)

    assert len(said) == 2 * (len(CASES) + 1) + 2
    assert all(line.startswith("met") for line in said)
    assert TILE in report(timings)
