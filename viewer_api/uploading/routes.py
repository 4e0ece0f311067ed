"""Uploads (tus 1.0.0): files of any size, in as many requests as it takes, from anywhere."""

from http import HTTPStatus
from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from ologies.case import parse_case
from ologies.errors import BadCase
from storage.errors import BadInput
from viewer_api.desk import json_answer, json_body
from viewer_api.origins import no_trust
from viewer_api.parts import Working
from viewer_api.problems import problem
from viewer_api.uploading.door import Door
from viewer_api.uploading.events import Streams, last_event
from viewer_api.uploading.shown import as_json
from viewer_api.uploading.tus import ALGORITHMS, EXTENSIONS, PREFIX, VERSION

_OVERRIDE = "x-http-method-override"


def upload_routes(work: Working) -> APIRouter:
    """The protocol, what became of each upload, and the case that it belongs to."""
    router = APIRouter(prefix=PREFIX)
    door, streams = Door(work), Streams(work.pool)
    methods = {"HEAD": door.ask, "PATCH": door.go_on, "DELETE": door.terminate}

    @router.options("")
    @router.options("/{number}")
    async def abilities() -> Response:
        """What this service can do is no secret."""
        headers = {
            "Tus-Version": VERSION,
            "Tus-Extension": EXTENSIONS,
            "Tus-Max-Size": str(work.settings.uploads.size_limit),
            "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
        }
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)

    @router.post("")
    async def begin(request: Request) -> Response:
        return await door.begin(request)

    @router.head("/{number}")
    async def ask(request: Request, number: str) -> Response:
        return await door.ask(request, number)

    @router.patch("/{number}")
    async def go_on(request: Request, number: str) -> Response:
        return await door.go_on(request, number)

    @router.delete("/{number}")
    async def terminate(request: Request, number: str) -> Response:
        return await door.terminate(request, number)

    @router.post("/{number}")
    async def overridden(request: Request, number: str) -> Response:
        """For clients whose network lets no PATCH through (tus 1.0.0, X-HTTP-Method-Override)."""
        act = methods.get(request.headers.get(_OVERRIDE, "").upper())
        if act is None:
            allow = {"Allow": ", ".join(["GET", *methods])}
            return problem(HTTPStatus.METHOD_NOT_ALLOWED, "Send PATCH", headers=allow)
        return await act(request, number)

    @router.get("")
    async def own_uploads(request: Request) -> Response:
        """All of that person, the newest first."""
        reader, whose = await door.admit(request)
        await reader.record(detail={"did": "looked at own uploads"})
        found = await work.desk.ask(door.uploads.of, whose) if whose else []
        return json_answer([as_json(each) for each in found])

    @router.get("/events")
    async def own_events(request: Request) -> Response:
        """All of that person, as they go on (server-sent events)."""
        reader, whose = await door.admit(request)
        if whose is None:
            return no_trust()
        await reader.record(detail={"did": "watched own uploads"})
        return await streams.answer(whose, last_event(request.headers.get("last-event-id", "")), None)

    @router.get("/{number}/events")
    async def events(request: Request, number: str) -> Response:
        """One, as it goes on; ends when it has."""
        reader, upload = await door.of(request, number)
        _, whose = await door.admit(request)
        assert whose is not None
        await reader.record(detail={"did": "watched an upload", "upload": number})
        return await streams.answer(whose, last_event(request.headers.get("last-event-id", "")), upload.id)

    @router.get("/{number}")
    async def one_upload(request: Request, number: str) -> Response:
        """How it stands, and what became of it."""
        reader, upload = await door.of(request, number)
        await reader.record(detail={"did": "looked at an upload", "upload": number})
        return json_answer(as_json(upload))

    @router.put("/{number}/case")
    async def say_case(request: Request, number: str) -> Response:
        """Whose it is, and what it was made for (docs/wrapping.md). Said again, it is converted again."""
        reader, upload = await door.of(request, number)
        case = _case(await json_body(request))
        await reader.record(detail={"did": "said the case of an upload", "upload": number})
        said = await work.desk.ask(door.uploads.say_case, upload.id, case)
        return json_answer(as_json(said), HTTPStatus.ACCEPTED)

    return router


def _case(body: dict[str, Any]) -> dict[str, Any]:
    """As it is kept. Raises BadInput, which names fields and never their values."""
    try:
        return parse_case(orjson.dumps(body)).model_dump(mode="json", exclude_unset=True)
    except BadCase as error:
        raise BadInput(str(error)) from None
