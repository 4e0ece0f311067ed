"""Loopback ports that are nobody else's, of all the processes of tests on this machine."""

import random
import socket

#: Below those that Linux gives to whoever asks for none (net.ipv4.ip_local_port_range begins at 32768): a
#: connection of somebody's does not take one between its choice and its use.
_RANGE = range(12_000, 32_000)


def free_port() -> int:
    """A port that nobody listens on, and that is given to nobody else while this process lives."""
    while True:
        port = random.SystemRandom().choice(_RANGE)  # hypothesis seeds the common one
        if _is_ours(port) and _is_silent(port):
            return port


def free_ports(number: int) -> list[int]:
    """So many, each another."""
    return [free_port() for _ in range(number)]


def _is_ours(port: int) -> bool:
    """Whether we are the first to take it: an abstract socket of its name lasts as long as its process."""
    mark = socket.socket(socket.AF_UNIX)
    try:
        mark.bind(f"\0imx-test-port-{port}")
    except OSError:
        mark.close()
        return False
    mark.detach()
    return True


def _is_silent(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True
