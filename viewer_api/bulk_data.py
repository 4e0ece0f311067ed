"""Bulk data: one large value by reference, or all of a resource (PS3.18 §10.4.1.1.5, §10.4.1.1.7)."""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from anyio import to_thread
from fastapi import Request
from starlette.responses import Response, StreamingResponse

from exchange.policy import Action
from storage.archive import Metadata
from storage.bulk import BulkPath, bulk_paths, parse_bulk_path, values
from storage.bulk_reading import OpenValue, open_stream, open_value
from storage.corrections import Correction, correct_bytes
from storage.elements import EXPLICIT_LITTLE
from storage.errors import NotHeld
from storage.frames import PIXELS
from storage.metadata import Whereabouts, json_chunks, metadata_attributes
from storage.stored import Resource, Stored
from storage.syntaxes import NATIVE
from viewer_api.bodies import Part, head_alone, multipart, multipart_length, multipart_type, part_head
from viewer_api.frame_ways import frame_offers
from viewer_api.frames import Chosen, Frames
from viewer_api.labels import visible
from viewer_api.media import OCTETS, PIXEL_MEDIA_TYPES, Range, accepted
from viewer_api.parts import Working
from viewer_api.problems import NotAcceptable
from viewer_api.ranged import send_ranged
from viewer_api.readers import Reader
from viewer_api.urls import studies_url
from viewer_api.validators import answer_headers, boundary_of, not_modified, validator

#: Frames whose places are asked for at once.
_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class _Planned:
    """What leaves of one instance."""

    stored: Stored
    paths: tuple[BulkPath, ...]  # of values that leave as they are
    frames: Chosen | None  # how compressed pixel data leave; None where they do not
    corrections: tuple[Correction, ...] = ()


@dataclass(frozen=True, slots=True)
class BulkData:
    """Gives large values out."""

    work: Working

    async def one(self, request: Request, resource: Resource, text: str) -> Response:
        """A value by the path that metadata gave it; compressed pixels as frames, a video as one stream."""
        work = self.work
        reader = await work.readers.admit(request, Action.RETRIEVE, resource.study)
        path = parse_bulk_path(text)
        (stored,) = (await visible(work.readers, reader, await work.archive.stored(resource))).stored
        media_type = OCTETS
        if _is_compressed(stored, path):
            media_type = PIXEL_MEDIA_TYPES.get(stored.transfer_syntax, OCTETS)
            if not media_type.startswith("video/"):
                if stored.frame_count > _PAGE:
                    frames = await Frames(work).choose(accepted(request), stored, stored.frame_count)
                    return await self._send_all(request, resource, reader, [_Planned(stored, (), frames)])
                numbers = range(1, stored.frame_count + 1)
                return await Frames(work).send(request, resource, reader, numbers)
        is_multipart = _wrapped(accepted(request), media_type, "range" in request.headers, stored)
        corrections = (await work.archive.corrections_of([stored])).get(stored.id, ())
        await reader.record(resource.study)
        tag = validator([stored], "bulk", path, media_type, is_multipart)
        headers = answer_headers([stored], tag)
        if (unchanged := not_modified(request, headers)) is not None:
            return unchanged
        value = await to_thread.run_sync(self._opened, stored, corrections, path, limiter=work.sender.limiter)
        if media_type != OCTETS:
            media_type = f"{media_type}; transfer-syntax={stored.transfer_syntax}"
        if is_multipart:
            return await self._send_wrapped(request, value, media_type, headers)
        return await self._send_alone(request, value, media_type, headers)

    def _opened(self, stored: Stored, corrections: Sequence[Correction], path: BulkPath) -> OpenValue:
        if _is_compressed(stored, path):
            return open_stream(self.work.objects, stored)
        return open_value(self.work.objects, stored, corrections, path)

    async def _send_wrapped(
        self, request: Request, value: OpenValue, media_type: str, headers: dict[str, str]
    ) -> Response:
        boundary = boundary_of(headers["ETag"])
        part = Part(media_type, value.read(0, value.size), value.size, str(request.url.replace(query="")))
        content_type, length = multipart_type(media_type, boundary), multipart_length([part], boundary)
        if request.method == "HEAD":
            return head_alone(content_type, length, headers)
        return await self.work.sender.send(multipart([part], boundary), content_type, length, headers)

    async def _send_alone(
        self, request: Request, value: OpenValue, media_type: str, headers: dict[str, str]
    ) -> Response:
        return await send_ranged(self.work.sender, request, value.read, value.size, media_type, headers)

    async def all(self, request: Request, resource: Resource, *, is_pixels_only: bool) -> Response:
        """Every large value of a resource, or its pixel data, each a part that names its own address."""
        work = self.work
        reader = await work.readers.admit(request, Action.RETRIEVE, resource.study)
        stored = (await visible(work.readers, reader, await work.archive.stored(resource))).stored
        ranges = [each for each in accepted(request) if each.is_multipart or each.media_type == "*/*"]
        planned = await self._planned(stored, ranges, is_pixels_only=is_pixels_only)
        if not planned:
            raise NotHeld(f"{'pixel' if is_pixels_only else 'bulk'} data of {resource}")
        return await self._send_all(request, resource, reader, planned)

    async def _send_all(
        self, request: Request, resource: Resource, reader: Reader, planned: Sequence[_Planned]
    ) -> Response:
        """What can be had as accepted. Raises NotAcceptable where that is nothing."""
        work = self.work
        had = [each for each in planned if each.paths or each.frames]
        if not had:
            raise NotAcceptable(_offers(each.stored for each in planned))
        await reader.record(resource.study)
        root = studies_url(request, work.settings)
        tag = validator([each.stored for each in had], "all bulk", [(e.paths, e.frames) for e in had], root)
        headers = answer_headers([each.stored for each in planned], tag)
        if (unchanged := not_modified(request, headers)) is not None:
            return unchanged
        boundary = boundary_of(tag)
        content_type = multipart_type(OCTETS, boundary)
        status = HTTPStatus.OK if len(had) == len(planned) else HTTPStatus.PARTIAL_CONTENT
        if request.method == "HEAD":
            return head_alone(content_type, None, headers, status)
        return StreamingResponse(self._bodies(had, root, boundary), status, headers, content_type)

    async def _planned(
        self, stored: Sequence[Stored], ranges: Sequence[Range], *, is_pixels_only: bool
    ) -> list[_Planned]:
        """The instances that have such data. What the reader does not accept is left out of them."""
        takes_octets = any(
            each.takes(OCTETS) and each.transfer_syntax in (None, "*", EXPLICIT_LITTLE) for each in ranges
        )
        planned = []
        async for page in self.work.archive.metadata(stored, ""):
            corrections = await self.work.archive.corrections_of([each.stored for each in page])
            for each in page:
                paths = await self._paths(each)
                if is_pixels_only:
                    paths = [path for path in paths if path.tag in PIXELS]
                if not paths:
                    continue
                frames = None
                if any(_is_compressed(each.stored, path) for path in paths):
                    frames = await self._chosen(each.stored, ranges)
                plain = [path for path in paths if takes_octets and not _is_compressed(each.stored, path)]
                in_force = corrections.get(each.stored.id, ())
                planned.append(_Planned(each.stored, tuple(plain), frames, in_force))
        return planned

    async def _paths(self, each: Metadata) -> list[BulkPath]:
        if each.json is not None:
            return bulk_paths(each.json)
        return await to_thread.run_sync(self._made_paths, each.stored, limiter=self.work.sender.limiter)

    def _made_paths(self, stored: Stored) -> list[BulkPath]:
        where = Whereabouts(self.work.objects, stored.key, stored.data_offset, stored.transfer_syntax)
        made = json_chunks(metadata_attributes(where, b"", ()), "@")
        return [path for piece in made for path in bulk_paths(piece)]

    async def _chosen(self, stored: Stored, ranges: Sequence[Range]) -> Chosen | None:
        try:
            return await Frames(self.work).choose(ranges, stored, stored.frame_count)
        except NotAcceptable:
            return None

    async def _bodies(self, planned: Sequence[_Planned], root: str, boundary: str) -> AsyncIterator[bytes]:
        for each in planned:
            if each.paths:
                async for piece in self.work.sender.pieces(self._plain(each, root, boundary)):
                    yield piece
            if each.frames is None:
                continue
            stored, chosen = each.stored, each.frames
            resource = Resource(stored.study_uid, stored.series_uid, stored.uid)
            for start in range(1, stored.frame_count + 1, _PAGE):
                numbers = range(start, min(start + _PAGE, stored.frame_count + 1))
                found = await self.work.archive.frames(resource, numbers)
                frames = Frames(self.work).read(found, numbers, chosen, self.work.objects)
                parts = (
                    Part(chosen.way.content_type, frame, location=f"{root}{stored.path}/frames/{number}")
                    for number, frame in zip(numbers, frames, strict=True)
                )
                async for piece in self.work.sender.pieces(_joined(parts, boundary)):
                    yield piece
        yield b"--" + boundary.encode() + b"--\r\n"

    def _plain(self, planned: _Planned, root: str, boundary: str) -> Iterator[bytes]:
        stored = planned.stored
        received = self.work.objects.read(stored.key, stored.data_offset)
        corrected = correct_bytes(received, stored.transfer_syntax, planned.corrections)
        found = values(corrected, stored.transfer_syntax, planned.paths)
        yield from _joined(
            (
                Part(OCTETS, each.chunks, each.length, f"{root}{stored.path}/bulkdata/{each.path}")
                for each in found
            ),
            boundary,
        )


def _joined(parts: Iterator[Part], boundary: str) -> Iterator[bytes]:
    for part in parts:
        yield part_head(part, boundary)
        yield from part.chunks
        yield b"\r\n"


def _is_compressed(stored: Stored, path: BulkPath) -> bool:
    return path.tag in PIXELS and len(path.steps) == 1 and stored.transfer_syntax not in NATIVE


def _wrapped(ranges: Sequence[Range], media_type: str, is_ranged: bool, stored: Stored) -> bool:
    """As multipart, which is the default; but a range of bytes is one of the value alone."""
    syntaxes = (None, "*", EXPLICIT_LITTLE, stored.transfer_syntax)
    for each in ranges:
        if each.takes(media_type) and each.transfer_syntax in syntaxes:
            return each.is_multipart or (each.media_type == "*/*" and not is_ranged)
    raise NotAcceptable([media_type])


def _offers(instances: Iterator[Stored]) -> list[str]:
    found = dict.fromkeys([OCTETS])
    for stored in instances:
        found.update(dict.fromkeys(frame_offers(stored.transfer_syntax)))
    return [f'multipart/related; type="{media}"{rest}' for media, _, rest in map(_split, found)]


def _split(offer: str) -> tuple[str, str, str]:
    media_type, semicolon, rest = offer.partition(";")
    return media_type, semicolon, semicolon + rest
