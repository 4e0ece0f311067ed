"""The list of studies: searched by a form, read by links that hold no patient's name."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from exchange.audit import Detail
from exchange.linking.links import linked_people, studies_of
from exchange.namespaces import within_issuer
from exchange.people.directory import person_known_as, person_with_uid
from exchange.people.person import Identifier, Person
from exchange.policy import Action, Purpose, Subject, may
from exchange.searches import KeptSearches
from storage.archive import PAGE
from storage.columns import STUDY_UID
from storage.driver_errors import mapped_errors
from storage.errors import BadQuery
from storage.query import AnyOf
from viewer_api.pages import Pages, first_page
from viewer_api.parts import Working
from viewer_api.readers import Reader
from viewer_api.study_list.criteria import MODALITIES, NOBODY, Criteria, Meant, mean
from viewer_api.study_list.invoking import Invocation, invoked
from viewer_api.study_list.rows import Order, Row, in_order, row_of

PREFIX = "/studies"
#: Studies on one page.
SHOWN_AT_ONCE = 25
#: Whose whole answer is sorted otherwise than newest first.
SORTED_AT_MOST = PAGE - 1
_LAST_PAGE = 10_000
_KEY = re.compile(r"[\w-]{0,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which part of which search a link leads to."""

    key: str  # of the kept search; "" for all studies
    page: int
    order: Order

    def url(self, page: int | None = None, order: Order | None = None) -> str:
        """The link to another part; another order begins at its first page."""
        number = page or (1 if order else self.page)
        chosen = order or self.order
        query = {
            **({"search": self.key} if self.key else {}),
            **({"sort": chosen.value} if chosen is not Order.NEWEST else {}),
            **({"page": str(number)} if number > 1 else {}),
        }
        return f"{PREFIX}?{urlencode(query)}" if query else PREFIX


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of what was found."""

    rows: list[Row]
    first: int  # number of the first row, from 1
    has_more: bool
    is_cut: bool = False  # too many to be sorted as asked: they are newest first


class StudyList:
    """Answers people who look for studies."""

    def __init__(self, work: Working, pages: Pages) -> None:
        self._work, self._pages = work, pages
        self._kept = KeptSearches(work.pool)

    async def keep(self, reader: Reader, criteria: Criteria) -> Response:
        """Lead to what was looked for."""
        if not criteria.as_json():
            return RedirectResponse(PREFIX, HTTPStatus.SEE_OTHER)
        key = await self._kept.keep(reader.look.actor, criteria.as_json())
        return RedirectResponse(Asked(key, 1, Order.NEWEST).url(), HTTPStatus.SEE_OTHER)

    async def show(self, request: Request, reader: Reader) -> Response:
        """A page of studies."""
        asked = _asked(request.query_params)
        given = await self._kept.read(reader.look.actor, asked.key) if asked.key else {}
        if given is None:
            return self._page(request, reader, mean(Criteria()), asked, Listed([], 1, False), has_ended=True)
        meant = mean(Criteria.kept(given))
        if person := _person(meant.criteria):
            reader = await self._work.readers.admit(request, Action.SEE_RECORD, person=person)
        listed = await self._find(reader, meant, asked)
        keys = sorted(meant.criteria.as_json())
        detail: Detail = {"level": "study", "keys": keys, "of": "study list"}
        await reader.record(detail=detail, person=_person(meant.criteria))
        return self._page(request, reader, meant, asked, listed, people=await self._people(reader, listed))

    async def invoke(self, request: Request, reader: Reader) -> Response:
        """Open the one study that was asked for; else lead to what there is, and the reader chooses."""
        invocation = invoked(request.query_params.multi_items())
        meant = mean(await self._of_person(invocation))
        person = _person(meant.criteria)
        if person:
            reader = await self._work.readers.admit(request, Action.SEE_RECORD, person=person)
        if meant.errors:
            raise BadQuery(next(iter(meant.errors.values())))
        rows, has_more = await self._rows(reader, meant, 2, 0)
        keys = sorted(meant.criteria.as_json())
        detail: Detail = {"level": "study", "keys": keys, "of": "invoked display"}
        await reader.record(detail=detail, person=person)
        if len(rows) == 1 and not has_more:
            differs = invocation.differs_from(rows[0])
            is_sure = invocation.opens_for(reader.look.actor.issuer) and not rows[0].is_inconsistent
            if is_sure and not differs:
                return RedirectResponse(rows[0].url, HTTPStatus.SEE_OTHER)
            return await self.keep(reader, replace(meant.criteria, differs="yes" if differs else ""))
        return await self.keep(reader, meant.criteria)

    async def _of_person(self, invocation: Invocation) -> Criteria:
        """The criteria; of an NHS number, those by whom it is held."""
        if not invocation.nhs_number:
            return invocation.criteria
        found = await self._work.desk.ask(self._known_as, Identifier.nhs(invocation.nhs_number))
        return replace(
            invocation.criteria, patient_id="", issuer="", person=str(found.uid) if found else NOBODY
        )

    async def _people(self, reader: Reader, listed: Listed) -> Mapping[str, UUID]:
        """Whose the studies on the page are: for those who may see records."""
        look = reader.look
        if not listed.rows or not may(look.actor, Action.SEE_RECORD, look.purpose, Subject()).allowed:
            return {}
        return await self._work.desk.ask(self._linked, [each.study_uid for each in listed.rows])

    def _linked(self, study_uids: Sequence[str]) -> Mapping[str, UUID]:
        with mapped_errors(), self._work.desk.pool.connection() as connection:
            return linked_people(connection, study_uids)

    def _known_as(self, identifier: Identifier) -> Person | None:
        with mapped_errors(), self._work.desk.pool.connection() as connection:
            return person_known_as(connection, identifier)

    def _linked_to(self, person: UUID) -> Sequence[str]:
        with mapped_errors(), self._work.desk.pool.connection() as connection:
            found = person_with_uid(connection, person)
            return studies_of(connection, found.id) if found else ()

    def wrong(self, request: Request, reader: Reader, meant: Meant) -> Response:
        """The form again, with what is wrong with it."""
        return self._page(request, reader, meant, Asked("", 1, Order.NEWEST), Listed([], 1, False))

    async def _find(self, reader: Reader, meant: Meant, asked: Asked) -> Listed:
        if asked.order is Order.NEWEST:
            offset = (asked.page - 1) * SHOWN_AT_ONCE
            rows, has_more = await self._rows(reader, meant, SHOWN_AT_ONCE, offset)
            return Listed(rows, offset + 1, has_more)
        rows, is_cut = await self._rows(reader, meant, SORTED_AT_MOST, 0)
        if is_cut:
            return Listed(rows[:SHOWN_AT_ONCE], 1, True, is_cut=True)
        start = (asked.page - 1) * SHOWN_AT_ONCE
        stop = start + SHOWN_AT_ONCE
        return Listed(in_order(rows, asked.order)[start:stop], start + 1, len(rows) > stop)

    async def _rows(self, reader: Reader, meant: Meant, limit: int, offset: int) -> tuple[list[Row], bool]:
        query = meant.query(limit, offset)
        if meant.criteria.person:
            person = _person(meant.criteria)
            linked = await self._work.desk.ask(self._linked_to, person) if person else ()
            if not linked:
                return [], False
            query = replace(query, matches={**query.matches, STUDY_UID: AnyOf(tuple(linked))})
        query = within_issuer(query, reader.look.actor.issuer)
        answer = await self._work.archive.search(query)
        found = [row_of(each) async for page in answer.pages for each in page]
        is_all = bool(meant.criteria.most) and offset + len(found) >= int(meant.criteria.most)
        return found, answer.is_truncated and not is_all

    def _page(
        self,
        request: Request,
        reader: Reader,
        meant: Meant,
        asked: Asked,
        listed: Listed,
        *,
        has_ended: bool = False,
        people: Mapping[str, UUID] | None = None,
    ) -> Response:
        return self._pages.answer(
            request,
            "studies.html",
            people=people or {},
            signed_in=reader.name,
            actor=reader.look.actor,
            form_token=self._work.readers.form_token(request),
            criteria=meant.criteria,
            errors=meant.errors,
            modalities=MODALITIES,
            own_issuer=reader.look.actor.issuer,
            may_review=_may(reader, Action.DECIDE_LINK),
            may_withdraw=_may(reader, Action.ASK_WITHDRAWAL),
            asked=asked,
            listed=listed,
            orders=Order,
            has_ended=has_ended,
            differs=meant.criteria.differs == "yes" and bool(listed.rows),
        )


def _person(criteria: Criteria) -> UUID | None:
    """Whose linked studies are meant, where the directory knows them."""
    try:
        return UUID(criteria.person) if criteria.person else None
    except ValueError:
        return None


def _may(reader: Reader, action: Action) -> bool:
    """Whether they are led to where it is done."""
    return may(reader.look.actor, action, Purpose.OPERATIONS, Subject()).allowed


def _asked(named: Mapping[str, str]) -> Asked:
    page, order = named.get("page", "1"), named.get("sort", Order.NEWEST.value)
    if not (page.isascii() and page.isdigit()) or not 0 < int(page) <= _LAST_PAGE:
        raise BadQuery(f"page is a number from 1 to {_LAST_PAGE}")
    if order not in {each.value for each in Order}:
        raise BadQuery(f"sort is one of {', '.join(each.value for each in Order)}")
    key = named.get("search", "")
    if not _KEY.fullmatch(key):
        raise BadQuery("search is a key that this page gave")
    return Asked(key, int(page), Order(order))


def study_list_routes(work: Working, pages: Pages) -> APIRouter:
    """GET / and /studies; POST /studies searches; GET /IHEInvokeImageDisplay opens what is asked for."""
    router = APIRouter()
    studies = StudyList(work, pages)

    @router.get("/")
    async def home(request: Request) -> Response:
        """Lead somebody to where they may begin."""
        reader = await work.readers.admit(request, Action.SIGN_IN)
        return RedirectResponse(first_page(reader.look.actor), HTTPStatus.SEE_OTHER)

    @router.get(PREFIX)
    async def listed(request: Request) -> Response:
        """The newest studies, or those of a search that was kept."""
        reader = await work.readers.admit(request, Action.QUERY)
        return await studies.show(request, reader)

    @router.get("/IHEInvokeImageDisplay")
    async def invoke(request: Request) -> Response:
        """Invoke Image Display (IHE RAD TF-2 §4.106)."""
        reader = await work.readers.admit(request, Action.QUERY)
        return await studies.invoke(request, reader)

    @router.post(PREFIX)
    async def search(request: Request) -> Response:
        """Keep what is looked for, and lead to it: a patient's name stands in no address."""
        reader = await work.readers.admit(request, Action.QUERY)
        form = await work.readers.form(request, Action.QUERY)
        meant = mean(Criteria.typed(form.fields))
        if meant.errors:
            return studies.wrong(request, reader, meant)
        return await studies.keep(reader, meant.criteria)

    return router
