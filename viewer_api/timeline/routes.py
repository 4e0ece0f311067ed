"""The record's pages: people are looked for at /record, and /record/ID is all of one person's studies.

The id is the directory's own and says nothing of anybody; what somebody typed stands in no address.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from exchange.people.directory import people, person_with_uid
from exchange.people.finding import Criteria, find
from exchange.people.person import Person
from exchange.policy import Action
from exchange.record.timeline import Filters, Listed, Timeline, studies_for, timeline_of, with_reports
from exchange.record.view import Audience, KeptView
from exchange.record.views import view_for
from exchange.reports.reading import reports_of
from exchange.searches import KeptSearches
from storage.driver_errors import mapped_errors
from storage.errors import BadQuery, NotHeld
from viewer_api.clock import day
from viewer_api.desk import json_answer
from viewer_api.ohif import viewer_url
from viewer_api.pages import Pages
from viewer_api.parts import Working
from viewer_api.problems import takes_pages
from viewer_api.readers import Reader
from viewer_api.timeline.finding import Typed, mean
from viewer_api.timeline.shown import ShownReport, shown_person, shown_report
from viewer_api.written import written_day

PREFIX = "/record"
#: People on the page; whoever sees so many is to say more of whom they mean.
FOUND_AT_MOST = 25


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of somebody, as a view has it."""

    person: Person
    timeline: Timeline
    view: KeptView


@dataclass(frozen=True, slots=True)
class Asked:
    """Which part of a record a link leads to."""

    filters: Filters
    page: int
    audience: Audience | None  # of a preview

    def url(self, person: str, page: int) -> str:
        """The link to another page of it."""
        said = {
            "specialty": self.filters.specialty,
            "trust": self.filters.trust,
            "year": self.filters.year,
            "view": self.audience.value if self.audience else "",
            "page": str(page) if page > 1 else "",
        }
        query = urlencode({name: text for name, text in said.items() if text})
        return f"{PREFIX}/{person}?{query}" if query else f"{PREFIX}/{person}"


class Records:
    """Answers people who look for people."""

    def __init__(self, work: Working, pages: Pages) -> None:
        self._work, self._pages = work, pages
        self._kept = KeptSearches(work.pool)

    async def form(self, request: Request, reader: Reader) -> Response:
        """The form, and who was found by a search that was kept."""
        key = request.query_params.get("search", "")
        if not key:
            return self._search(request, reader, Typed())
        given = await self._kept.read(reader.look.actor, key[:64])
        if given is None:
            return self._search(request, reader, Typed(), has_ended=True)
        typed = Typed.of(given)
        meant = mean(typed)
        if meant.errors:
            return self._search(request, reader, typed, errors=meant.errors)
        found = await self._found(reader, meant.criteria, typed)
        return self._search(request, reader, typed, found=found)

    async def search(self, request: Request, reader: Reader) -> Response:
        """Lead to the one who was meant, or keep what was looked for and lead to who could be."""
        form = await self._work.readers.form(request, Action.FIND_PEOPLE)
        typed = Typed.of(form.fields)
        meant = mean(typed)
        if meant.errors:
            return self._search(request, reader, typed, errors=meant.errors)
        found = await self._found(reader, meant.criteria, typed)
        if len(found) == 1:
            return RedirectResponse(f"{PREFIX}/{found[0].uid}", HTTPStatus.SEE_OTHER)
        key = await self._kept.keep(reader.look.actor, typed.as_json())
        return RedirectResponse(f"{PREFIX}?{urlencode({'search': key})}", HTTPStatus.SEE_OTHER)

    async def show(self, request: Request, uid: UUID) -> Response:
        """The timeline of one person."""
        reader = await self._work.readers.admit(request, Action.SEE_RECORD, person=uid)
        asked = _asked(request)
        if asked.audience is not None:
            await self._work.readers.admit(request, Action.CONFIGURE, person=uid)
        record = await self._work.desk.ask(self._record, uid, asked)
        if record.person.uid != uid:
            return RedirectResponse(asked.url(str(record.person.uid), asked.page), HTTPStatus.SEE_OTHER)
        said = {"studies": len(record.timeline.uids), "view": record.view.audience.value}
        await reader.record(detail=said, person=uid)
        if takes_pages(request):
            return self._page(request, reader, asked, record)
        return json_answer(_as_json(record))

    def _record(self, uid: UUID, asked: Asked) -> Record:
        with mapped_errors(), self._work.desk.pool.connection() as connection:
            person = person_with_uid(connection, uid)
            if person is None:
                raise NotHeld("a person with this id")
            view = view_for(connection, asked.audience or Audience.PRACTITIONER)
            timeline = timeline_of(studies_for(connection, person), view.view, asked.filters, asked.page)
            reports = reports_of(connection, timeline.uids) if view.view.has_reports else {}
        return Record(person, with_reports(timeline, reports, view.view), view)

    async def _found(self, reader: Reader, criteria: Criteria, typed: Typed) -> Sequence[Person]:
        found = await self._work.desk.ask(self._matching, criteria)
        keys = sorted(typed.as_json())
        looks = [replace(reader.look, person=each.uid, detail={"keys": keys}) for each in found]
        await reader.audit.record_all(looks or [replace(reader.look, detail={"keys": keys})])
        return found

    def _matching(self, criteria: Criteria) -> Sequence[Person]:
        with mapped_errors(), self._work.desk.pool.connection() as connection:
            ids = find(connection, criteria).ids[: FOUND_AT_MOST + 1]
            known = people(connection, ids)
        return [known[id] for id in ids]

    def _search(
        self,
        request: Request,
        reader: Reader,
        typed: Typed,
        *,
        errors: Mapping[str, str] | None = None,
        found: Sequence[Person] | None = None,
        has_ended: bool = False,
    ) -> Response:
        return self._pages.answer(
            request,
            "record_find.html",
            signed_in=reader.name,
            actor=reader.look.actor,
            form_token=self._work.readers.form_token(request),
            typed=typed,
            errors=errors or {},
            found=None if found is None else [shown_person(each) for each in found[:FOUND_AT_MOST]],
            is_cut=found is not None and len(found) > FOUND_AT_MOST,
            has_ended=has_ended,
        )

    def _page(self, request: Request, reader: Reader, asked: Asked, record: Record) -> Response:
        return self._pages.answer(
            request,
            "record.html",
            signed_in=reader.name,
            actor=reader.look.actor,
            form_token=self._work.readers.form_token(request),
            person=shown_person(record.person),
            timeline=record.timeline,
            view=record.view,
            asked=asked,
            viewer=viewer_url,
            reports=_reports,
            written_day=written_day,
        )


def _reports(listed: Listed) -> list[ShownReport]:
    return [
        shown_report(each, listed.uid, day(each.content.issued) if each.content.issued else "")
        for each in listed.reports
    ]


def _asked(request: Request) -> Asked:
    named = request.query_params
    page = named.get("page", "1")
    if not (page.isascii() and page.isdigit() and 0 < int(page[:6]) <= 10_000):
        raise BadQuery("page is a number from 1 to 10000")
    view = named.get("view", "")
    if view and view not in {each.value for each in Audience}:
        raise BadQuery(f"view is one of {', '.join(each.value for each in Audience)}")
    filters = Filters(named.get("specialty", ""), named.get("trust", ""), named.get("year", ""))
    return Asked(filters, int(page), Audience(view) if view else None)


def _as_json(record: Record) -> dict[str, Any]:
    person, timeline = shown_person(record.person), record.timeline
    return {
        "person": person,
        "view": record.view.audience,
        "page": timeline.page,
        "pages": timeline.pages,
        "total": timeline.total,
        "left_out": timeline.left_out,
        "studies": [
            {
                "uid": study.uid,
                "date": study.date,
                "time": study.time,
                "description": study.description,
                "kinds": study.kinds,
                "specialties": study.specialties,
                "modalities": study.modalities,
                "trust": study.trust,
                "trust_name": study.trust_name,
                "accession": study.accession,
                "images": study.images,
                "viewer": viewer_url(study.uid, tuple(study.modalities)),
                "reports": [
                    {
                        "id": report.id,
                        "status": report.status,
                        "issued": report.content.issued,
                        "shown": shown,
                    }
                    for report, shown in zip(study.reports, _reports(study), strict=True)
                ],
            }
            for year in timeline.years
            for of_day in year.days
            for study in of_day.studies
        ],
    }


def timeline_routes(work: Working, pages: Pages) -> APIRouter:
    """GET and POST /record; GET /record/ID, a page or JSON."""
    router = APIRouter()
    records = Records(work, pages)

    @router.get(PREFIX)
    async def form(request: Request) -> Response:
        """Who is looked for."""
        reader = await work.readers.admit(request, Action.FIND_PEOPLE)
        return await records.form(request, reader)

    @router.post(PREFIX)
    async def search(request: Request) -> Response:
        """Look for somebody: neither number nor name stands in an address."""
        reader = await work.readers.admit(request, Action.FIND_PEOPLE)
        return await records.search(request, reader)

    @router.get(f"{PREFIX}/{{uid:uuid}}")
    async def timeline(request: Request, uid: UUID) -> Response:
        """All studies of one person, across trusts."""
        return await records.show(request, uid)

    return router
