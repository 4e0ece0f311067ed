"""The sockets that a service listens on: opened once, by the parent, before anything else is started."""

import errno
import socket
import time

from imx.errors import SetupError

#: Connections that wait while every worker is busy, or while the workers start.
BACKLOG = 512


class PortInUse(SetupError):
    """Somebody listens there already."""


def open_listener(host: str, port: int, key: str, patience_s: float = 0.0) -> socket.socket:
    """Listen; `key` names the setting of the port, for whoever must choose another.

    `patience_s` is for a port whose last holder is dying. The socket is not inherited by children
    unless they are handed it.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return _listen(host, port, key)
        except PortInUse:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.05)


def _listen(host: str, port: int, key: str) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise SetupError(f"there is no address {host} to listen on: set {host_key(key)}") from error
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        # Not SO_REUSEPORT: a second service must hear that the port is taken.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _refusal(error, host, port, key) from error
    return listener


def host_key(key: str) -> str:
    return key.rpartition(".")[0] + ".host"


def _refusal(error: OSError, host: str, port: int, key: str) -> SetupError:
    flag = {"dicom.port": "--dicom-port", "http.port": "--http-port", "hl7.port": "--hl7-port"}.get(key)
    choose = f"choose another with {flag}, or {key}" if flag else f"choose another with {key}"
    if error.errno == errno.EADDRINUSE:
        return PortInUse(f"port in use: something else listens on {host}:{port}; {choose}")
    if error.errno == errno.EACCES:
        return SetupError(f"port {port} is for root only; {choose}")
    return SetupError(f"cannot listen on {host}:{port} ({error.strerror}); set {host_key(key)}, or {choose}")
