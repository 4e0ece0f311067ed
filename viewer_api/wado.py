"""The routes of retrieving: studies, series, instances, metadata, frames, bulk data (PS3.18 §10.4)."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from storage.stored import Resource
from viewer_api.bulk_data import BulkData
from viewer_api.frames import Frames
from viewer_api.instances import Instances
from viewer_api.metadata import MetadataOf
from viewer_api.parts import Working
from viewer_api.retrieved import retrieved
from viewer_api.urls import PREFIX

_STUDY = "/studies/{study}"
_SERIES = _STUDY + "/series/{series}"
_INSTANCE = _SERIES + "/instances/{instance}"


def retrieve_routes(work: Working) -> APIRouter:
    """Every retrieve transaction that gives stored content out (PS3.18 Table 10.4.1-1 and those after it)."""
    router = APIRouter(prefix=PREFIX)
    instances, metadata = Instances(work), MetadataOf(work)
    frames, bulk = Frames(work), BulkData(work)

    @retrieved(router, _INSTANCE + "/frames/{listed}")
    async def retrieve_frames(
        request: Request, study: str, series: str, instance: str, listed: str
    ) -> Response:
        return await frames.answer(request, Resource(study, series, instance), listed)

    @retrieved(router, _STUDY)
    async def retrieve_study(request: Request, study: str) -> Response:
        return await instances.answer(request, Resource(study))

    @retrieved(router, _SERIES)
    async def retrieve_series(request: Request, study: str, series: str) -> Response:
        return await instances.answer(request, Resource(study, series))

    @retrieved(router, _INSTANCE)
    async def retrieve_instance(request: Request, study: str, series: str, instance: str) -> Response:
        return await instances.answer(request, Resource(study, series, instance))

    @retrieved(router, _STUDY + "/metadata")
    async def retrieve_study_metadata(request: Request, study: str) -> Response:
        return await metadata.answer(request, Resource(study))

    @retrieved(router, _SERIES + "/metadata")
    async def retrieve_series_metadata(request: Request, study: str, series: str) -> Response:
        return await metadata.answer(request, Resource(study, series))

    @retrieved(router, _INSTANCE + "/metadata")
    async def retrieve_instance_metadata(
        request: Request, study: str, series: str, instance: str
    ) -> Response:
        return await metadata.answer(request, Resource(study, series, instance))

    @retrieved(router, _STUDY + "/bulkdata")
    async def retrieve_study_bulk_data(request: Request, study: str) -> Response:
        return await bulk.all(request, Resource(study), is_pixels_only=False)

    @retrieved(router, _SERIES + "/bulkdata")
    async def retrieve_series_bulk_data(request: Request, study: str, series: str) -> Response:
        return await bulk.all(request, Resource(study, series), is_pixels_only=False)

    @retrieved(router, _INSTANCE + "/bulkdata")
    async def retrieve_instance_bulk_data(
        request: Request, study: str, series: str, instance: str
    ) -> Response:
        return await bulk.all(request, Resource(study, series, instance), is_pixels_only=False)

    @retrieved(router, _INSTANCE + "/bulkdata/{path:path}")
    async def retrieve_bulk_data(
        request: Request, study: str, series: str, instance: str, path: str
    ) -> Response:
        return await bulk.one(request, Resource(study, series, instance), path)

    @retrieved(router, _STUDY + "/pixeldata")
    async def retrieve_study_pixel_data(request: Request, study: str) -> Response:
        return await bulk.all(request, Resource(study), is_pixels_only=True)

    @retrieved(router, _SERIES + "/pixeldata")
    async def retrieve_series_pixel_data(request: Request, study: str, series: str) -> Response:
        return await bulk.all(request, Resource(study, series), is_pixels_only=True)

    @retrieved(router, _INSTANCE + "/pixeldata")
    async def retrieve_instance_pixel_data(
        request: Request, study: str, series: str, instance: str
    ) -> Response:
        return await bulk.all(request, Resource(study, series, instance), is_pixels_only=True)

    return router
