"""Add files: the page at /laboratory, and what it asks of an order."""

from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import Response

from exchange.policy import Action
from viewer_api.desk import json_answer, json_body
from viewer_api.laboratory.body_sites import BODY_SITES
from viewer_api.laboratory.checking import problems_in
from viewer_api.laboratory.fields import CHOICES, GLASS, PERSON, PICTURE, VISIT, Kind
from viewer_api.origins import trust_of
from viewer_api.pages import Pages
from viewer_api.parts import Working

PREFIX = "/laboratory"


def laboratory_routes(work: Working, pages: Pages) -> APIRouter:
    """For those who may contribute."""
    router = APIRouter()

    @router.get(PREFIX)
    async def add_files(request: Request) -> Response:
        reader = await work.readers.admit(request, Action.CONTRIBUTE)
        trust = trust_of(reader.look.actor, work.settings)
        return pages.answer(
            request,
            "laboratory.html",
            status=HTTPStatus.OK,
            signed_in=reader.name or "Open to all on this machine",
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

    return router
