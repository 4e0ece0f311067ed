"""Frames of an instance, each found without reading the others (PS3.18 §10.4.1.1.6)."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from fastapi import Request
from starlette.responses import Response

from exchange.policy import Action
from storage.archive import FrameRanges
from storage.codecs.frame import ImagePixel
from storage.errors import BadQuery, NotHeld, Unencodable, Unreadable
from storage.frames import Form
from storage.objects import Readable
from storage.stored import Resource, Stored
from storage.transcoding import described
from viewer_api.bodies import Part, head_alone, multipart, multipart_length, multipart_type
from viewer_api.frame_ways import FrameWay, frame_offers, frame_ways
from viewer_api.labels import visible
from viewer_api.media import Range, accepted
from viewer_api.parts import Working
from viewer_api.problems import NotAcceptable
from viewer_api.readers import Reader
from viewer_api.validators import answer_headers, boundary_of, not_modified, validator

_FRAME_LIST = re.compile(r"\d{1,9}(,\d{1,9})*")
_FRAMES_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Chosen:
    """How frames leave. `pixel` describes them as they are stored, where a codec has to know."""

    way: FrameWay
    pixel: ImagePixel | None


@dataclass(frozen=True, slots=True)
class Frames:
    """Gives frames out."""

    work: Working

    async def answer(self, request: Request, resource: Resource, listed: str) -> Response:
        """Those listed, in that order."""
        reader = await self.work.readers.admit(request, Action.RETRIEVE, resource.study)
        return await self.send(request, resource, reader, frame_numbers(listed))

    async def send(
        self, request: Request, resource: Resource, reader: Reader, numbers: Sequence[int]
    ) -> Response:
        """The same, for a reader who is known."""
        work = self.work
        found = await work.archive.frames(resource, numbers)
        stored = found.stored
        await visible(work.readers, reader, [stored])
        if stored.frame_form == Form.NONE:
            raise NotHeld(f"pixel data of {resource}")
        chosen = await self.choose(accepted(request), stored, len(numbers))
        way = chosen.way
        await reader.record(resource.study)
        tag = validator([stored], "frames", way, numbers)
        headers = answer_headers([stored], tag)
        if (unchanged := not_modified(request, headers)) is not None:
            return unchanged
        boundary = boundary_of(tag)
        media_type = multipart_type(way.media_type, boundary) if way.is_multipart else way.content_type
        length = _length(found, chosen, boundary)
        if request.method == "HEAD":
            return head_alone(media_type, length, headers)

        def body(objects: Readable) -> Iterator[bytes]:
            frames = self.read(found, numbers, chosen, objects)
            if way.is_multipart:
                return multipart(_parts(frames, chosen, found), boundary)
            return chain.from_iterable(frames)

        try:
            return await work.sender.send_stored(body, work.objects, media_type, length, headers)
        except (Unreadable, Unencodable) as error:
            raise NotAcceptable(_as_stored_only(stored.transfer_syntax)) from error

    async def choose(self, ranges: Sequence[Range], stored: Stored, count: int) -> Chosen:
        """The best accepted form that has room for these pixels. Raises NotAcceptable."""
        pixel: ImagePixel | None = None
        for way in frame_ways(ranges, stored.transfer_syntax, count):
            if way.is_as_stored:
                return Chosen(way, None)
            if pixel is None:
                pixel = await self.work.archive.image_pixel(stored)
            try:
                described(pixel, stored.transfer_syntax, way.transfer_syntax)
            except (Unencodable, Unreadable):
                continue
            return Chosen(way, pixel)
        raise NotAcceptable(frame_offers(stored.transfer_syntax))

    def read(
        self, found: FrameRanges, numbers: Sequence[int], chosen: Chosen, objects: Readable
    ) -> Iterator[Iterable[bytes]]:
        """Each frame in pieces, as it leaves."""
        work, stored = self.work, found.stored
        frames = replace(work.frame_reader, objects=objects).frames(found, numbers)
        if chosen.pixel is None:
            yield from frames
            return
        for frame in frames:
            data = b"".join(frame)
            made = work.transcoder.frame(
                data, chosen.pixel, stored.transfer_syntax, chosen.way.transfer_syntax
            )
            yield (made.data,)


def frame_numbers(listed: str) -> list[int]:
    """From one. Raises BadQuery."""
    if not _FRAME_LIST.fullmatch(listed):
        raise BadQuery("frames are a list of numbers, from 1: 1,2,3")
    numbers = [int(each) for each in listed.split(",")]
    if len(numbers) > _FRAMES_AT_ONCE:
        raise BadQuery(f"at most {_FRAMES_AT_ONCE} frames at once")
    return numbers


def _parts(frames: Iterable[Iterable[bytes]], chosen: Chosen, found: FrameRanges) -> Iterator[Part]:
    lengths = _lengths(found, chosen)
    for number, frame in enumerate(frames):
        yield Part(chosen.way.content_type, frame, lengths[number] if lengths else None)


def _length(found: FrameRanges, chosen: Chosen, boundary: str) -> int | None:
    lengths = _lengths(found, chosen)
    if lengths is None:
        return None
    if not chosen.way.is_multipart:
        return lengths[0]
    return multipart_length((Part(chosen.way.content_type, (), each) for each in lengths), boundary)


def _lengths(found: FrameRanges, chosen: Chosen) -> list[int] | None:
    """Where each frame leaves as one run of bytes of the object."""
    if chosen.pixel is not None or found.ranges is None or found.stored.frame_form == Form.FRAGMENTS:
        return None
    return [stop - start for start, stop in found.ranges]


def _as_stored_only(stored: str) -> list[str]:
    return [each for each in frame_offers(stored) if each.endswith(f"={stored}")]
