"""Routing rules over HTTP: those in force, new ones, and what waits by them."""

from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import Response

from exchange.policy import Action
from storage.errors import BadInput, NotHeld
from viewer_api.desk import BODY_LIMIT_BYTES, json_answer
from viewer_api.parts import Working

PREFIX = "/rules"


def rules_routes(work: Working) -> APIRouter:
    """The text of the rules is TOML, as `imx rules load` takes it."""
    router = APIRouter(prefix=PREFIX)
    rules = work.rules

    @router.get("")
    async def in_force(request: Request) -> Response:
        await work.readers.admit(request, Action.CONFIGURE)
        found = await work.desk.ask(rules.in_force)
        if found is None:
            raise NotHeld("a rule file: none was loaded yet")
        return json_answer(found)

    @router.put("")
    async def load(request: Request) -> Response:
        reader = await work.readers.admit(request, Action.CONFIGURE)
        text = await _text(request)
        return json_answer(await work.desk.ask(rules.load, text, reader.look.actor.name))

    @router.get("/waiting")
    async def waiting(request: Request) -> Response:
        reader = await work.readers.admit(request, Action.OPERATE)
        found = await work.desk.ask(rules.waiting, reader.trust)
        await reader.record(detail={"waiting": len(found)})
        return json_answer(found)

    @router.post("/waiting/{study_uid}/release")
    async def release(request: Request, study_uid: str) -> Response:
        reader = await work.readers.admit(request, Action.OPERATE, study_uid)
        released = await work.desk.ask(rules.release, study_uid, reader.look.actor.name, reader.trust)
        await reader.record(study_uid, {"released": released})
        return Response(status_code=HTTPStatus.NO_CONTENT)

    return router


async def _text(request: Request) -> str:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_LIMIT_BYTES:
            raise BadInput(f"a body of more than {BODY_LIMIT_BYTES:,} bytes")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise BadInput("the body is no UTF-8") from error
