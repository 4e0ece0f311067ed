"""`python -m imx.child PART`: one process of the service, as its supervisor starts it.

Its settings come by the environment, its sockets by number, already listening. Nothing heavy is imported
before it is tied to the life of its supervisor.
"""

import argparse
import os
import socket
import sys

from imx.lifetime import die_with


def main() -> None:
    """Tie ourselves to the supervisor, then become the part."""
    parser = argparse.ArgumentParser(prog="imx.child")
    parser.add_argument("part", choices=("router", "api", "hl7", "watch", "worker"))
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--listener", type=int)
    parser.add_argument("--tls", type=int)
    given = parser.parse_args()
    die_with(given.parent)

    from imx import logs, parts, worker
    from imx.configuration import read
    from imx.errors import SetupError

    logs.set_up(given.part)
    try:
        settings = read({}, os.environ)
        if given.part == "router":
            parts.run_router(settings, _socket(given.listener), _socket(given.tls) if given.tls else None)
        elif given.part == "api":
            parts.run_api(settings, _socket(given.listener))
        elif given.part == "hl7":
            plain = _socket(given.listener) if given.listener else None
            parts.run_hl7(settings, plain, _socket(given.tls) if given.tls else None)
        elif given.part == "watch":
            parts.run_watch(settings)
        else:
            worker.run_worker(settings)
    except SetupError as error:
        sys.exit(f"imx {given.part}: {error}")


def _socket(number: int) -> socket.socket:
    return socket.socket(fileno=number)


if __name__ == "__main__":  # processes that a part spawns import this module again
    main()
