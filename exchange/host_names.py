"""Host names of peers, as addresses: asked seldom, remembered for a minute."""

import socket
import threading
from time import monotonic

REMEMBERED_S = 60.0
_REMEMBERED = 4_096


class HostNames:
    """Which addresses a host name has. Safe for many threads."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, frozenset[str]]] = {}
        self._lock = threading.Lock()

    def __call__(self, name: str) -> frozenset[str]:
        """Its addresses now; none where nobody knows it, or the name service is away."""
        with self._lock:
            known = self._known.get(name)
        if known is not None and known[0] > monotonic():
            return known[1]
        found = _ask(name)
        with self._lock:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[name] = (monotonic() + REMEMBERED_S, found)
        return found


def _ask(name: str) -> frozenset[str]:
    try:
        answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return frozenset()
    return frozenset(str(where[0]).partition("%")[0] for *_, where in answers)
