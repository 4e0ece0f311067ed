"""A TCP proxy that delays, refuses and cuts, as a test tells it while it runs."""

import random
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

_PIECE = 16 * 1024


class Proxy:
    """Listens before one port and hands on what comes, both ways."""

    def __init__(self, target: int, *, delay_s: float = 0.0) -> None:
        self.target = target
        self.delay_s = delay_s  # before each piece towards the target
        self.cut_chance = 0.0  # with each piece: both ends are cut
        self.is_down = False  # new connections are closed at once
        self.cuts = 0
        self._chance = random.Random(target)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.is_down = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut_all()

    def take_down(self) -> None:
        """Nothing gets through, and what is open is cut."""
        self.is_down = True
        self.cut_all()

    def bring_up(self) -> None:
        self.is_down = False

    def cut_all(self) -> None:
        with self._lock:
            cut, self._open = self._open, set()
        self.cuts += len(cut) // 2
        for each in cut:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                came, _ = self._listener.accept()
            except OSError:
                return
            if self.is_down:
                came.close()
                continue
            try:
                beyond = socket.create_connection(("127.0.0.1", self.target), timeout=60)
            except OSError:
                came.close()
                continue
            beyond.settimeout(None)
            for each in (came, beyond):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open |= {came, beyond}
            for one, other, delay_s in ((came, beyond, self.delay_s), (beyond, came, 0.0)):
                threading.Thread(target=self._hand_on, args=(one, other, delay_s), daemon=True).start()

    def _hand_on(self, one: socket.socket, other: socket.socket, delay_s: float) -> None:
        waiter = threading.Event()
        with suppress(OSError):
            while piece := one.recv(_PIECE):
                if delay_s:
                    waiter.wait(delay_s)
                if self.cut_chance and self._chance.random() < self.cut_chance:
                    self.cuts += 1
                    break
                other.sendall(piece)
        with self._lock:
            self._open -= {one, other}
        for each in (one, other):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
