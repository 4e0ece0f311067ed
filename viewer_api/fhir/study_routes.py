"""Resources that are made of studies, over HTTP: read by id, searched by GET and POST, a page at a time."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from psycopg import Connection
from starlette.responses import Response

from exchange.fhir.identifiers import Assigners
from exchange.people.person import Person
from exchange.policy import Action
from exchange.record.finding import Condition, FoundStudy, any_of, find, of_people, subjects
from exchange.record.sorting import ONE_EACH, By
from exchange.registry import PostgresRegistry
from exchange.searches import KeptSearches
from storage.driver_errors import mapped_errors
from storage.errors import NotHeld
from viewer_api.fhir.answers import Made, resource_answer, searchset
from viewer_api.fhir.disclosing import may_see, record_seen
from viewer_api.fhir.known import ONE_MOMENT, Known, Places, known_of
from viewer_api.fhir.outcomes import Refused, acceptable, fhir_answer
from viewer_api.fhir.paging import Cursor, continued, kept_cursor
from viewer_api.fhir.parameters import Asked, Total, Value, asked_of, unescaped
from viewer_api.fhir.resource import Resource
from viewer_api.fhir.studies import (
    Expand,
    Names,
    Order,
    Page,
    check_few,
    check_narrow,
    conditions_of,
    page_of,
    sorted_page_of,
)
from viewer_api.fhir.whom import people_asked
from viewer_api.parts import Working
from viewer_api.readers import Reader
from viewer_api.urls import FHIR, base_url, dicomweb_url, fhir_url

#: What goes with a study that a page shows.
Include = Callable[[Connection[Any], Known], Sequence[Made]]

#: Studies that are counted: of which one resource each is made, or of which all must be made to know.
COUNTED_LIMIT, MADE_LIMIT = 100_000, 2_000


@dataclass(frozen=True, slots=True)
class StudyKind:
    """A kind of resource of which each study has one, several or none."""

    resource: Resource
    names: Names
    make: Callable[[Known], Sequence[Made]]
    #: What must hold of a study, besides what `names` say.
    narrow: Callable[[Asked], list[Condition]]
    #: Where the resource of an id would be: None for what is no id of ours.
    place: Callable[[str], Condition | None]
    #: Whether a resource is one of those that are sought.
    fits: Callable[[Asked, Made], bool] = lambda _asked, _made: True
    #: What goes with a page, by the name of the include, or of the reverse include.
    includes: Mapping[str, Include] = field(default_factory=dict)
    #: SQL of the keys by which it is sorted, and of the resources of a study (exchange.record.sorting).
    sorts: Mapping[str, str] = field(default_factory=dict)
    units: str = ONE_EACH
    is_one_a_study: bool = False

    def order(self, asked: Asked) -> Order:
        """In which it is asked for."""
        return Order(self.units, [By(self.sorts[each.name], each.is_descending) for each in asked.sorts])


@dataclass(frozen=True, slots=True)
class _Found:
    page: Page
    known: Sequence[Known]
    included: Sequence[Made]
    whom: Sequence[Person] = ()  # who were asked for

    @property
    def seen(self) -> Sequence[tuple[str | None, UUID | None]]:
        """For the audit: also of whom it says that there is nothing."""
        return [each.seen for each in self.known] or [(None, each.uid) for each in self.whom]


_TOO_MANY = "there are too many to count: ask for a person, or for fewer days"
#: What a search must name, in words for whoever wrote it.
_HOW = "patient, identifier, _id, at most a month of days, or what changed within the last month"


@dataclass(frozen=True, slots=True)
class _Desk:
    """What is asked in threads."""

    work: Working
    kind: StudyKind

    def search(self, reader: Reader, asked: Asked, cursor: Cursor, places: Places) -> _Found:
        """A page. Raises BadParameters, Refused."""
        assigners = assigners_of(self.work)
        with mapped_errors(), self.work.desk.pool.connection() as connection:
            connection.execute(ONE_MOMENT)
            own_issuer = reader.look.actor.issuer
            conditions = conditions_of(asked, self.kind.names, own_issuer)
            whom = people_asked(connection, asked.of(*self.kind.names.person), reader, assigners)
            conditions += [of_people(whom)] if whom is not None else []
            conditions += [self._with_id(each) for each in asked.of("_id")] + self.kind.narrow(asked)
            check_narrow(conditions, _HOW)
            used: dict[str, Known] = {}

            def expand(
                connection: Connection[Any], studies: Sequence[FoundStudy]
            ) -> Mapping[str, Sequence[Made]]:
                known = known_of(connection, studies, places, assigners)
                seen = {uid: each for uid, each in known.items() if may_see(reader, *each.seen)}
                used.update(seen)
                return {
                    uid: [made for made in self.kind.make(each) if _fits(self.kind, asked, made)]
                    for uid, each in seen.items()
                }

            persons = list((whom or {}).values())
            if asked.only_total:
                total = self._total(reader, connection, conditions, expand)
                if total is None:
                    raise Refused(HTTPStatus.BAD_REQUEST, "too-costly", _TOO_MANY)
                return _Found(Page((), (), None, total), (), (), persons)
            if asked.sorts:
                check_few(connection, conditions)
                order = self.kind.order(asked)
                page = sorted_page_of(connection, conditions, order, asked.count, cursor, expand)
            else:
                page = page_of(connection, conditions, asked.count, cursor, expand)
            known = [used[each.uid] for each in page.studies]
            included = [
                made
                for name in (*asked.includes, *asked.reverse_includes)
                for each in known
                for made in self.kind.includes[name](connection, each)
            ]
            match asked.total:
                case Total.NONE:
                    total = None
                case _ if page.following is None and cursor == Cursor():
                    total = len(page.made)
                case None if not self.kind.is_one_a_study:
                    total = None
                case _:
                    total = self._total(reader, connection, conditions, expand)
        return _Found(replace(page, total=total), known, included, persons)

    def _total(
        self, reader: Reader, connection: Connection[Any], conditions: Sequence[Condition], expand: Expand
    ) -> int | None:
        """Of what this reader may see; None where too many would have to be looked at."""
        limit = COUNTED_LIMIT if self.kind.is_one_a_study else MADE_LIMIT
        found = subjects(connection, conditions, limit + 1)
        if len(found) > limit:
            return None
        if self.kind.is_one_a_study:
            return sum(may_see(reader, *each) for each in found)
        total, cursor = 0, Cursor()
        while True:
            page = page_of(connection, conditions, 100, cursor, expand)
            total += len(page.made)
            if page.following is None:
                return total
            cursor = page.following

    def _with_id(self, value: Value) -> Condition:
        places = [self.kind.place(unescaped(text)) for text in value.texts]
        return any_of([each for each in places if each])

    def read(self, reader: Reader, id: str, places: Places) -> tuple[Made, Known]:
        """One of them. Raises NotHeld."""
        place, assigners = self.kind.place(id), assigners_of(self.work)
        with mapped_errors(), self.work.desk.pool.connection() as connection:
            connection.execute(ONE_MOMENT)
            found = find(connection, [place], 1) if place else []
            known = known_of(connection, found, places, assigners)
        for each in known.values():
            for made in self.kind.make(each):
                if made.resource["id"] == id:
                    return made, each
        raise NotHeld(f"{self.kind.resource.type} with this id")


def reading(work: Working, kind: StudyKind) -> Callable[[Request, str], Awaitable[Response]]:
    """The route that reads one by its id."""
    desk, what = _Desk(work, kind), kind.resource.type

    async def read(request: Request, id: str) -> Response:
        reader = await work.readers.admit(request, Action.SEE_RECORD)
        acceptable(request)
        made, known = await work.desk.ask(desk.read, reader, id, places_of(request, work))
        study_uid, person = known.seen
        if not may_see(reader, study_uid, person):
            await work.readers.refuse(reader, study_uid, "whose record it is")
        await reader.record(study_uid, {"of": what}, person)
        return resource_answer(request, made)

    return read


def study_routes(work: Working, kind: StudyKind) -> APIRouter:
    """Read and search one kind."""
    router = APIRouter(prefix=f"{FHIR}/{kind.resource.type}")
    desk = _Desk(work, kind)
    kept = KeptSearches(work.pool)
    what = kind.resource.type

    async def search(request: Request) -> Response:
        reader = await work.readers.admit(request, Action.SEE_RECORD)
        acceptable(request)
        asked = await asked_of(request, kind.resource)
        search = await continued(kept, reader.look.actor, kind.resource, asked)
        found = await work.desk.ask(
            desk.search, reader, search.asked, search.cursor, places_of(request, work)
        )
        keys = [each.parameter.name for each in search.asked.values]
        await record_seen(reader, what, keys, found.seen)
        following = await kept_cursor(kept, reader.look.actor, kind.resource, search, found.page.following)
        base = fhir_url(request, work.settings)
        page = found.page
        return fhir_answer(
            request,
            searchset(base, what, search.asked, page.made, found.included, following, page.total),
        )

    read = reading(work, kind)
    search.__doc__, read.__doc__ = f"Search for {what}.", f"Read one {what}."
    name = kind.resource.type.lower()
    router.add_api_route("", search, methods=["GET"], name=f"search_{name}")
    router.add_api_route("/_search", search, methods=["POST"], name=f"search_{name}_by_form")
    router.add_api_route("/{id}", read, methods=["GET"], name=f"read_{name}")
    return router


def _fits(kind: StudyKind, asked: Asked, made: Made) -> bool:
    ids = [value.texts for value in asked.of("_id")]
    return all(made.resource["id"] in texts for texts in ids) and kind.fits(asked, made)


def places_of(request: Request, work: Working) -> Places:
    """Where the reader reaches us."""
    settings = work.settings
    return Places(
        base_url(request, settings),
        fhir_url(request, settings),
        dicomweb_url(request, settings),
        settings.ae_title,
    )


def assigners_of(work: Working) -> Assigners:
    """The trusts, by the issuer of their numbers."""
    return {each.issuer: each for each in PostgresRegistry(work.desk.pool).trusts()}
