"""Deliveries and the ledger over HTTP, for those who operate the service."""

from datetime import date

from fastapi import APIRouter, Request
from starlette.responses import Response

from exchange.deliveries import Delivery, DeliveryDesk, State
from exchange.ledger import Ledger, uids_of
from exchange.policy import Action
from storage.errors import BadQuery, TooLarge
from viewer_api.desk import json_answer
from viewer_api.parts import Working
from viewer_api.waiting import decided, listed

#: A sender's own list of a day.
LIST_BYTES = 16 * 1024 * 1024


def delivery_routes(work: Working) -> APIRouter:
    """GET /deliveries, one of them, and what a person may do about it; GET /ledger, POST /ledger/against.

    Somebody of one trust sees and decides about what that trust sent; who belongs to none works for all.
    """
    router = APIRouter()
    desk = DeliveryDesk(work.desk.pool)
    ledger = Ledger(work.desk.pool)

    def one(number: int, trust: str | None) -> Delivery:
        return desk.delivery(number, trust)[0]

    @router.get("/deliveries")
    async def list_deliveries(request: Request) -> Response:
        usual = [State.WAITING, State.SENDING, State.DEAD]
        return await listed(work, request, "destination", usual, desk.deliveries)

    @router.get("/deliveries/{number:int}")
    async def one_delivery(request: Request, number: int) -> Response:
        reader = await work.readers.admit(request, Action.OPERATE)
        await reader.record(detail={"delivery": number})
        delivery, decisions = await work.desk.ask(desk.delivery, number, reader.trust)
        return json_answer({**delivery.as_json(), "decisions": [each.as_json() for each in decisions]})

    @router.post("/deliveries/{number:int}/replay")
    async def replay(request: Request, number: int) -> Response:
        """Tried again within seconds; what was taken is not sent again."""
        did = {"delivery": number, "did": "replayed"}
        return await decided(work, request, number, did, one, desk.replay)

    @router.post("/deliveries/{number:int}/cancel")
    async def cancel(request: Request, number: int) -> Response:
        did = {"delivery": number, "did": "cancelled"}
        return await decided(work, request, number, did, one, desk.cancel)

    @router.get("/ledger")
    async def lines(request: Request) -> Response:
        reader = await work.readers.admit(request, Action.OPERATE)
        keys = request.query_params
        day = _day(keys.get("day"))
        await reader.record(detail={"keys": sorted({"day", "peer"} & keys.keys())})
        found = await work.desk.ask(ledger.lines, day, keys.get("peer"), reader.trust)
        return json_answer([each.as_json() for each in found])

    @router.post("/ledger/against")
    async def against(request: Request) -> Response:
        """A sender's own list in the body, one SOP Instance UID a line or CSV: where each of them is."""
        reader = await work.readers.admit(request, Action.OPERATE)
        uids = uids_of((await _body(request)).splitlines())
        await reader.record(detail={"keys": ["against"]})
        found = await work.desk.ask(lambda: list(ledger.against(uids, reader.trust)))
        return json_answer([each.as_json() for each in found])

    return router


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


def _day(text: str | None) -> date:
    try:
        return date.fromisoformat(text) if text else date.today()  # noqa: DTZ011 -- a day at this place
    except ValueError as error:
        raise BadQuery("day is written as 2026-01-31") from error
