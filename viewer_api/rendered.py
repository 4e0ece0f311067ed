"""Pictures for browsers: rendered instances and frames, thumbnails at every level (PS3.18 §10.4.1.1.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.responses import Response

from exchange.policy import Action
from storage.archive import FrameRanges, Resource, Stored
from storage.errors import BadQuery, NotHeld
from storage.frames import Form
from viewer_api.media import accepted
from viewer_api.one_frame import OneFrame
from viewer_api.parts import Working
from viewer_api.problems import NotAcceptable
from viewer_api.rendering import flattened, render
from viewer_api.urls import PREFIX
from viewer_api.view import THUMBNAIL_PX, View, Viewport, parse_view

JPEG, PNG = "image/jpeg", "image/png"
PICTURES = (JPEG, PNG)
_FORMATS = {JPEG: "JPEG", PNG: "PNG"}

#: PS3.18 §8.7.4: what is rendered is for looking at, and says so.
_NOT_FOR_DIAGNOSIS = '299 imx "Rendered for viewing: not for diagnosis"'


@dataclass(frozen=True, slots=True)
class Rendering:
    """What the transactions share."""

    work: Working

    async def instance(self, request: Request, resource: Resource, frame: str | None) -> Response:
        """One frame of an instance, as WADO-RS is asked for it."""
        await self.work.readers.admit(request, Action.RETRIEVE, resource.study)
        view = parse_view(request.query_params)
        return await self.frame(request, resource, frame, view, _media_type(request))

    async def frame(
        self, request: Request, resource: Resource, frame: str | None, view: View, media_type: str
    ) -> Response:
        """One frame of an instance: the first, unless another is named."""
        reader = await self.work.readers.admit(request, Action.RETRIEVE, resource.study)
        number = _frame_number(frame)
        await reader.record(resource.study)
        return await self._picture(resource, number, view, media_type)

    async def thumbnail(self, request: Request, resource: Resource, frame: str | None = None) -> Response:
        """A small picture that stands for a study, a series, an instance or a frame."""
        reader = await self.work.readers.admit(request, Action.RETRIEVE, resource.study)
        asked = parse_view(request.query_params)
        view = View(asked.window, asked.viewport or Viewport(THUMBNAIL_PX, THUMBNAIL_PX), asked.quality)
        media_type = _media_type(request)
        number = _frame_number(frame)
        await reader.record(resource.study)
        chosen = representative(await self.work.archive.stored(resource))
        if chosen is None:
            raise NotHeld(f"a picture of {resource}")
        place = Resource(chosen.study_uid, chosen.series_uid, chosen.uid)
        if frame is None:
            number = (chosen.frame_count + 1) // 2
        return await self._picture(place, number, view, media_type)

    async def _picture(self, resource: Resource, number: int, view: View, media_type: str) -> Response:
        found = await self.work.archive.frames(resource, [1, number])
        if found.stored.frame_form == Form.NONE:
            raise NotHeld(f"pixel data of {resource}")
        body = await to_thread.run_sync(
            self._drawn, found, number, view, media_type, limiter=self.work.sender.limiter
        )
        return Response(body, media_type=media_type, headers={"Warning": _NOT_FOR_DIAGNOSIS})

    def _drawn(self, found: FrameRanges, number: int, view: View, media_type: str) -> bytes:
        with self.work.drawing:
            frame, index = OneFrame(self.work.objects, found).read(number)
            picture = render(flattened(frame, number), view, index)
            made = BytesIO()
            picture.save(made, _FORMATS[media_type], quality=view.quality)
            return made.getvalue()


def representative(instances: Sequence[Stored]) -> Stored | None:
    """The one in the middle of the first series that has pictures; None where there is none."""
    with_pictures = [each for each in instances if each.frame_form != Form.NONE and each.frame_count]
    of_first = [each for each in with_pictures if each.series_uid == with_pictures[0].series_uid]
    return of_first[len(of_first) // 2] if of_first else None


def _media_type(request: Request) -> str:
    for each in accepted(request):
        for media_type in PICTURES:
            if each.takes(media_type) and not each.is_multipart:
                return media_type
    raise NotAcceptable(list(PICTURES))


def _frame_number(text: str | None) -> int:
    if text is None:
        return 1
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadQuery("a picture is of one frame: a number, from 1")
    return int(text)


def rendered_routes(work: Working) -> APIRouter:
    """Rendered and thumbnail resources (PS3.18 Table 10.4.1-1)."""
    router = APIRouter(prefix=PREFIX)
    rendering = Rendering(work)
    in_series = "/studies/{study}/series/{series}"
    in_instance = in_series + "/instances/{instance}"
    in_frame = in_instance + "/frames/{frame}"

    @router.get(in_instance + "/rendered")
    async def rendered_instance(request: Request, study: str, series: str, instance: str) -> Response:
        return await rendering.instance(request, Resource(study, series, instance), None)

    @router.get(in_frame + "/rendered")
    async def rendered_frame(
        request: Request, study: str, series: str, instance: str, frame: str
    ) -> Response:
        return await rendering.instance(request, Resource(study, series, instance), frame)

    @router.get("/studies/{study}/thumbnail")
    async def thumbnail_of_study(request: Request, study: str) -> Response:
        return await rendering.thumbnail(request, Resource(study))

    @router.get(in_series + "/thumbnail")
    async def thumbnail_of_series(request: Request, study: str, series: str) -> Response:
        return await rendering.thumbnail(request, Resource(study, series))

    @router.get(in_instance + "/thumbnail")
    async def thumbnail_of_instance(request: Request, study: str, series: str, instance: str) -> Response:
        return await rendering.thumbnail(request, Resource(study, series, instance))

    @router.get(in_frame + "/thumbnail")
    async def thumbnail_of_frame(
        request: Request, study: str, series: str, instance: str, frame: str
    ) -> Response:
        return await rendering.thumbnail(request, Resource(study, series, instance), frame)

    return router
