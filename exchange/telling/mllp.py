"""Sending HL7 v2 messages by MLLP, each answered before the next leaves (HL7 v2.5.1 §2.9.2)."""

import socket
import ssl
from contextlib import suppress
from time import monotonic
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from exchange.hl7.errors import BadMessage
from exchange.hl7.framing import Deframer, NotMllp, framed
from exchange.hl7.message import Message, read_message
from exchange.telling.port import NotHeard
from exchange.telling.subscriber import Subscriber
from exchange.telling.web import tls_context

CONNECT_S = 10.0
ANSWER_S = 30.0
#: No acknowledgement is longer.
_LONGEST = 64 * 1024


class Mllp:
    """One receiver, spoken to by one thread over one connection, which is kept between messages."""

    def __init__(self, subscriber: Subscriber) -> None:
        self._subscriber = subscriber
        self._connection: socket.socket | None = None

    def send(self, message: bytes, control_id: str) -> Message:
        """What it answers to this message. Raises NotHeard where it does not, and hangs up."""
        try:
            connection = self._connected()
            connection.sendall(framed(message))
            answer = self._answer(connection)
        except OSError as error:
            self.close()
            raise NotHeard(f"no answer from its address ({type(error).__name__})") from error
        except (NotMllp, BadMessage) as error:
            self.close()
            raise NotHeard("what answers at its address is no HL7 v2 by MLLP") from error
        said = answer.first("MSA")
        if said is None or said.text(2) != control_id:
            self.close()
            raise NotHeard("it answers another message than was sent")
        return answer

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            with suppress(OSError):
                self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _connected(self) -> socket.socket:
        if self._connection is not None and _is_gone(self._connection):
            self.close()  # receivers hang up on who is silent for long
        if self._connection is None:
            parts = urlsplit(self._subscriber.address)
            host = parts.hostname or ""
            context = tls_context(self._subscriber.manner) if parts.scheme == "mllps" else None
            connection = socket.create_connection((host, parts.port or 0), timeout=CONNECT_S)
            self._connection = connection
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is not None:
                self._connection = context.wrap_socket(connection, server_hostname=host)
        return self._connection

    def _answer(self, connection: socket.socket) -> Message:
        deframer, until = Deframer(_LONGEST), monotonic() + ANSWER_S
        while True:
            left = until - monotonic()
            if left <= 0:
                raise TimeoutError
            connection.settimeout(left)
            data = connection.recv(_LONGEST)
            if not data:
                raise ConnectionResetError
            if messages := deframer.feed(data):
                return read_message(messages[0])


def _is_gone(connection: socket.socket) -> bool:
    """Whether the other end has hung up, or says something that nobody asked for."""
    try:
        connection.settimeout(0.0)
        connection.recv(1)
    except (BlockingIOError, InterruptedError, ssl.SSLWantReadError):
        return False
    except OSError:
        pass
    return True
