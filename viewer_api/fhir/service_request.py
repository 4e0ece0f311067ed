"""Orders: read, and searched by person and number (FHIR R4 ServiceRequest)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from psycopg import Connection
from starlette.responses import Response

from exchange.fhir.identifiers import Assigners, issuer_in
from exchange.fhir.service_request import as_service_request
from exchange.people.person import Person
from exchange.policy import Action
from exchange.record.finding import Condition, any_of
from exchange.record.orders import (
    CHANGED,
    FoundOrder,
    find_orders,
    of_person,
    with_accession,
    with_ids,
    with_number,
)
from exchange.record.sorting import By, moment
from exchange.searches import KeptSearches
from storage.driver_errors import mapped_errors
from storage.errors import NotHeld
from viewer_api.fhir.answers import Made, resource_answer, searchset
from viewer_api.fhir.disclosing import may_see, record_seen
from viewer_api.fhir.known import ONE_MOMENT
from viewer_api.fhir.made import patient_of
from viewer_api.fhir.matching import codes, has_token, is_at
from viewer_api.fhir.outcomes import acceptable, fhir_answer
from viewer_api.fhir.paging import Cursor, continued, kept_cursor
from viewer_api.fhir.parameters import Asked, Token, Total, asked_of, tokens
from viewer_api.fhir.resource import ID, LAST_UPDATED, PATIENT, SUBJECT, Parameter, ParameterType, Resource
from viewer_api.fhir.studies import check_narrow, ids_in
from viewer_api.fhir.study_routes import assigners_of
from viewer_api.fhir.whom import people_asked
from viewer_api.parts import Working
from viewer_api.readers import Reader
from viewer_api.urls import FHIR, fhir_url

SERVICE_REQUEST = Resource(
    "ServiceRequest",
    "What a trust asked for. By patient those orders are found whose patient has a number of theirs, and is"
    " not said to be born on another day.",
    profiles=("https://fhir.hl7.org.uk/StructureDefinition/UKCore-ServiceRequest",),
    parameters=(
        ID,
        LAST_UPDATED,
        PATIENT,
        SUBJECT,
        Parameter(
            "identifier", ParameterType.TOKEN, "The accession number, or the placer's or filler's number"
        ),
        Parameter("status", ParameterType.TOKEN, "active, completed or revoked"),
        Parameter("code", ParameterType.TOKEN, "What is asked for"),
        Parameter("authored", ParameterType.DATE, "When we heard of it first"),
        Parameter("occurrence", ParameterType.DATE, "For when it is scheduled"),
    ),
    includes=("ServiceRequest:patient", "ServiceRequest:subject"),
    sorts=("authored", "_lastUpdated"),
)
_SORTS = {"authored": moment("created_at"), LAST_UPDATED.name: moment(CHANGED)}
_NUMBERED = re.compile(r"urn:id:([^:]+):(?:placer|filler)")
#: Chunks of orders that are looked through for one page.
_ROUNDS = 20
#: Orders that are counted at once.
_COUNTED = 1_000


@dataclass(frozen=True, slots=True)
class _Page:
    orders: Sequence[tuple[FoundOrder, Made]]
    included: Sequence[Made]
    following: Cursor | None
    whom: Sequence[Person]  # who were asked for

    @property
    def seen(self) -> Sequence[tuple[str | None, UUID | None]]:
        """For the audit: also of whom it says that there is nothing."""
        return [_seen(each) for each, _ in self.orders] or [(None, each.uid) for each in self.whom]


@dataclass(frozen=True, slots=True)
class _Desk:
    work: Working

    def search(self, reader: Reader, asked: Asked, cursor: Cursor) -> _Page:
        """A page. Raises BadParameters, Refused."""
        assigners = assigners_of(self.work)
        asked = replace(asked, count=_COUNTED) if asked.only_total else asked
        with mapped_errors(), self.work.desk.pool.connection() as connection:
            connection.execute(ONE_MOMENT)
            conditions, whom = _conditions(connection, asked, reader, assigners)
            check_narrow(conditions, "patient, identifier or _id")
            shown: list[tuple[FoundOrder, Made]] = []
            by = [By(_SORTS[each.name], each.is_descending) for each in asked.sorts]
            after = cursor.sorted_after(len(by))
            following: Cursor | None = None
            for _ in range(_ROUNDS):
                found = find_orders(connection, conditions, asked.count + 1, by, after)
                for each in found[: asked.count]:
                    after = each.place
                    made = Made(as_service_request(each.placed, each.person, assigners), each.changed_at)
                    if whom is not None and (each.person is None or each.person.id not in whom):
                        continue
                    if may_see(reader, *_seen(each)) and _fits(asked, made):
                        shown.append((each, made))
                    if len(shown) == asked.count:
                        break
                is_last = len(found) <= asked.count and (not found or found[-1].place == after)
                following = None if is_last else Cursor(after)
                if is_last or len(shown) == asked.count:
                    break
        patients = {each.person.uid: each.person for each, _ in shown if each.person}
        wanted = patients.values() if asked.includes else ()
        return _Page(
            shown,
            [patient_of(each, assigners) for each in wanted],
            following,
            list((whom or {}).values()),
        )

    def read(self, id: str) -> tuple[FoundOrder, Made]:
        """One of them. Raises NotHeld."""
        try:
            wanted = with_ids([UUID(id)])
        except ValueError as error:
            raise NotHeld("ServiceRequest with this id") from error
        with mapped_errors(), self.work.desk.pool.connection() as connection:
            connection.execute(ONE_MOMENT)
            found = find_orders(connection, [wanted], 1)
        if not found:
            raise NotHeld("ServiceRequest with this id")
        (order,) = found
        made = as_service_request(order.placed, order.person, assigners_of(self.work))
        return order, Made(made, order.changed_at)


def service_request_routes(work: Working) -> APIRouter:
    """Read and search orders."""
    router = APIRouter(prefix=f"{FHIR}/ServiceRequest")
    desk, kept = _Desk(work), KeptSearches(work.pool)

    async def search(request: Request) -> Response:
        """Search for ServiceRequest."""
        reader = await work.readers.admit(request, Action.SEE_RECORD)
        acceptable(request)
        actor, asked = reader.look.actor, await asked_of(request, SERVICE_REQUEST)
        search = await continued(kept, actor, SERVICE_REQUEST, asked)
        page = await work.desk.ask(desk.search, reader, search.asked, search.cursor)
        keys = [each.parameter.name for each in search.asked.values]
        await record_seen(reader, "ServiceRequest", keys, page.seen)
        following = await kept_cursor(kept, actor, SERVICE_REQUEST, search, page.following)
        is_whole = page.following is None and search.cursor == Cursor()
        made = [each for _, each in page.orders]
        answer = searchset(
            fhir_url(request, work.settings),
            "ServiceRequest",
            search.asked,
            () if search.asked.only_total else made,
            () if search.asked.only_total else page.included,
            following,
            len(made) if is_whole and search.asked.total is not Total.NONE else None,
        )
        return fhir_answer(request, answer)

    @router.get("/{id}")
    async def read(request: Request, id: str) -> Response:
        """Read one ServiceRequest."""
        reader = await work.readers.admit(request, Action.SEE_RECORD)
        acceptable(request)
        order, made = await work.desk.ask(desk.read, id)
        study_uid, person = _seen(order)
        if not may_see(reader, study_uid, person):
            await work.readers.refuse(reader, study_uid, "whose record it is")
        await reader.record(study_uid, {"of": "ServiceRequest"}, person)
        return resource_answer(request, made)

    router.add_api_route("", search, methods=["GET"], name="search_servicerequest")
    router.add_api_route("/_search", search, methods=["POST"], name="search_servicerequest_by_form")
    return router


def _seen(order: FoundOrder) -> tuple[str, UUID | None]:
    return order.placed.order.study_uid, order.person.uid if order.person else None


def _conditions(
    connection: Connection[Any], asked: Asked, reader: Reader, assigners: Assigners
) -> tuple[list[Condition], Mapping[int, Person] | None]:
    found = []
    whom = people_asked(connection, asked.of("patient", "subject"), reader, assigners)
    if whom is not None:
        found.append(any_of([of_person(each) for each in whom.values()]))
    own_issuer = reader.look.actor.issuer
    for value in asked.of("identifier"):
        found.append(any_of([_numbered(token, own_issuer) for token in tokens(value)]))
    for value in asked.of("_id"):
        found.append(with_ids(ids_in(value)))
    return found, whom


def _numbered(token: Token, own_issuer: str) -> Condition:
    if token.system is None:
        return with_accession(token.value, own_issuer or None)
    if of_trust := _NUMBERED.fullmatch(token.system):
        return with_number(of_trust[1], token.value)
    issuer = issuer_in(token.system)
    return with_accession(token.value, issuer) if issuer else any_of([])


def _fits(asked: Asked, made: Made) -> bool:
    request = made.resource
    for value in asked.values:
        match value.parameter.name:
            case "status":
                does = has_token([("http://hl7.org/fhir/request-status", request["status"])], value)
            case "code":
                does = has_token(codes(request.get("code", {})), value)
            case "authored":
                does = is_at(request["authoredOn"], value)
            case "occurrence":
                does = is_at(request.get("occurrenceDateTime"), value)
            case "_lastUpdated":
                does = made.changed_at is not None and is_at(made.changed_at.isoformat(), value)
            case _:
                does = True
        if not does:
            return False
    return True
