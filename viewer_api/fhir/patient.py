"""People over FHIR: read and searched (IHE PDQm ITI-78), matched (ITI-119), their numbers (PIXm ITI-83)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from psycopg import Connection
from starlette.responses import Response

from exchange.fhir.identifiers import Assigners, Json, issuer_in
from exchange.fhir.patient import as_patient, as_replaced
from exchange.people.directory import people, person, standing_of
from exchange.people.finding import FOUND_LIMIT, find
from exchange.people.person import Person
from exchange.policy import Action
from exchange.searches import KeptSearches
from storage.driver_errors import mapped_errors
from storage.errors import NotHeld
from viewer_api.fhir.answers import Made, resource_answer, searchset
from viewer_api.fhir.disclosing import may_see, record_seen
from viewer_api.fhir.formats import resource_in
from viewer_api.fhir.outcomes import Refused, acceptable, fhir_answer
from viewer_api.fhir.paging import Continued, Cursor, continued, kept_cursor
from viewer_api.fhir.parameters import Total, asked_of
from viewer_api.fhir.patient_match import MatchDesk, match_bundle, match_input
from viewer_api.fhir.patient_pix import PixDesk, pix_input
from viewer_api.fhir.patient_search import PATIENT, PatientSearch, UnknownDomain, patient_search
from viewer_api.fhir.reverse import ReverseDesk
from viewer_api.fhir.study_routes import assigners_of, places_of
from viewer_api.parts import Working
from viewer_api.readers import Reader
from viewer_api.urls import FHIR, fhir_url


def patient_routes(work: Working) -> APIRouter:
    """For those who may look for people, and see whose record it is."""
    router = APIRouter(prefix=f"{FHIR}/Patient")
    desk, kept = PatientDesk(work), KeptSearches(work.pool)

    @router.get("")
    @router.post("/_search")
    async def search_patients(request: Request) -> Response:
        """Search for patients (ITI-78); by POST with nothing of whom somebody looks for in the URL."""
        reader = await work.readers.admit(request, Action.FIND_PEOPLE)
        acceptable(request)
        asked = await asked_of(request, PATIENT)
        search = await continued(kept, reader.look.actor, PATIENT, asked)
        found = await work.desk.ask(desk.search, reader, search)
        keys = [each.parameter.name for each in search.asked.values]
        included = await with_them(request, found.people, search.asked.reverse_includes, keys)
        await _record(reader, found.people, keys)
        following = await kept_cursor(
            kept, reader.look.actor, PATIENT, search, found.following, found.all_found
        )
        base = fhir_url(request, work.settings)
        bundle = searchset(base, "Patient", search.asked, found.made, included, following, found.total)
        return fhir_answer(request, bundle)

    async def with_them(
        request: Request, whom: Sequence[Person], names: Sequence[str], keys: Sequence[str]
    ) -> Sequence[Made]:
        """What refers to people is of the record: whoever may not see that is refused."""
        if not names:
            return ()
        reader = await work.readers.admit(request, Action.SEE_RECORD)
        desk = ReverseDesk(work, places_of(request, work))
        included = await work.desk.ask(desk.of_people, reader, whom, names)
        if included.seen:
            what = ", ".join(sorted({each.partition(":")[0] for each in names}))
            await record_seen(reader, what, [*keys, "_revinclude"], included.seen)
        return included.made

    @router.post("/$match")
    async def match_patient(request: Request) -> Response:
        """Who is like a patient (ITI-119)."""
        reader = await work.readers.admit(request, Action.FIND_PEOPLE)
        acceptable(request)
        asked = match_input(await resource_in(request))
        matches = await work.desk.ask(MatchDesk(work).matches, reader, asked)
        await _record(reader, [each.person for each in matches], ["$match"])
        assigners = await work.desk.ask(assigners_of, work)
        return fhir_answer(request, match_bundle(fhir_url(request, work.settings), matches, assigners))

    @router.get("/$ihe-pix")
    async def cross_reference(request: Request) -> Response:
        """The other numbers of whoever has one (ITI-83)."""
        reader = await work.readers.admit(request, Action.FIND_PEOPLE)
        acceptable(request)
        asked = pix_input(request.query_params.multi_items())
        base = fhir_url(request, work.settings)
        try:
            found, answer = await work.desk.ask(PixDesk(work, base).answer, reader, asked)
        except Refused:  # that nobody has it is an answer, too
            await _record(reader, [], ["$ihe-pix"])
            raise
        await _record(reader, [found], ["$ihe-pix"])
        return fhir_answer(request, answer)

    @router.get("/{uid}")
    async def read_patient(request: Request, uid: str) -> Response:
        """One of them (ITI-78 §2:3.78.4.3); a record that stands for somebody else says for whom."""
        known = _uid(uid)
        reader = await work.readers.admit(request, Action.SEE_RECORD, person=known)
        acceptable(request)
        resource, found = await work.desk.ask(desk.read, known)
        if not may_see(reader, None, found.uid):
            await work.readers.refuse(reader, None, "whose record it is")
        await reader.record(person=found.uid)
        return resource_answer(request, resource)

    return router


@dataclass(frozen=True, slots=True)
class _Page:
    """Of those whom a search found."""

    people: Sequence[Person]
    made: Sequence[Made]
    total: int | None
    following: Cursor | None
    all_found: Sequence[int]  # directory numbers, in their order


@dataclass(frozen=True, slots=True)
class PatientDesk:
    """What is asked in threads."""

    work: Working

    def search(self, reader: Reader, searched: Continued) -> _Page:
        """A page of those whom the first one found: whoever comes meanwhile moves nobody.

        Raises BadParameters, Refused.
        """
        asked, start = searched.asked, searched.cursor.skipped
        assigners = assigners_of(self.work)
        try:
            search = patient_search(asked, assigners)
        except UnknownDomain as error:
            raise Refused(HTTPStatus.NOT_FOUND, "not-found", str(error), "warning") from error
        with mapped_errors(), self.work.desk.pool.connection() as connection:
            ids = searched.found or self._found(connection, reader, search)
            page = [] if asked.only_total else ids[start : start + asked.count]
            known = people(connection, page)
        shown = {known[id].uid: known[id] for id in page if may_see(reader, None, known[id].uid)}
        made = [
            Made(of_domains(as_patient(each, assigners), search.domains, assigners), each.changed_at)
            for each in shown.values()
        ]
        end = start + asked.count
        following = Cursor(None, end) if end < len(ids) and not asked.only_total else None
        total = len(ids) if asked.only_total or asked.total is not Total.NONE else None
        return _Page(list(shown.values()), made, total, following, ids)

    def _found(self, connection: Connection[Any], reader: Reader, search: PatientSearch) -> Sequence[int]:
        """All who match and whom the reader may see."""
        if search.is_empty:
            return ()
        if not search.criteria.says_whom:
            raise Refused(HTTPStatus.BAD_REQUEST, "too-costly", _SAY_WHOM)
        found = find(connection, search.criteria, search.order)
        if found.is_cut:
            raise Refused(HTTPStatus.BAD_REQUEST, "too-costly", _SAY_MORE)
        return [id for id, uid in found.people if may_see(reader, None, uid)]

    def read(self, uid: UUID) -> tuple[Made, Person]:
        """The resource, and whose record it is. Raises NotHeld."""
        assigners = assigners_of(self.work)
        with mapped_errors(), self.work.desk.pool.connection() as connection:
            standing = standing_of(connection, uid)
            found = person(connection, standing.person_id) if standing else None
        if standing is None or found is None:
            raise NotHeld("a patient with this id")
        if standing.id == found.id:
            return Made(as_patient(found, assigners), found.changed_at), found
        gone = as_replaced(str(uid), standing.identifier, standing.status, found, assigners)
        return Made(gone, found.changed_at), found


_SAY_WHOM = (
    "say whom you look for: by _id, identifier, name, family, birthdate, address-postalcode or _lastUpdated"
    " (since when), besides anything else"
)
_SAY_MORE = (
    f"more than {FOUND_LIMIT} people match: say more of whom you look for, such as a birth date, or of a"
    " shorter time"
)


def of_domains(patient: Json, domains: frozenset[str], assigners: Assigners) -> Json:
    """With the identifiers of some domains alone (ITI-78 case 2); of none in particular, all."""
    if not domains:
        return patient
    kept = [each for each in patient["identifier"] if issuer_in(each["system"], assigners) in domains]
    return {**patient, "identifier": kept}


async def _record(reader: Reader, found: Iterable[Person], keys: Iterable[str]) -> None:
    """One record for each person that is answered (IHE BALP, PatientQuery); one where there is nobody."""
    await record_seen(reader, "Patient", keys, [(None, each.uid) for each in found])


def _uid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise NotHeld("a patient with this id") from error
