"""The record's default views, as a page and an API: what each audience is shown, and who changed it when."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from exchange.policy import Action
from exchange.record.specialty import Specialty
from exchange.record.view import Audience, BadView, KeptView, Part, View, view_as_json, view_from
from exchange.record.views import Change, change_view, changes, view_for, views
from storage.driver_errors import mapped_errors
from storage.errors import BadInput
from viewer_api.desk import json_answer, json_body
from viewer_api.pages import Pages
from viewer_api.parts import Working
from viewer_api.problems import takes_pages
from viewer_api.readers import Reader
from viewer_api.signing_in.forms import Form

PREFIX = "/record-views"

#: What an audience is, for whoever sets its view.
ABOUT: Mapping[Audience, str] = {
    Audience.PRACTITIONER: "Those who treat people: everybody who signs in today",
    Audience.PERSON: "Whose record it is. Comes into use when people sign in themselves",
    Audience.CARER: "Who cares for them. Comes into use when people sign in themselves",
}


@dataclass(frozen=True, slots=True)
class Books:
    """Asks the database, in threads."""

    work: Working

    async def all(self) -> tuple[list[KeptView], list[Change]]:
        """As they stand, and as they came to be."""

        def ask() -> tuple[list[KeptView], list[Change]]:
            with mapped_errors(), self.work.desk.pool.connection() as connection:
                return list(views(connection)), list(changes(connection))

        return await self.work.desk.ask(ask)

    async def one(self, audience: Audience) -> KeptView:
        """The one in force."""

        def ask() -> KeptView:
            with mapped_errors(), self.work.desk.pool.connection() as connection:
                return view_for(connection, audience)

        return await self.work.desk.ask(ask)

    async def change(self, audience: Audience, view: View, version: int, by: str) -> KeptView:
        """Raises AlreadyDecided."""

        def ask() -> KeptView:
            with mapped_errors(), self.work.desk.pool.connection() as connection:
                return change_view(connection, audience, view, version, by)

        return await self.work.desk.ask(ask)


def record_view_routes(work: Working, pages: Pages) -> APIRouter:
    """GET /record-views; GET, PUT and, by the form, POST /record-views/AUDIENCE."""
    router = APIRouter(prefix=PREFIX)
    books = Books(work)

    def page(request: Request, reader: Reader, template: str, **values: Any) -> Response:
        return pages.answer(
            request,
            template,
            signed_in=reader.name,
            actor=reader.look.actor,
            form_token=work.readers.form_token(request),
            about=ABOUT,
            **values,
        )

    def form(
        request: Request,
        reader: Reader,
        audience: Audience,
        view: View,
        version: int,
        errors: Mapping[str, str] | None = None,
    ) -> Response:
        return page(
            request, reader, "record_view.html", audience=audience, view=view, version=version,
            errors=errors or {}, specialties=list(Specialty), parts=list(Part),
        )  # fmt: skip

    @router.get("")
    async def listed(request: Request) -> Response:
        """All views, and the changes that made them."""
        reader = await work.readers.admit(request, Action.CONFIGURE)
        found, history = await books.all()
        if takes_pages(request):
            return page(request, reader, "record_views.html", views=found, changes=history)
        return json_answer(
            {"views": [_as_json(each) for each in found], "changes": [_told(each) for each in history]}
        )

    @router.get("/{audience}")
    async def one(request: Request, audience: Audience) -> Response:
        reader = await work.readers.admit(request, Action.CONFIGURE)
        found = await books.one(audience)
        if takes_pages(request):
            return form(request, reader, audience, found.view, found.version)
        return json_answer(_as_json(found))

    @router.put("/{audience}")
    async def change(request: Request, audience: Audience) -> Response:
        """Put a view in force over the `version` that one saw."""
        reader = await work.readers.admit(request, Action.CONFIGURE)
        body = await json_body(request)
        version = body.pop("version", None)
        if not isinstance(version, int):
            raise BadInput("version is the number of the view that is to be changed")
        kept = await books.change(audience, view_from(body), version, reader.look.actor.name)
        return json_answer(_as_json(kept))

    @router.post("/{audience}")
    async def typed(request: Request, audience: Audience) -> Response:
        """The same, by the form."""
        reader = await work.readers.admit(request, Action.CONFIGURE)
        sent = await work.readers.form(request, Action.CONFIGURE)
        said = _typed(sent)
        try:
            view = view_from(said)
        except BadView as wrong:
            before = await books.one(audience)
            return form(request, reader, audience, before.view, before.version, wrong.problems)
        await books.change(audience, view, _version(sent), reader.look.actor.name)
        return RedirectResponse(PREFIX, HTTPStatus.SEE_OTHER)

    return router


def _typed(sent: Form) -> dict[str, Any]:
    """A form sends what is ticked, and nothing of what is not."""
    fields = sent.fields
    return {
        "specialties": [each.value for each in Specialty if f"specialty_{each.value}" in fields],
        "has_pictures": "has_pictures" in fields,
        "has_reports": "has_reports" in fields,
        "has_unverified": "has_unverified" in fields,
        "order": [fields.get(f"order_{place}", "") for place in range(1, len(Part) + 1)],
    }


def _version(sent: Form) -> int:
    text = sent.fields.get("version", "")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadInput("the form does not say which version of the view it changes")
    return int(text)


def _as_json(kept: KeptView) -> dict[str, Any]:
    return {
        "audience": kept.audience,
        "version": kept.version,
        "changed_at": kept.changed_at,
        "changed_by": kept.changed_by,
        **view_as_json(kept.view),
    }


def _told(change: Change) -> dict[str, Any]:
    return {
        "audience": change.audience,
        "version": change.version,
        "at": change.at,
        "by": change.by,
        **view_as_json(change.view),
    }
