"""The small PDS behind a port of loopback: in a thread, for as long as somebody needs it."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from imx.demo.pds.server import PATH, TOKEN_PATH, SmallPds

_STARTS_IN_S = 60.0


class NotStarted(Exception):
    """It did not come up."""


@contextmanager
def running(pds: SmallPds, port: int = 0) -> Iterator[str]:
    """Its scheme, host and port; on a free port where none is named."""
    config = uvicorn.Config(
        pds.app(), host="127.0.0.1", port=port, log_config=None, access_log=False, ws="none",
        timeout_graceful_shutdown=2,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + _STARTS_IN_S
    while not server.started:
        if time.monotonic() > deadline or not thread.is_alive():
            raise NotStarted(f"the small PDS did not start on port {port}")
        time.sleep(0.01)
    listener: socket.socket = server.servers[0].sockets[0]
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


def fhir_url(base: str) -> str:
    """For `pds.url`."""
    return base + PATH


def token_url(base: str) -> str:
    """For `pds.token_url`."""
    return base + TOKEN_PATH
