"""Rejection notes over HTTP: seen, accepted and undone by whoever runs the service for the trusts."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from exchange.policy import Action
from storage.errors import BadInput, NotHeld
from storage.rejections import Noted, Rejections
from viewer_api.desk import json_answer, json_body
from viewer_api.parts import Working
from viewer_api.readers import Reader

PREFIX = "/rejections"


def rejection_routes(work: Working) -> APIRouter:
    """List, look, decide; and the views."""
    router = APIRouter(prefix=PREFIX)
    rejections = Rejections(work.desk.pool)

    async def own(reader: Reader, number: int) -> Noted:
        """Somebody of one trust sees what that trust sent; who belongs to none works for all."""
        found = await work.desk.ask(rejections.note, number)
        if reader.look.actor.trust not in ("", found.trust):
            raise NotHeld(f"rejection note {number}")
        return found

    @router.get("")
    async def listed(request: Request) -> Response:
        reader = await work.readers.admit(request, Action.OPERATE)
        found = await work.desk.ask(rejections.notes, trust=reader.trust)
        await reader.record(detail={"rejections": len(found)})
        return json_answer([as_json(each) for each in found])

    @router.get("/views")
    async def views(request: Request) -> Response:
        await work.readers.admit(request, Action.OPERATE)
        return json_answer(await work.desk.ask(rejections.views))

    @router.put("/views/{code}")
    async def change_view(request: Request, code: str) -> Response:
        reader = await work.readers.admit(request, Action.CONFIGURE)
        body = await json_body(request)
        hides_instances, hides_note = (_flag(body, name) for name in ("hides_instances", "hides_note"))
        changed = await work.desk.ask(
            rejections.change_view, code, hides_instances, hides_note, reader.look.actor.name
        )
        return json_answer(changed)

    @router.get("/{number}")
    async def note(request: Request, number: int) -> Response:
        reader = await work.readers.admit(request, Action.OPERATE)
        found = await own(reader, number)
        await reader.record(found.study_uid, {"rejection": number})
        return json_answer(as_json(found))

    @router.put("/{number}/decision")
    async def decide(request: Request, number: int) -> Response:
        reader = await work.readers.admit(request, Action.OPERATE)
        choice = (await json_body(request)).get("choice")
        if choice not in ("accept", "undo"):
            raise BadInput('say {"choice": "accept"} or {"choice": "undo"}')
        found = await own(reader, number)
        if choice == "accept" and reader.look.actor.trust:
            raise BadInput("a note may name what is another trust's: somebody of no one trust accepts it")
        decide = rejections.accept if choice == "accept" else rejections.undo
        return json_answer(as_json(await work.desk.ask(decide, found.id, reader.look.actor.name)))

    return router


def as_json(noted: Noted) -> dict[str, Any]:
    """All of it, and how it stands."""
    return {
        "standing": noted.standing.value,
        "title": noted.title,
        **{name: getattr(noted, name) for name in Noted.__dataclass_fields__},
    }


def _flag(body: dict[str, Any], name: str) -> bool:
    value = body.get(name)
    if not isinstance(value, bool):
        raise BadInput(f'"{name}" is true or false')
    return value
