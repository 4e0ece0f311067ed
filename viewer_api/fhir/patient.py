"""People over FHIR: read and searched (IHE PDQm ITI-78), matched (ITI-119), their numbers (PIXm ITI-83)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from psycopg import Connection
from starlette.responses import Response

from exchange.fhir.identifiers import Assigners, Json, issuer_in
from exchange.fhir.patient import as_patient, as_replaced
from exchange.people.directory import people, person, standing_of
from exchange.people.finding import FOUND_LIMIT, Found, find
from exchange.people.person import Person
from exchange.policy import Action
from exchange.registry import PostgresRegistry
from storage.driver_errors import mapped_errors
from storage.errors import NotHeld
from viewer_api.fhir.bundles import CONTROLS, Page, entry, parse_page, searchset
from viewer_api.fhir.formats import search_pairs
from viewer_api.fhir.outcomes import Refused, fhir_answer, issue, outcome
from viewer_api.fhir.patient_search import PatientSearch, UnknownDomain, parse_patient_search
from viewer_api.parts import Working
from viewer_api.readers import Reader
from viewer_api.urls import FHIR, fhir_url


def patient_routes(work: Working) -> APIRouter:
    """For those who may look for people, and see whose record it is."""
    router = APIRouter(prefix=f"{FHIR}/Patient")
    desk = PatientDesk(work)

    @router.get("")
    async def search_patients(request: Request) -> Response:
        """Search for patients (ITI-78)."""
        reader = await work.readers.admit(request, Action.FIND_PEOPLE)
        return await search(request, reader, request.query_params.multi_items())

    @router.post("/_search")
    async def search_patients_by_form(request: Request) -> Response:
        """The same, with nothing of whom somebody looks for in the URL (FHIR R4 §3.1.0.10)."""
        reader = await work.readers.admit(request, Action.FIND_PEOPLE)
        return await search(request, reader, await search_pairs(request))

    async def search(request: Request, reader: Reader, pairs: Sequence[tuple[str, str]]) -> Response:
        page = parse_page(pairs)
        asked = [each for each in pairs if each[0] not in CONTROLS]
        answered = await work.desk.ask(desk.search, asked, page)
        if answered.search.ignored and "handling=strict" in request.headers.get("prefer", ""):
            raise Refused(HTTPStatus.BAD_REQUEST, "not-supported", _not_understood(answered.search))
        await record_people(reader, answered.people, [name for name, _ in answered.search.understood])
        base = fhir_url(request, work.settings)
        entries = [entry(base, each) for each in answered.resources]
        if answered.search.ignored:
            warning = outcome(issue("not-supported", _not_understood(answered.search), "warning"))
            entries.append({"resource": warning, "search": {"mode": "outcome"}})
        url, understood = f"{base}/Patient", answered.search.understood
        return fhir_answer(request, searchset(url, understood, page, answered.total, entries))

    @router.get("/{uid}")
    async def read_patient(request: Request, uid: str) -> Response:
        """One of them (ITI-78 §2:3.78.4.3); a record that stands for somebody else says for whom."""
        known = _uid(uid)
        reader = await work.readers.admit(request, Action.SEE_RECORD, person=known)
        resource, found = await work.desk.ask(desk.read, known)
        await reader.record(person=found.uid)
        return fhir_answer(request, resource)

    return router


@dataclass(frozen=True, slots=True)
class Answered:
    """What a search found: a page of it."""

    search: PatientSearch
    total: int
    people: Sequence[Person]
    resources: Sequence[Json]


@dataclass(frozen=True, slots=True)
class PatientDesk:
    """What is asked in threads."""

    work: Working

    def search(self, pairs: Sequence[tuple[str, str]], page: Page) -> Answered:
        """Raises BadPatientSearch, Refused."""
        assigners = self.assigners()
        try:
            search = parse_patient_search(pairs, assigners)
        except UnknownDomain as error:
            raise Refused(HTTPStatus.NOT_FOUND, "not-found", str(error), "warning") from error
        found = Found(())
        if not search.is_empty:
            if not search.criteria.says_whom:
                raise Refused(HTTPStatus.BAD_REQUEST, "too-costly", _SAY_WHOM)
            with mapped_errors(), self.work.desk.pool.connection() as connection:
                found = find(connection, search.criteria)
                if found.is_cut:
                    raise Refused(HTTPStatus.BAD_REQUEST, "too-costly", _SAY_MORE)
                shown = list(_in_order(connection, page.of(found.ids)))
        else:
            shown = []
        resources = [of_domains(as_patient(each, assigners), search.domains) for each in shown]
        return Answered(search, len(found.ids), shown, resources)

    def read(self, uid: UUID) -> tuple[Json, Person]:
        """The resource, and whose record it is. Raises NotHeld."""
        with mapped_errors(), self.work.desk.pool.connection() as connection:
            standing = standing_of(connection, uid)
            found = person(connection, standing.person_id) if standing else None
        if standing is None or found is None:
            raise NotHeld("a patient with this id")
        if standing.id == found.id:
            return as_patient(found, self.assigners()), found
        return as_replaced(str(uid), standing.identifier, standing.status, found, self.assigners()), found

    def assigners(self) -> Assigners:
        """The trusts, by the issuer of their numbers."""
        return {each.issuer: each for each in PostgresRegistry(self.work.desk.pool).trusts()}


_SAY_WHOM = (
    "say whom you look for: by _id, identifier, name, family, birthdate or address-postalcode, besides"
    " anything else"
)
_SAY_MORE = f"more than {FOUND_LIMIT} people match: say more of whom you look for, such as a birth date"


def of_domains(patient: Json, domains: frozenset[str]) -> Json:
    """With the identifiers of some domains alone (ITI-78 case 2); of none in particular, all."""
    if not domains:
        return patient
    kept = [each for each in patient["identifier"] if issuer_in(each["system"]) in domains]
    return {**patient, "identifier": kept}


async def record_people(reader: Reader, found: Iterable[Person], keys: Iterable[str]) -> None:
    """One record for each person that is answered (IHE BALP, PatientQuery); one where there is nobody."""
    detail = {"keys": sorted(set(keys))}
    looks = [replace(reader.look, person=each.uid, detail=detail) for each in found]
    await reader.audit.record_all(looks or [replace(reader.look, detail=detail)])


def _in_order(connection: Connection[Any], ids: Sequence[int]) -> Iterable[Person]:
    found = people(connection, ids)
    return [found[id] for id in ids]


def _not_understood(search: PatientSearch) -> str:
    names = ", ".join(sorted({each[:32] for each in search.ignored if each.isprintable()}))
    return f"parameters that are not understood: {names}"


def _uid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise NotHeld("a patient with this id") from error
