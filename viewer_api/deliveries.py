"""Deliveries and the ledger over HTTP, for those who operate the service."""

from datetime import date

from fastapi import APIRouter, Request
from starlette.responses import Response

from exchange.deliveries import DeliveryDesk, State
from exchange.ledger import Ledger, uids_of
from exchange.policy import Action
from storage.errors import BadQuery, TooLarge
from viewer_api.desk import json_answer
from viewer_api.parts import Working
from viewer_api.readers import Reader

#: Deliveries in one answer, unless `limit` asks for fewer.
LIMIT = 1000
#: A sender's own list of a day.
LIST_BYTES = 16 * 1024 * 1024


def delivery_routes(work: Working) -> APIRouter:
    """GET /deliveries, one of them, and what a person may do about it; GET /ledger, POST /ledger/against.

    Somebody of one trust sees and decides about what that trust sent; who belongs to none works for all.
    """
    router = APIRouter()
    desk = DeliveryDesk(work.desk.pool)
    ledger = Ledger(work.desk.pool)

    @router.get("/deliveries")
    async def list_deliveries(request: Request) -> Response:
        reader = await work.readers.admit(request, Action.OPERATE)
        keys = request.query_params
        states = [_state(text) for text in keys.getlist("state")]
        limit = _limit(keys.get("limit", str(LIMIT)))
        await reader.record(detail={"keys": sorted({"state", "limit", "destination", "study"} & keys.keys())})
        shown = states or [State.WAITING, State.SENDING, State.DEAD]
        found = await work.desk.ask(
            desk.deliveries, shown, keys.get("destination"), keys.get("study"), limit, _trust(reader)
        )
        return json_answer([each.as_json() for each in found])

    @router.get("/deliveries/{number:int}")
    async def one_delivery(request: Request, number: int) -> Response:
        reader = await work.readers.admit(request, Action.OPERATE)
        await reader.record(detail={"delivery": number})
        delivery, decided = await work.desk.ask(desk.delivery, number, _trust(reader))
        decisions = [{"at": each.at, "by": each.decided_by, "decision": each.decision} for each in decided]
        return json_answer({**delivery.as_json(), "decisions": decisions})

    @router.post("/deliveries/{number:int}/replay")
    async def replay(request: Request, number: int) -> Response:
        """Tried again within seconds; what was taken is not sent again."""
        reader = await work.readers.admit(request, Action.OPERATE)
        await work.desk.ask(desk.delivery, number, _trust(reader))
        await reader.record(detail={"delivery": number, "did": "replayed"})
        await work.desk.ask(desk.replay, number, reader.look.actor.name)
        return json_answer((await work.desk.ask(desk.delivery, number))[0].as_json())

    @router.post("/deliveries/{number:int}/cancel")
    async def cancel(request: Request, number: int) -> Response:
        reader = await work.readers.admit(request, Action.OPERATE)
        await work.desk.ask(desk.delivery, number, _trust(reader))
        await reader.record(detail={"delivery": number, "did": "cancelled"})
        await work.desk.ask(desk.cancel, number, reader.look.actor.name)
        return json_answer((await work.desk.ask(desk.delivery, number))[0].as_json())

    @router.get("/ledger")
    async def lines(request: Request) -> Response:
        reader = await work.readers.admit(request, Action.OPERATE)
        keys = request.query_params
        day = _day(keys.get("day"))
        await reader.record(detail={"keys": sorted({"day", "peer"} & keys.keys())})
        found = await work.desk.ask(ledger.lines, day, keys.get("peer"), _trust(reader))
        return json_answer([each.as_json() for each in found])

    @router.post("/ledger/against")
    async def against(request: Request) -> Response:
        """A sender's own list in the body, one SOP Instance UID a line or CSV: where each of them is."""
        reader = await work.readers.admit(request, Action.OPERATE)
        uids = uids_of((await _body(request)).splitlines())
        await reader.record(detail={"keys": ["against"]})
        found = await work.desk.ask(lambda: list(ledger.against(uids, _trust(reader))))
        return json_answer([each.as_json() for each in found])

    return router


def _trust(reader: Reader) -> str | None:
    return reader.look.actor.trust or None


async def _body(request: Request) -> str:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LIST_BYTES:
            raise TooLarge(LIST_BYTES)
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadQuery("the list is not text in UTF-8") from error


def _state(text: str) -> State:
    try:
        return State(text)
    except ValueError as error:
        raise BadQuery(f"state is one of {', '.join(each.value for each in State)}") from error


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 0 < int(text) <= LIMIT:
        raise BadQuery(f"limit is a number from 1 to {LIMIT}")
    return int(text)


def _day(text: str | None) -> date:
    try:
        return date.fromisoformat(text) if text else date.today()  # noqa: DTZ011 -- a day at this place
    except ValueError as error:
        raise BadQuery("day is written as 2026-01-31") from error
