"""A multipart body as its parts, read as it comes (RFC 2046 §5.1.1): none is ever held whole."""

import re
from collections.abc import Iterator

from dicom_router.pulling.errors import SourceAway, SourceFailed

#: No part of a DICOMweb answer has a longer header.
HEADER_LIMIT = 64 * 1024


def boundary_of(content_type: str) -> str:
    """The boundary that a Content-Type names. Raises SourceFailed."""
    found = re.search(r';\s*boundary=(?:"([^"]+)"|([^\s;]+))', content_type, re.IGNORECASE)
    if not content_type.lower().startswith("multipart/") or found is None:
        raise SourceFailed("the source answered with something else than a multipart body")
    return found[1] or found[2]


class Multipart:
    """The parts of one body. Each has to be read, or is passed over, before the next."""

    def __init__(self, content_type: str, body: Iterator[bytes]) -> None:
        self._delimiter = b"\r\n--" + boundary_of(content_type).encode("latin-1", "replace")
        self._body = body
        self._buffer = b"\r\n"  # what may stand before the first delimiter is optional

    def parts(self) -> Iterator[Iterator[bytes]]:
        """Each part's content, in pieces. Raises SourceAway where the body is cut."""
        for _piece in self._content():
            pass  # the preamble
        while not self._is_last():
            self._pass_header()
            content = self._content()
            yield content
            for _piece in content:
                pass

    def _content(self) -> Iterator[bytes]:
        """Up to the next delimiter, which is passed over."""
        keep = len(self._delimiter) - 1
        while True:
            at = self._buffer.find(self._delimiter)
            if at >= 0:
                piece, self._buffer = self._buffer[:at], self._buffer[at + len(self._delimiter) :]
                if piece:
                    yield piece
                return
            piece, self._buffer = self._buffer[:-keep], self._buffer[-keep:]
            if piece:
                yield piece
            self._more()

    def _is_last(self) -> bool:
        while len(self._buffer) < 2:
            self._more()
        return self._buffer.startswith(b"--")

    def _pass_header(self) -> None:
        while (at := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > HEADER_LIMIT:
                raise SourceFailed("a part of the answer has no end to its header")
            self._more()
        self._buffer = self._buffer[at + 4 :]

    def _more(self) -> None:
        fresh = next(self._body, b"")
        if not fresh:
            raise SourceAway("the answer was cut: its last boundary is missing")
        self._buffer += fresh
