"""Add files: the page at /laboratory, and what it asks of an order."""

from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import Response

from exchange.orders import PostgresOrders
from exchange.policy import Action
from ologies.errors import BadCase
from storage.errors import BadInput
from viewer_api.desk import json_answer, json_body
from viewer_api.laboratory.body_sites import BODY_SITES
from viewer_api.laboratory.checking import problems_in
from viewer_api.laboratory.fields import CHOICES, GLASS, PERSON, PICTURE, VISIT, Kind
from viewer_api.ordered_cases import ordered_case
from viewer_api.origins import no_trust, trust_of
from viewer_api.pages import Pages
from viewer_api.parts import Working
from viewer_api.problems import problem

PREFIX = "/laboratory"
#: Of a barcode; no order's number is longer.
NUMBER_LIMIT = 64


def laboratory_routes(work: Working, pages: Pages) -> APIRouter:
    """For those who may contribute."""
    router = APIRouter()
    orders = PostgresOrders(work.desk.pool)

    @router.get(PREFIX)
    async def add_files(request: Request) -> Response:
        reader = await work.readers.admit(request, Action.CONTRIBUTE)
        trust = trust_of(reader.look.actor, work.settings)
        return pages.answer(
            request,
            "laboratory.html",
            status=HTTPStatus.OK,
            signed_in=reader.name,
            actor=reader.look.actor,
            form_token=work.readers.form_token(request),
            issuer=trust[1] if trust else "",
            has_trust=trust is not None,
            person=PERSON,
            visit=VISIT,
            picture=PICTURE,
            glass=GLASS,
            choices=CHOICES,
            body_sites=BODY_SITES,
            kinds=Kind,
        )

    @router.post(f"{PREFIX}/case")
    async def check(request: Request) -> Response:
        """Whether these details can be a case; nothing is kept of them yet."""
        await work.readers.admit(request, Action.CONTRIBUTE)
        return json_answer({"problems": problems_in(await json_body(request))})

    @router.post(f"{PREFIX}/order")
    async def find_order(request: Request) -> Response:
        """The case of an order of one's own trust, by any number that a barcode of it holds."""
        reader = await work.readers.admit(request, Action.CONTRIBUTE)
        trust = trust_of(reader.look.actor, work.settings)
        if trust is None:
            return no_trust()
        number = (await json_body(request)).get("number")
        if not isinstance(number, str) or not 0 < len(number) <= NUMBER_LIMIT:
            raise BadInput("number is the text of a barcode")
        await reader.record(detail={"did": "looked up an order"})
        try:
            case = await work.desk.ask(ordered_case, orders, number.strip(), trust[1])
        except BadCase as error:
            return problem(HTTPStatus.NOT_FOUND, "No order", str(error))
        return json_answer(case.model_dump(mode="json", exclude_unset=True))

    return router
