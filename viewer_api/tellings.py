"""What the care record was told, over HTTP, for those who operate the service."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from exchange.policy import Action
from exchange.telling.desk import State, Telling, TellingDesk
from exchange.telling.subscriber import PostgresSubscribers
from viewer_api.desk import json_answer
from viewer_api.parts import Working
from viewer_api.waiting import decided, listed


def telling_routes(work: Working) -> APIRouter:
    """GET /subscribers; GET /tellings, one of them, and what a person may do about it.

    Somebody of one trust sees and decides about what that trust sent; who belongs to none works for all.
    """
    router = APIRouter()
    desk = TellingDesk(work.desk.pool)
    subscribers = PostgresSubscribers(work.desk.pool)

    @router.get("/subscribers")
    async def list_subscribers(request: Request) -> Response:
        reader = await work.readers.admit(request, Action.OPERATE)
        await reader.record()
        found, doing = await work.desk.ask(subscribers.all), await work.desk.ask(subscribers.doing)
        return json_answer([each.as_json(doing[each.name]) for each in found if each.name in doing])

    def one(number: int, trust: str | None) -> Telling:
        return desk.telling(number, trust)[0]

    @router.get("/tellings")
    async def list_tellings(request: Request) -> Response:
        usual = [State.WAITING, State.DEAD]
        return await listed(work, request, "subscriber", usual, desk.tellings)

    @router.get("/tellings/{number:int}")
    async def one_telling(request: Request, number: int) -> Response:
        reader = await work.readers.admit(request, Action.OPERATE)
        await reader.record(detail={"telling": number})
        telling, told, decisions = await work.desk.ask(desk.telling, number, reader.trust)
        acts = [{"at": each.at, "act": each.act, "thing": each.thing, "of": each.person} for each in told]
        return json_answer(
            {**telling.as_json(), "told": acts, "decisions": [each.as_json() for each in decisions]}
        )

    @router.post("/tellings/{number:int}/replay")
    async def replay(request: Request, number: int) -> Response:
        """Told again within seconds, whether or not the subscriber should hold it already."""
        did = {"telling": number, "did": "replayed"}
        return await decided(work, request, number, did, one, desk.replay)

    @router.post("/tellings/{number:int}/cancel")
    async def cancel(request: Request, number: int) -> Response:
        did = {"telling": number, "did": "cancelled"}
        return await decided(work, request, number, did, one, desk.cancel)

    return router
