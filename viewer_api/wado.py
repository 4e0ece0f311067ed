"""The routes of retrieving: studies, series, instances, metadata, frames, bulk data (PS3.18 §10.4)."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import Response

from storage.archive import Resource
from viewer_api.bulk_data import BulkData
from viewer_api.frames import Frames
from viewer_api.instances import Instances
from viewer_api.metadata import MetadataOf
from viewer_api.parts import Working
from viewer_api.urls import PREFIX

_STUDY = "/studies/{study}"
_SERIES = _STUDY + "/series/{series}"
_INSTANCE = _SERIES + "/instances/{instance}"
_ALLOW = {"Allow": "GET, HEAD, OPTIONS"}


def retrieve_routes(work: Working) -> APIRouter:
    """Every retrieve transaction that gives stored content out (PS3.18 Table 10.4.1-1 and those after it)."""
    router = APIRouter(prefix=PREFIX)
    instances, metadata = Instances(work), MetadataOf(work)
    frames, bulk = Frames(work), BulkData(work)

    async def retrieve_study(request: Request, study: str) -> Response:
        return await instances.answer(request, Resource(study))

    async def retrieve_series(request: Request, study: str, series: str) -> Response:
        return await instances.answer(request, Resource(study, series))

    async def retrieve_instance(request: Request, study: str, series: str, instance: str) -> Response:
        return await instances.answer(request, Resource(study, series, instance))

    async def retrieve_study_metadata(request: Request, study: str) -> Response:
        return await metadata.answer(request, Resource(study))

    async def retrieve_series_metadata(request: Request, study: str, series: str) -> Response:
        return await metadata.answer(request, Resource(study, series))

    async def retrieve_instance_metadata(
        request: Request, study: str, series: str, instance: str
    ) -> Response:
        return await metadata.answer(request, Resource(study, series, instance))

    async def retrieve_frames(
        request: Request, study: str, series: str, instance: str, listed: str
    ) -> Response:
        return await frames.answer(request, Resource(study, series, instance), listed)

    async def retrieve_study_bulk_data(request: Request, study: str) -> Response:
        return await bulk.all(request, Resource(study), is_pixels_only=False)

    async def retrieve_series_bulk_data(request: Request, study: str, series: str) -> Response:
        return await bulk.all(request, Resource(study, series), is_pixels_only=False)

    async def retrieve_instance_bulk_data(
        request: Request, study: str, series: str, instance: str
    ) -> Response:
        return await bulk.all(request, Resource(study, series, instance), is_pixels_only=False)

    async def retrieve_bulk_data(
        request: Request, study: str, series: str, instance: str, path: str
    ) -> Response:
        return await bulk.one(request, Resource(study, series, instance), path)

    async def retrieve_study_pixel_data(request: Request, study: str) -> Response:
        return await bulk.all(request, Resource(study), is_pixels_only=True)

    async def retrieve_series_pixel_data(request: Request, study: str, series: str) -> Response:
        return await bulk.all(request, Resource(study, series), is_pixels_only=True)

    async def retrieve_instance_pixel_data(
        request: Request, study: str, series: str, instance: str
    ) -> Response:
        return await bulk.all(request, Resource(study, series, instance), is_pixels_only=True)

    add_retrieve(router, _INSTANCE + "/frames/{listed}", retrieve_frames)  # first what is asked for most
    add_retrieve(router, _STUDY, retrieve_study)
    add_retrieve(router, _SERIES, retrieve_series)
    add_retrieve(router, _INSTANCE, retrieve_instance)
    add_retrieve(router, _STUDY + "/metadata", retrieve_study_metadata)
    add_retrieve(router, _SERIES + "/metadata", retrieve_series_metadata)
    add_retrieve(router, _INSTANCE + "/metadata", retrieve_instance_metadata)
    add_retrieve(router, _STUDY + "/bulkdata", retrieve_study_bulk_data)
    add_retrieve(router, _SERIES + "/bulkdata", retrieve_series_bulk_data)
    add_retrieve(router, _INSTANCE + "/bulkdata", retrieve_instance_bulk_data)
    add_retrieve(router, _INSTANCE + "/bulkdata/{path:path}", retrieve_bulk_data)
    add_retrieve(router, _STUDY + "/pixeldata", retrieve_study_pixel_data)
    add_retrieve(router, _SERIES + "/pixeldata", retrieve_series_pixel_data)
    add_retrieve(router, _INSTANCE + "/pixeldata", retrieve_instance_pixel_data)
    return router


def add_retrieve(router: APIRouter, path: str, answer: Callable[..., Awaitable[Response]]) -> None:
    """GET, with the HEAD and OPTIONS that go with it (RFC 9110 §9.3)."""
    router.get(path)(answer)
    router.head(path, include_in_schema=False)(answer)
    router.options(path, include_in_schema=False)(_options)


async def _options() -> Response:
    """What may be asked is no secret: the answer says nothing of what is held."""
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=_ALLOW)
