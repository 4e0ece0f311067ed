"""What a worker and whoever asks it say to one another: a head in JSON, then the bytes of a frame.

Never pickles: what comes back was made by code that hostile bytes went through.
"""

import socket
import struct
from dataclasses import asdict
from typing import Any

import orjson

from storage.codecs.frame import FRAME_LIMIT_BYTES, Frame, ImagePixel

_LENGTHS = struct.Struct("<IQ")
_HEAD_LIMIT_BYTES = 64 * 1024
#: A compressed frame may be a little longer than a native one.
BODY_LIMIT_BYTES = 2 * FRAME_LIMIT_BYTES


class Gone(Exception):
    """The other side has ended, or says what nobody can mean."""


def send(link: socket.socket, head: dict[str, Any], body: bytes = b"") -> None:
    """Raises Gone."""
    written = orjson.dumps(head)
    try:
        link.sendall(_LENGTHS.pack(len(written), len(body)) + written)
        if body:
            link.sendall(body)
    except OSError as error:
        raise Gone from error


def receive(link: socket.socket) -> tuple[dict[str, Any], bytes]:
    """Raises Gone, where the socket has a timeout also after it."""
    head_bytes, body_bytes = _LENGTHS.unpack(_exactly(link, _LENGTHS.size))
    if head_bytes > _HEAD_LIMIT_BYTES or body_bytes > BODY_LIMIT_BYTES:
        raise Gone
    try:
        head = orjson.loads(_exactly(link, head_bytes))
    except ValueError as error:
        raise Gone from error
    if not isinstance(head, dict):
        raise Gone
    return head, bytes(_exactly(link, body_bytes))


def frame_head(frame: Frame) -> dict[str, Any]:
    """What is said of a frame before its bytes."""
    return asdict(frame.pixel)


def framed(head: dict[str, Any], body: bytes) -> Frame:
    """Raises Gone where it is no frame."""
    try:
        return Frame(body, ImagePixel(**head))
    except TypeError as error:
        raise Gone from error


def _exactly(link: socket.socket, count: int) -> bytearray:
    found = bytearray(count)
    view = memoryview(found)
    try:
        while view:
            got = link.recv_into(view)
            if not got:
                raise Gone
            view = view[got:]
    except OSError as error:
        raise Gone from error
    return found
