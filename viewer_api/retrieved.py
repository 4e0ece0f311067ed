"""How a retrieve resource is asked for: GET, and the HEAD that goes with it (RFC 9110 §9.3)."""

from collections.abc import Awaitable, Callable, Coroutine
from inspect import signature
from typing import Any, ParamSpec

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from storage.stored import Resource

STUDY = "/studies/{study}"
SERIES = STUDY + "/series/{series}"
INSTANCE = SERIES + "/instances/{instance}"

P = ParamSpec("P")
Answer = Callable[P, Awaitable[Response]]


class _Plain(APIRoute):
    """A route that takes the request and the texts of its path, and makes the answer itself.

    So nothing is to be solved, converted or serialised. To find that out for each request took FastAPI longer
    than we need before we ask the database (profile of one frame: 60 of 200 microseconds of routing).
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        async def handle(request: Request) -> Response:
            answer: Response = await self.endpoint(request=request, **request.path_params)
            return answer

        return handle


def retrieved(router: APIRouter, path: str, name: str | None = None) -> Callable[[Answer[P]], Answer[P]]:
    """Decorates what answers GET and HEAD at a path. Clients are told its name (viewer_api.capabilities)."""

    def register(answer: Answer[P]) -> Answer[P]:
        taken = {each.annotation for each in signature(answer).parameters.values()}
        kind = _Plain if taken <= {Request, str} else None
        router.add_api_route(path, answer, methods=["GET"], name=name, route_class_override=kind)
        router.add_api_route(
            path, answer, methods=["HEAD"], name=name, include_in_schema=False, route_class_override=kind
        )
        return answer

    return register


def retrieved_at_each_level(
    router: APIRouter, path: str, name: str, answer: Callable[[Request, Resource], Awaitable[Response]]
) -> None:
    """What lies at that path below a study, a series and an instance alike (PS3.18 Table 10.4.1-1).

    `name` has {} where the level stands.
    """

    @retrieved(router, STUDY + path, name.format("study"))
    async def of_study(request: Request, study: str) -> Response:
        return await answer(request, Resource(study))

    @retrieved(router, SERIES + path, name.format("series"))
    async def of_series(request: Request, study: str, series: str) -> Response:
        return await answer(request, Resource(study, series))

    @retrieved(router, INSTANCE + path, name.format("instance"))
    async def of_instance(request: Request, study: str, series: str, instance: str) -> Response:
        return await answer(request, Resource(study, series, instance))
