"""Orders over HTTP, for systems that speak no HL7: what was asked for, and that it is not to be done."""

from datetime import UTC, datetime
from http import HTTPStatus

from fastapi import APIRouter, Request
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from starlette.responses import Response

from exchange.order import ORDERS, BadOrder, Order, Said, Status
from exchange.orders import NoSuchOrder, PostgresOrders, Told, Which
from exchange.policy import Action
from exchange.registry import PostgresRegistry
from exchange.ties import NoSuchTie, PostgresTies
from exchange.trusts import UnknownTrust
from storage.errors import BadInput
from storage.uids import is_uid
from viewer_api.desk import json_answer, json_body
from viewer_api.parts import Working
from viewer_api.readers import Reader


class WrongBody(BadInput):
    """A body that is no order. The text names fields, never values."""


def order_routes(work: Working) -> APIRouter:
    """For those who may operate the service: somebody of one trust sees and decides about its own."""
    router = APIRouter()
    orders, ties = PostgresOrders(work.desk.pool), PostgresTies(work.desk.pool)
    decisions = {"tie": ties.tie, "dismiss": ties.dismiss, "untie": ties.untie}

    @router.get("/orders")
    async def list_orders(request: Request) -> Response:
        reader = await work.readers.admit(request, Action.OPERATE)
        trust = reader.trust or request.query_params.get("trust") or None
        which = Which.ALL if request.query_params.get("status") == "all" else Which.OPEN
        await reader.record(detail={"keys": sorted({"trust", "status"} & request.query_params.keys())})
        found = await work.desk.ask(orders.orders, trust, which)
        return json_answer([each.as_json() for each in found])

    @router.get("/orders/doubts")
    async def doubts(request: Request) -> Response:
        """Studies that may answer an order: a person decides."""
        reader = await work.readers.admit(request, Action.OPERATE)
        study, trust = request.query_params.get("study"), reader.trust
        if study and not is_uid(study):
            raise WrongBody("study is a Study Instance UID")
        await reader.record(study)
        found = await (
            work.desk.ask(ties.of_study, study, trust) if study else work.desk.ask(ties.in_doubt, trust)
        )
        return json_answer(found)

    @router.post("/orders/doubts/{number}")
    async def decide(request: Request, number: int) -> Response:
        """The study answers the order ("tie"), does not ("dismiss"), or was wrongly tied ("untie")."""
        reader = await work.readers.admit(request, Action.OPERATE)
        act = decisions.get(str((await json_body(request)).get("decision")))
        if act is None:
            raise WrongBody(f"a decision is one of {', '.join(decisions)}")
        if reader.look.actor.trust not in ("", await work.desk.ask(ties.trust_of, number)):
            raise NoSuchTie(number)
        await reader.record(detail={"did": "decided about an order"})
        await work.desk.ask(act, number, reader.look.actor.name)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @router.get("/orders/{trust}/{number:path}")
    async def one_order(request: Request, trust: str, number: str) -> Response:
        reader = await work.readers.admit(request, Action.OPERATE)
        _check_own(reader, trust, number)
        await reader.record()
        return json_answer((await work.desk.ask(orders.order, trust, number)).as_json())

    @router.post("/orders")
    async def place(request: Request) -> Response:
        """Place an order, or change one: what is said last stands."""
        reader = await work.readers.admit(request, Action.OPERATE)
        order = await _order_in(request)
        await work.desk.ask(_check_trust, work, order.trust)
        _check_own(reader, order.trust, order.number)
        who = reader.look.actor.name
        told = Told(order, Status.SCHEDULED, Said(datetime.now(UTC), who))
        await reader.record(detail={"did": "placed an order"})
        return json_answer((await work.desk.ask(orders.tell, told, who)).as_json(), HTTPStatus.CREATED)

    @router.delete("/orders/{trust}/{number:path}")
    async def cancel(request: Request, trust: str, number: str) -> Response:
        """It is not to be done. The order stays, cancelled."""
        reader = await work.readers.admit(request, Action.OPERATE)
        _check_own(reader, trust, number)
        await reader.record(detail={"did": "cancelled an order"})
        said = _said_by(reader)
        return json_answer((await work.desk.ask(orders.cancel, trust, number, said)).as_json())

    return router


def _check_own(reader: Reader, trust: str, number: str) -> None:
    """Somebody of one trust works on its orders; who belongs to none works for all."""
    if reader.look.actor.trust not in ("", trust):
        raise NoSuchOrder(trust, number)


def _check_trust(work: Working, trust: str) -> None:
    try:
        PostgresRegistry(work.desk.pool).trust(trust)
    except UnknownTrust as error:
        raise WrongBody(str(error)) from error


def _said_by(reader: Reader) -> Said:
    return Said(datetime.now(UTC), reader.look.actor.name)


async def _order_in(request: Request) -> Order:
    body = await json_body(request)
    try:
        return ORDERS.validate_python(body)
    except ValidationError as error:
        raise WrongBody(f"not an order: {'; '.join(sorted(map(_wrong, error.errors())))}") from None


def _wrong(found: ErrorDetails) -> str:
    """What is wrong, and where. Of the library's own words only the kind: they repeat values."""
    place = ".".join(str(part) for part in found["loc"]) or "body"
    error = found.get("ctx", {}).get("error")
    return f"{place}: {error}" if isinstance(error, BadOrder) else f"{place}: {found['type']}"
