"""Renditions for browsers: rendered studies, series, instances and frames, and thumbnails of each.

PS3.18 §10.4.1.1.3, §10.4.1.1.4. What is asked for is decided here; `viewer_api.drawing` draws it.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from exchange.policy import Action
from storage.archive import FrameRanges
from storage.corrections import Correction
from storage.errors import BadQuery, NotHeld, Unreadable
from storage.stored import Resource, Stored
from viewer_api.bodies import Part, multipart_type, new_boundary, part_head
from viewer_api.drawing import Drawing, Drawn, Wish
from viewer_api.frames import frame_numbers
from viewer_api.labels import visible
from viewer_api.media import DICOM, accepted
from viewer_api.parts import Working
from viewer_api.problems import NotAcceptable
from viewer_api.rendering.files import PICTURES
from viewer_api.rendering.presentation import references
from viewer_api.renditions import (
    Kind,
    Piece,
    chosen,
    divided,
    every_frame,
    kind_of,
    offered,
    representative,
    words_of,
)
from viewer_api.retrieved import INSTANCE, retrieved, retrieved_at_each_level
from viewer_api.urls import PREFIX, studies_url
from viewer_api.validators import answer_headers, not_modified, validator, weakened
from viewer_api.video import video_chunks
from viewer_api.view import THUMBNAIL_PX, View, Viewport, parse_view

#: PS3.18 §8.7.4: what is rendered is for looking at, and says so.
_NOT_FOR_DIAGNOSIS = '299 imx "Rendered for viewing: not for diagnosis"'
Fetch = Callable[[], Drawn]


@dataclass(frozen=True, slots=True)
class Rendering:
    """What the transactions share."""

    work: Working

    async def rendered(self, request: Request, resource: Resource, frames: str | None = None) -> Response:
        """A rendition of all that a resource holds, or of listed frames."""
        work = self.work
        reader = await work.readers.admit(request, Action.RETRIEVE, resource.study)
        view = parse_view(request.query_params)
        numbers = frame_numbers(frames) if frames is not None else None
        ranges = accepted(request)
        seen = await visible(work.readers, reader, await work.archive.stored(resource))
        stored = seen.stored
        corrections = await work.archive.corrections_of(stored)
        pieces, is_multipart = divided(stored, numbers, ranges)
        asked = [(each.media_type, each.path) for each in pieces]
        headers = seen.tell(_headers(stored, "rendered", view, asked))
        if any(kind_of(each.stored) is Kind.PRESENTATION for each in pieces):
            del headers["ETag"]  # it shows another instance, which may change
        await reader.record(resource.study)
        if "ETag" in headers and (unchanged := not_modified(request, headers)) is not None:
            return unchanged
        if not is_multipart and kind_of(pieces[0].stored) is Kind.VIDEO:
            return await self._video(pieces[0], headers)
        if not is_multipart:
            return _alone(await self._drawn(pieces[0], view, corrections), headers)
        return await self._streamed(request, pieces, view, corrections, headers)

    async def frame(
        self, request: Request, resource: Resource, frame: str | None, view: View, media_type: str
    ) -> Response:
        """One frame of an instance, the first unless another is named: as WADO-URI asks for it."""
        work = self.work
        reader = await work.readers.admit(request, Action.RETRIEVE, resource.study)
        numbers = frame_numbers(frame or "1")
        if len(numbers) > 1:
            raise BadQuery("frameNumber is one number (PS3.18 §9.1.2.2)")
        (stored,) = (await visible(work.readers, reader, await work.archive.stored(resource))).stored
        corrections = await work.archive.corrections_of([stored])
        offer = offered(stored)
        if media_type not in offer:
            raise NotAcceptable([*offer, DICOM])
        number = numbers[0] if kind_of(stored) is Kind.PICTURE else None
        await reader.record(resource.study)
        piece = Piece(stored, number, media_type, stored.path)
        return _alone(
            await self._drawn(piece, view, corrections),
            _headers([stored], "rendered", view, media_type, number),
        )

    async def thumbnail(self, request: Request, resource: Resource, frame: str | None = None) -> Response:
        """A small picture that stands for a study, a series, an instance or a frame."""
        work = self.work
        reader = await work.readers.admit(request, Action.RETRIEVE, resource.study)
        asked = parse_view(request.query_params)
        view = replace(
            asked, viewport=asked.viewport or Viewport(THUMBNAIL_PX, THUMBNAIL_PX), annotations=frozenset()
        )
        numbers = frame_numbers(frame) if frame is not None else None
        ranges = accepted(request)
        media_type = chosen(ranges, PICTURES, is_multipart=False)
        if media_type is None:
            raise NotAcceptable(list(PICTURES))
        seen = await visible(work.readers, reader, await work.archive.stored(resource))
        stored = representative(seen.stored)
        corrections = await work.archive.corrections_of([stored])
        number = numbers[0] if numbers else (max(1, stored.frame_count) + 1) // 2
        headers = _headers([stored], "thumbnail", view, media_type, number)
        await reader.record(resource.study)
        if (unchanged := not_modified(request, headers)) is not None:
            return unchanged
        wish = Wish(view, media_type, is_thumbnail=True)
        try:
            return _alone(await self._small(stored, number, corrections.get(stored.id, ()), wish), headers)
        except Unreadable:
            if frame is not None:
                raise
            return _alone(await self._run(self._drawing.emblem, ("No picture",), wish), headers)

    async def _small(
        self, stored: Stored, number: int, corrections: tuple[Correction, ...], wish: Wish
    ) -> Drawn:
        match kind_of(stored):
            case Kind.PICTURE:
                return await self._frame(stored, number, corrections, wish)
            case Kind.WAVEFORM:
                return await self._run(self._drawing.waveform, stored, corrections, wish)
            case kind:
                return await self._run(self._drawing.emblem, words_of(stored, kind), wish)

    async def _drawn(
        self, piece: Piece, view: View, corrections: Mapping[int, tuple[Correction, ...]]
    ) -> Drawn:
        """One part. Raises NotAcceptable where it cannot be drawn, and says why."""
        stored, in_force = piece.stored, corrections.get(piece.stored.id, ())
        wish = Wish(view, piece.media_type)
        try:
            match kind_of(stored):
                case Kind.PICTURE if piece.number is None:
                    found = await self.work.archive.frames_of(stored, every_frame(stored))
                    return await self._run(self._drawing.cine, _apart(found), in_force, wish)
                case Kind.PICTURE:
                    assert piece.number is not None
                    return await self._frame(stored, piece.number, in_force, wish)
                case Kind.WAVEFORM:
                    return await self._run(self._drawing.waveform, stored, in_force, wish)
                case Kind.VIDEO:
                    raise Unreadable("a video leaves alone: ask for its instance")
                case Kind.PRESENTATION:
                    return await self._presented(piece, in_force, wish)
                case Kind.DOCUMENT:
                    return await self._run(self._drawing.document, stored, wish)
                case Kind.REPORT:
                    return await self._run(self._drawing.report, stored, in_force, wish)
                case _:
                    raise Unreadable("there is no rendition of it")
        except Unreadable as error:
            raise NotAcceptable([DICOM], str(error)) from error

    async def _frame(
        self, stored: Stored, number: int, corrections: tuple[Correction, ...], wish: Wish
    ) -> Drawn:
        found = await self.work.archive.frames_of(stored, [1, number])
        return await self._run(self._drawing.frame, found, number, corrections, wish)

    async def _presented(self, piece: Piece, corrections: tuple[Correction, ...], wish: Wish) -> Drawn:
        """The first picture that a presentation state is for."""
        work, stored, view = self.work, piece.stored, wish.view
        if view.window is not None or (view.viewport is not None and view.viewport.region is not None):
            raise BadQuery("a presentation state has its own window and its own area (PS3.18 §8.3.5.2)")
        draw = self._drawing
        state = await to_thread.run_sync(draw.whole, stored, corrections, limiter=work.drawing)
        reference = next(references(state), None)
        if reference is None:
            raise Unreadable("the presentation state refers to no picture")
        resource = Resource(stored.study_uid, reference.series_uid, reference.instance_uid)
        try:
            found = await work.archive.frames(resource, [1, reference.number])
        except NotHeld as error:
            raise Unreadable("the picture that the presentation state is for is not held here") from error
        if kind_of(found.stored) is not Kind.PICTURE:
            raise Unreadable("the presentation state is for something else than a picture")
        of_picture = await work.archive.corrections_of([found.stored])
        in_force = of_picture.get(found.stored.id, ())
        return await self._run(draw.presented, state, reference, found, in_force, wish)

    async def _video(self, piece: Piece, headers: dict[str, str]) -> Response:
        """As it lies: one may be as long as an operation."""
        stored = piece.stored
        chunks = video_chunks(self.work.objects.read(stored.key, stored.data_offset), piece.media_type)
        try:
            return await self.work.sender.send(chunks, piece.media_type, headers=headers)
        except Unreadable as error:
            raise NotAcceptable([DICOM], str(error)) from error

    async def _streamed(
        self,
        request: Request,
        pieces: Sequence[Piece],
        view: View,
        corrections: Mapping[int, tuple[Correction, ...]],
        headers: dict[str, str],
    ) -> Response:
        """Parts one after the other, each drawn when the one before has left.

        What cannot be drawn is left out, but for the first that can: without any there is no answer.
        """
        root, boundary = studies_url(request, self.work.settings), new_boundary()
        rest = iter(pieces)
        first: bytes | None = None
        fault: NotAcceptable | None = None
        for piece in rest:
            try:
                first = _part(await self._drawn(piece, view, corrections), root + piece.path, boundary)
                break
            except NotAcceptable as error:
                fault = fault or error
        if first is None:
            raise fault or NotAcceptable([DICOM])

        async def body() -> AsyncIterator[bytes]:
            yield first
            for piece in rest:
                try:
                    drawn = await self._drawn(piece, view, corrections)
                except NotAcceptable:
                    continue
                yield _part(drawn, root + piece.path, boundary)
            yield f"--{boundary}--\r\n".encode()

        media_type = multipart_type(pieces[0].media_type, boundary)
        return StreamingResponse(body(), 200, headers, media_type)

    @property
    def _drawing(self) -> Drawing:
        return Drawing(self.work.frame_reader, self.work.transcoder)

    async def _run(self, draw: Callable[..., Drawn], *arguments: object) -> Drawn:
        return await to_thread.run_sync(draw, *arguments, limiter=self.work.drawing)


def _apart(found: FrameRanges) -> list[FrameRanges]:
    """Each frame with the first, before which the attributes stand."""
    if found.ranges is None:
        return [found] * found.stored.frame_count
    return [FrameRanges(found.stored, (found.ranges[0], each)) for each in found.ranges]


def _headers(instances: Sequence[Stored], *form: object) -> dict[str, str]:
    """What an answer made of these instances says of itself, with what it is not for."""
    headers = answer_headers(instances, weakened(validator(instances, *form)))
    return headers | {"Warning": _warned(headers, _NOT_FOR_DIAGNOSIS)}


def _warned(headers: Mapping[str, str], more: str) -> str:
    return ", ".join(filter(None, (headers.get("Warning", ""), more)))


def _alone(drawn: Drawn, headers: dict[str, str]) -> Response:
    if drawn.loss:
        headers["Warning"] = _warned(headers, f'299 imx "{drawn.loss}"')
    if drawn.media_type.startswith(("text/", "image/svg")):
        # A document is another's words: it runs nothing, and fetches nothing.
        headers["Content-Security-Policy"] = "sandbox; default-src 'none'; style-src 'unsafe-inline'"
        headers["X-Content-Type-Options"] = "nosniff"
    return Response(drawn.body, 200, headers, drawn.content_type)


def _part(drawn: Drawn, url: str, boundary: str) -> bytes:
    head = part_head(Part(drawn.content_type, (), len(drawn.body), url), boundary)
    return head + drawn.body + b"\r\n"


def rendered_routes(work: Working) -> APIRouter:
    """Rendered and thumbnail resources (PS3.18 Table 10.4.1-1)."""
    router = APIRouter(prefix=PREFIX)
    rendering = Rendering(work)
    retrieved_at_each_level(router, "/rendered", "rendered_{}", rendering.rendered)
    retrieved_at_each_level(router, "/thumbnail", "thumbnail_of_{}", rendering.thumbnail)

    @retrieved(router, INSTANCE + "/frames/{frames}/rendered")
    async def rendered_frames(
        request: Request, study: str, series: str, instance: str, frames: str
    ) -> Response:
        return await rendering.rendered(request, Resource(study, series, instance), frames)

    @retrieved(router, INSTANCE + "/frames/{frames}/thumbnail")
    async def thumbnail_of_frames(
        request: Request, study: str, series: str, instance: str, frames: str
    ) -> Response:
        return await rendering.thumbnail(request, Resource(study, series, instance), frames)

    return router
