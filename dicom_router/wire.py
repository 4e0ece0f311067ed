"""A connection as a stream of bytes under timers: one thread, one buffer that is used again and again.

Why not pynetdicom's: its threads poll. A stock sender writes a PDU's header and body apart with Nagle on,
and then waits up to 40 ms for a delayed acknowledgement; asking for quick acknowledgement after each read
(Linux takes the wish back by itself) removes that wait for every modality without touching it.
"""

import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice
from math import inf
from struct import Struct
from time import monotonic

from dicom_router.errors import AssociationError, PeerStalled, PeerVanished
from dicom_router.pdus import Buffer

#: Large enough to empty a full receive window in a few reads, small enough to stay in a core's cache: two
#: PDUs of DCMTK's 128 KiB with a command before them, so that their fragments are seldom cut by its end.
BUFFER_BYTES = 272 * 1024

_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)  # Linux
_TIMEVAL = Struct("ll")
_CLOSED = "the peer closed the connection without a release"
_PIECES_AT_ONCE = 1024  # IOV_MAX of Linux


class Wire:
    """Bytes from and to one peer.

    `tick` is called about every `tick_s` while nothing arrives: it may raise to end the wait.
    `due` is the monotonic time by which bytes must have come; `patience_s` bounds each single wait.
    """

    def __init__(self, connection: socket.socket, tick_s: float, tick: Callable[[], None]) -> None:
        self.due = inf
        self.patience_s = inf
        self.waited_s = 0.0  # time spent waiting for the peer, since it was last set to 0
        self._socket = connection
        self._tick_s = tick_s
        self.tick = tick
        self._buffer = memoryview(bytearray(BUFFER_BYTES))
        self._start = 0
        self._end = 0
        self._is_tcp = connection.family in (socket.AF_INET, socket.AF_INET6)
        self._set_up()

    def _set_up(self) -> None:
        if self._is_tcp:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if isinstance(self._socket, ssl.SSLSocket):
            # OpenSSL retries by itself on a socket that blocks, so the kernel's timer would not be seen.
            self._socket.settimeout(self._tick_s)
        else:
            # The kernel's timer costs nothing; Python's would add a poll() to every read.
            self._socket.settimeout(None)
            seconds, rest = divmod(self._tick_s, 1)
            timeval = _TIMEVAL.pack(int(seconds), max(1, int(rest * 1_000_000)))
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)
        self._quick_acknowledgement()

    @property
    def has_input(self) -> bool:
        """Whether bytes have been read that nobody has taken yet."""
        return self._end > self._start

    def wait(self) -> None:
        """Until something has come."""
        if not self.has_input:
            self._fill(1)

    def comes_within(self, seconds: float) -> bool:
        """Whether something comes in that time; it is yet to be taken."""
        due, patience_s = self.due, self.patience_s
        self.due, self.patience_s = monotonic() + seconds, inf
        try:
            self.wait()
        except PeerStalled:
            return self.has_input
        finally:
            self.due, self.patience_s = due, patience_s
        return True

    def take(self, count: int) -> memoryview:
        """Exactly `count` bytes, valid until the next call. At most the size of the buffer."""
        while self._end - self._start < count:
            self._fill(count)
        start = self._start
        self._start = start + count
        return self._buffer[start : start + count]

    def look(self) -> memoryview:
        """What has come and nobody has taken, without waiting for more; valid until the next call.

        Raises PeerVanished where the peer has closed, and nothing is left to be taken.
        """
        if self._start == self._end:
            self._start = self._end = 0
        elif self._end == BUFFER_BYTES:
            self._move_to_front()
        if self._end < BUFFER_BYTES:
            try:
                count = self._receive_what_is_there()
            except (BlockingIOError, TimeoutError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                count = -1
            except (OSError, ValueError) as error:
                raise PeerVanished(f"the connection broke ({type(error).__name__})") from error
            if count == 0 and not self.has_input:
                raise PeerVanished(_CLOSED)
            if count > 0:
                self._end += count
                self._quick_acknowledgement()
        return self._buffer[self._start : self._end]

    def _receive_what_is_there(self) -> int:
        room = self._buffer[self._end :]
        if not isinstance(self._socket, ssl.SSLSocket):
            return self._socket.recv_into(room, 0, socket.MSG_DONTWAIT)
        self._socket.settimeout(0)
        try:
            return self._socket.recv_into(room)
        finally:
            self._socket.settimeout(self._tick_s)

    def take_some(self, limit: int) -> memoryview:
        """From one to `limit` bytes, as many as have come, valid until the next call."""
        if self._end == self._start:
            self._fill(1)
        start = self._start
        stop = min(self._end, start + limit)
        self._start = stop
        return self._buffer[start:stop]

    def take_all(self, count: int) -> bytes:
        """Exactly `count` bytes, of any size, as a copy."""
        pieces = bytearray()
        while len(pieces) < count:
            pieces += self.take_some(count - len(pieces))
        return bytes(pieces)

    def _fill(self, wanted: int) -> None:
        if self._start == self._end:
            self._start = self._end = 0
        elif self._start + wanted > BUFFER_BYTES:
            self._move_to_front()
        before = monotonic()
        due = min(self.due, before + self.patience_s)
        while True:
            try:
                count = self._socket.recv_into(self._buffer[self._end :])
            except (BlockingIOError, TimeoutError, ssl.SSLWantReadError):
                if monotonic() > due:
                    raise PeerStalled("the peer was silent for too long") from None
                self.tick()
                continue
            except (OSError, ValueError) as error:
                raise PeerVanished(f"the connection broke ({type(error).__name__})") from error
            break
        if count == 0:
            raise PeerVanished(_CLOSED)
        self._end += count
        self._quick_acknowledgement()
        now = monotonic()
        self.waited_s += now - before
        if now > due:
            raise PeerStalled("the peer was too slow")

    def _move_to_front(self) -> None:
        left = self._end - self._start
        self._buffer[:left] = bytes(self._buffer[self._start : self._end])
        self._start, self._end = 0, left

    def _quick_acknowledgement(self) -> None:
        if _QUICKACK is not None and self._is_tcp:
            with suppress(OSError):
                self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)

    def send(self, data: bytes, patience_s: float) -> None:
        """Write all of it, usually in one call."""
        due = monotonic() + patience_s
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._socket.send(rest) :]
            except (BlockingIOError, TimeoutError, ssl.SSLWantWriteError):
                if monotonic() > due:
                    raise PeerStalled("the peer does not read what we answer") from None
            except (OSError, ValueError) as error:
                raise PeerVanished(f"the connection broke ({type(error).__name__})") from error

    def send_pieces(self, pieces: Sequence[Buffer], patience_s: float) -> None:
        """Write all of them, together and without putting them together where the system can."""
        if isinstance(self._socket, ssl.SSLSocket):
            self.send(b"".join(pieces), patience_s)
            return
        due = monotonic() + patience_s
        left = deque(pieces)
        while left:
            try:
                sent = self._socket.sendmsg(list(islice(left, _PIECES_AT_ONCE)))
            except (BlockingIOError, TimeoutError):
                if monotonic() > due:
                    raise PeerStalled("the peer does not read what we send") from None
                continue
            except (OSError, ValueError) as error:
                raise PeerVanished(f"the connection broke ({type(error).__name__})") from error
            while left and sent >= len(left[0]):
                sent -= len(left.popleft())
            if sent:
                left[0] = memoryview(left[0])[sent:]

    def hang_up(self, patience_s: float) -> None:
        """Wait for the peer to close, as it should after our last word.

        What still comes is thrown away: closing over unread bytes would reset the connection, and the
        peer might never read that last word (PS3.8 §9.2.3, Sta13).
        """
        due = monotonic() + patience_s
        if isinstance(self._socket, ssl.SSLSocket):
            with suppress(OSError, ValueError):
                self._socket.unwrap()  # close_notify; the peer's own is waited for at most a tick
        # Plain socket calls from here on: what is thrown away need not be decrypted.
        with suppress(AssociationError, OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_WR)
            while monotonic() < due:
                try:
                    if not socket.socket.recv_into(self._socket, self._buffer):
                        return
                except (BlockingIOError, TimeoutError):
                    self.tick()
