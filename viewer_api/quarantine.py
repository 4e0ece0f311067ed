"""What was kept aside, over HTTP: seen and decided by whoever runs the service for the trusts."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from exchange.policy import Action
from storage.errors import BadInput, NotHeld
from storage.quarantine import Aside, Choice, Quarantine
from viewer_api.desk import json_answer, json_body
from viewer_api.parts import Working
from viewer_api.readers import Reader

PREFIX = "/quarantine"


def quarantine_routes(work: Working) -> APIRouter:
    """List, look, decide, undo."""
    router = APIRouter(prefix=PREFIX)
    quarantine = Quarantine(work.desk.pool, work.objects)

    async def own(reader: Reader, number: int) -> Aside:
        """Somebody of one trust sees what that trust sent; who belongs to none works for all."""
        found = await work.desk.ask(quarantine.aside, number)
        if reader.look.actor.trust not in ("", found.trust):
            raise NotHeld(f"number {number} in quarantine")
        return found

    @router.get("")
    async def waiting(request: Request, trust: str | None = None) -> Response:
        reader = await work.readers.admit(request, Action.OPERATE)
        found = await work.desk.ask(quarantine.waiting, reader.trust or trust)
        await reader.record(detail={"quarantine": len(found)})
        return json_answer(found)

    @router.get("/{number}")
    async def aside(request: Request, number: int) -> Response:
        reader = await work.readers.admit(request, Action.OPERATE)
        found = await own(reader, number)
        await reader.record(found.study_uid, {"quarantine": number})
        return json_answer(found)

    @router.put("/{number}/decision")
    async def decide(request: Request, number: int) -> Response:
        reader = await work.readers.admit(request, Action.OPERATE)
        choice = _choice(await json_body(request))
        await own(reader, number)
        return json_answer(await work.desk.ask(quarantine.decide, number, choice, reader.look.actor.name))

    @router.delete("/{number}/decision")
    async def undo(request: Request, number: int) -> Response:
        reader = await work.readers.admit(request, Action.OPERATE)
        await own(reader, number)
        return json_answer(await work.desk.ask(quarantine.undo, number, reader.look.actor.name))

    return router


def _choice(body: dict[str, Any]) -> Choice:
    try:
        return Choice(body.get("choice"))
    except ValueError:
        raise BadInput('say {"choice": "keep"} or {"choice": "take"}') from None
