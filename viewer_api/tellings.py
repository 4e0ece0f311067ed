"""What the care record was told, over HTTP, for those who operate the service."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from exchange.policy import Action
from exchange.telling.desk import State, TellingDesk
from exchange.telling.subscriber import PostgresSubscribers
from storage.errors import BadQuery
from viewer_api.desk import json_answer
from viewer_api.parts import Working
from viewer_api.readers import Reader

#: Tellings in one answer, unless `limit` asks for fewer.
LIMIT = 1000


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
        return json_answer(
            [
                {
                    "name": each.name, "kind": each.kind.value, "address": each.address,
                    "waiting": doing[each.name].waiting, "told": doing[each.name].told,
                    "dead": doing[each.name].dead, "waits_since": doing[each.name].oldest,
                    "held_back_until": doing[each.name].held_back_until,
                    "last_error": doing[each.name].last_error,
                }
                for each in found
                if each.name in doing
            ]
        )  # fmt: skip

    @router.get("/tellings")
    async def list_tellings(request: Request) -> Response:
        reader = await work.readers.admit(request, Action.OPERATE)
        keys = request.query_params
        states = [_state(text) for text in keys.getlist("state")]
        limit = _limit(keys.get("limit", str(LIMIT)))
        await reader.record(detail={"keys": sorted({"state", "limit", "subscriber", "study"} & keys.keys())})
        shown = states or [State.WAITING, State.DEAD]
        found = await work.desk.ask(
            desk.tellings, shown, keys.get("subscriber"), keys.get("study"), limit, _trust(reader)
        )
        return json_answer([each.as_json() for each in found])

    @router.get("/tellings/{number:int}")
    async def one_telling(request: Request, number: int) -> Response:
        reader = await work.readers.admit(request, Action.OPERATE)
        await reader.record(detail={"telling": number})
        telling, told, decided = await work.desk.ask(desk.telling, number, _trust(reader))
        acts = [{"at": each.at, "act": each.act, "thing": each.thing, "of": each.person} for each in told]
        decisions = [{"at": each.at, "by": each.decided_by, "decision": each.decision} for each in decided]
        return json_answer({**telling.as_json(), "told": acts, "decisions": decisions})

    @router.post("/tellings/{number:int}/replay")
    async def replay(request: Request, number: int) -> Response:
        """Told again within seconds, whether or not the subscriber should hold it already."""
        reader = await work.readers.admit(request, Action.OPERATE)
        await work.desk.ask(desk.telling, number, _trust(reader))
        await reader.record(detail={"telling": number, "did": "replayed"})
        await work.desk.ask(desk.replay, number, reader.look.actor.name)
        return json_answer((await work.desk.ask(desk.telling, number))[0].as_json())

    @router.post("/tellings/{number:int}/cancel")
    async def cancel(request: Request, number: int) -> Response:
        reader = await work.readers.admit(request, Action.OPERATE)
        await work.desk.ask(desk.telling, number, _trust(reader))
        await reader.record(detail={"telling": number, "did": "cancelled"})
        await work.desk.ask(desk.cancel, number, reader.look.actor.name)
        return json_answer((await work.desk.ask(desk.telling, number))[0].as_json())

    return router


def _trust(reader: Reader) -> str | None:
    return reader.look.actor.trust or None


def _state(text: str) -> State:
    try:
        return State(text)
    except ValueError as error:
        raise BadQuery(f"state is one of {', '.join(each.value for each in State)}") from error


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 0 < int(text) <= LIMIT:
        raise BadQuery(f"limit is a number from 1 to {LIMIT}")
    return int(text)
