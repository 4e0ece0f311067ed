"""The routes of retrieving: studies, series, instances, metadata, frames, bulk data (PS3.18 §10.4)."""

from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import Response

from storage.stored import Resource
from viewer_api.bulk_data import BulkData
from viewer_api.frames import Frames
from viewer_api.instances import Instances
from viewer_api.metadata import MetadataOf
from viewer_api.parts import Working
from viewer_api.retrieved import INSTANCE, retrieved, retrieved_at_each_level
from viewer_api.urls import PREFIX


def retrieve_routes(work: Working) -> APIRouter:
    """Every retrieve transaction that gives stored content out (PS3.18 Table 10.4.1-1 and those after it)."""
    router = APIRouter(prefix=PREFIX)
    frames, bulk = Frames(work), BulkData(work)

    # Asked for far more often than all else: the router comes to it first.
    @retrieved(router, INSTANCE + "/frames/{listed}")
    async def retrieve_frames(
        request: Request, study: str, series: str, instance: str, listed: str
    ) -> Response:
        return await frames.answer(request, Resource(study, series, instance), listed)

    retrieved_at_each_level(router, "", "retrieve_{}", Instances(work).answer)
    retrieved_at_each_level(router, "/metadata", "retrieve_{}_metadata", MetadataOf(work).answer)
    retrieved_at_each_level(
        router, "/bulkdata", "retrieve_{}_bulk_data", partial(bulk.all, is_pixels_only=False)
    )
    retrieved_at_each_level(
        router, "/pixeldata", "retrieve_{}_pixel_data", partial(bulk.all, is_pixels_only=True)
    )

    @retrieved(router, INSTANCE + "/bulkdata/{path:path}")
    async def retrieve_bulk_data(
        request: Request, study: str, series: str, instance: str, path: str
    ) -> Response:
        return await bulk.one(request, Resource(study, series, instance), path)

    return router
