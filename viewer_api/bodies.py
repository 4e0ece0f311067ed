"""Bodies of answers: bytes from blocking sources, sent without blocking and without being all held."""

import secrets
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread
from starlette.responses import Response, StreamingResponse

#: Pieces are put together up to this size: one hop to a thread, one write to the socket.
CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a body: its media type and its bytes, whose length may be known."""

    media_type: str
    chunks: Iterable[bytes]
    length: int | None = None


def multipart(parts: Iterable[Part], boundary: str) -> Iterator[bytes]:
    """A multipart/related body (RFC 2387, PS3.18 §8.6.1.2)."""
    for part in parts:
        yield part_head(part, boundary)
        yield from part.chunks
        yield b"\r\n"
    yield b"--" + boundary.encode() + b"--\r\n"


def part_head(part: Part, boundary: str) -> bytes:
    """What stands before a part's bytes."""
    length = "" if part.length is None else f"Content-Length: {part.length}\r\n"
    return f"--{boundary}\r\nContent-Type: {part.media_type}\r\n{length}\r\n".encode()


def multipart_length(parts: Iterable[Part], boundary: str) -> int | None:
    """The length of such a body, where every part's is known."""
    total = len(boundary) + 6
    for part in parts:
        if part.length is None:
            return None
        total += len(part_head(part, boundary)) + part.length + 2
    return total


def new_boundary() -> str:
    """Unguessable, so that no content can hold it by design."""
    return secrets.token_hex(16)


def multipart_type(media_type: str, boundary: str) -> str:
    """The Content-Type of a multipart body whose parts are of this type."""
    return f'multipart/related; type="{media_type.partition(";")[0]}"; boundary={boundary}'


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends bodies that come from blocking iterators, in a bounded number of threads."""

    limiter: CapacityLimiter

    async def send(
        self,
        chunks: Iterator[bytes],
        media_type: str,
        length: int | None = None,
        headers: Mapping[str, str] | None = None,
        status: int = 200,
    ) -> Response:
        """One response when the body is small, else a stream. What fails before the first byte is raised."""
        first, is_all = await self._some(chunks)
        if is_all:
            return Response(first, status, headers, media_type)
        all_headers = dict(headers or {})
        if length is not None:
            all_headers["Content-Length"] = str(length)
        return StreamingResponse(self._stream(first, chunks), status, all_headers, media_type)

    async def pieces(self, chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
        """What a blocking iterator brings, put together to pieces worth a hop between threads."""
        try:
            is_all = False
            while not is_all:
                more, is_all = await self._some(chunks)
                if more:
                    yield more
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()  # the reader may have gone: files and connections are given back

    async def _some(self, chunks: Iterator[bytes]) -> tuple[bytes, bool]:
        return await to_thread.run_sync(_gather, chunks, limiter=self.limiter)

    async def _stream(self, first: bytes, chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
        yield first
        async for piece in self.pieces(chunks):
            yield piece


def _gather(chunks: Iterator[bytes]) -> tuple[bytes, bool]:
    """The next pieces, put together, and whether that was all."""
    pieces: list[bytes] = []
    size = 0
    for piece in chunks:
        pieces.append(piece)
        size += len(piece)
        if size >= CHUNK_BYTES:
            return b"".join(pieces), False
    return b"".join(pieces), True
