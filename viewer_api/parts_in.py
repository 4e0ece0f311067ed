"""A multipart body as it comes, part by part, without holding any of it (RFC 2046 §5.1, PS3.18 §8.6.1.2)."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser

from storage.errors import BadInput
from storage.objects import Bytes

#: Of one part's headers, all together.
HEADER_LIMIT_BYTES = 8 * 1024
#: Of one body: what became of each is held in memory until all are answered.
PARTS_LIMIT = 20_000


class BadMultipart(BadInput):
    """The body is not what its Content-Type says."""


@dataclass(frozen=True, slots=True)
class PartIn:
    """One part: its headers, by lower-case name, and its bytes, which end when the next part is asked for."""

    headers: Mapping[str, str]
    chunks: Iterator[Bytes]

    @property
    def media_type(self) -> str:
        """Without parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(slots=True)
class _Events:
    """What the parser has seen and nobody has taken: headers, bytes, and None for a part's end."""

    waiting: deque[Mapping[str, str] | Bytes | None] = field(default_factory=deque)
    headers: dict[str, str] = field(default_factory=dict)
    name: bytes = b""
    value: bytes = b""
    is_complete: bool = False


def parts_in(body: Iterable[bytes], boundary: str) -> Iterator[PartIn]:
    """Its parts. What a reader leaves of one is read over. Raises BadMultipart, and what `body` raises."""
    events = _Events()
    parser = _parser(boundary, events)
    pieces = iter(body)

    def more() -> bool:
        """Whether something new was seen."""
        while not events.waiting:
            piece = next(pieces, None)
            if piece is None:
                return False
            try:
                parser.write(piece)
            except MultipartParseError as error:
                raise BadMultipart("the body is no multipart body with that boundary") from error
        return True

    def chunks() -> Iterator[Bytes]:
        while more():
            seen = events.waiting.popleft()
            if seen is None:
                return
            assert not isinstance(seen, Mapping)
            yield seen
        raise BadMultipart("the body ends within a part")

    count = 0
    while more():
        headers = events.waiting.popleft()
        assert isinstance(headers, Mapping)
        count += 1
        if count > PARTS_LIMIT:
            raise BadMultipart(f"more than {PARTS_LIMIT:,} parts: send the rest in another request")
        content = chunks()
        yield PartIn(headers, content)
        for _rest in content:
            pass
    if not events.is_complete:
        raise BadMultipart("the body ends without its last boundary")


def _parser(boundary: str, events: _Events) -> MultipartParser:
    def on_part_begin() -> None:
        events.headers, events.name, events.value = {}, b"", b""

    def on_header_field(data: bytes, start: int, end: int) -> None:
        events.name += data[start:end]

    def on_header_value(data: bytes, start: int, end: int) -> None:
        events.value += data[start:end]

    def on_header_end() -> None:
        name = events.name.decode("latin-1").strip().lower()
        events.headers[name] = events.value.decode("latin-1").strip()
        events.name, events.value = b"", b""

    def on_headers_finished() -> None:
        events.waiting.append(events.headers)

    def on_part_data(data: bytes, start: int, end: int) -> None:
        events.waiting.append(memoryview(data)[start:end])

    def on_part_end() -> None:
        events.waiting.append(None)

    def on_end() -> None:
        events.is_complete = True

    return MultipartParser(
        boundary,
        {
            "on_part_begin": on_part_begin,
            "on_header_field": on_header_field,
            "on_header_value": on_header_value,
            "on_header_end": on_header_end,
            "on_headers_finished": on_headers_finished,
            "on_part_data": on_part_data,
            "on_part_end": on_part_end,
            "on_end": on_end,
        },
        max_header_size=HEADER_LIMIT_BYTES,
    )
