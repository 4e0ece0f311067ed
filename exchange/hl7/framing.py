"""MLLP: messages in a stream of bytes (HL7 Implementation Guide "Minimal Lower Layer Protocol", release 1).

A block is <VT> message <FS> <CR>. Nothing here reads or writes: bytes in, messages out.
"""

_START = b"\x0b"
_END = b"\x1c"
_RETURN = b"\r"

#: What a sender may put between two blocks before we take it for something other than MLLP.
STRAY_LIMIT_BYTES = 64


class NotMllp(Exception):
    """What comes is no MLLP, or a message without end: the connection is closed."""


def framed(message: bytes) -> bytes:
    """One block."""
    return _START + message + _END + _RETURN


class Deframer:
    """Cuts a stream into messages, however its bytes are divided.

    A block that begins within another takes its place: its sender broke off. The <CR> behind <FS> may be
    missing; line ends between blocks are overlooked, and little else.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._block: bytearray | None = None
        self._stray = 0

    @property
    def is_within(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._block is not None

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that these bytes complete, in order. Raises NotMllp."""
        messages = []
        while data:
            if self._block is None:
                stray, start, data = data.partition(_START)
                self._overlook(stray)
                if start:
                    self._block = bytearray()
                continue
            piece, end, rest = data.partition(_END)
            kept, again, later = piece.rpartition(_START)
            if again:
                self._block, piece = bytearray(), later
                del kept
            self._block += piece
            if len(self._block) > self._limit:
                raise NotMllp(f"a message longer than {self._limit} bytes")
            if end:
                messages.append(bytes(self._block))
                self._block, self._stray = None, 0
            data = rest
        return messages

    def _overlook(self, stray: bytes) -> None:
        self._stray += len(stray)
        if stray.strip(b"\r\n \0") or self._stray > STRAY_LIMIT_BYTES:
            raise NotMllp("bytes outside of an MLLP block")
