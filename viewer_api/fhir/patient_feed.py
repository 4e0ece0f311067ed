"""Who people are, told over FHIR: by a trust's own system, or a master index (IHE PIXm ITI-104)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from exchange.fhir.identifiers import Assigners, Json, issuer_in
from exchange.fhir.patient_in import PatientSaid, read_patient
from exchange.people.directory import person_known_as, standings
from exchange.people.numbers import is_nhs_number
from exchange.people.person import NHS, Identifier, NumberStatus, Said
from exchange.people.statements import Merged, Statement
from exchange.people.telling import tell
from exchange.policy import Action, Actor
from exchange.registry import PostgresRegistry
from exchange.trusts import Trust
from storage.driver_errors import mapped_errors
from viewer_api.fhir.formats import resource_in
from viewer_api.fhir.outcomes import Refused
from viewer_api.parts import Working
from viewer_api.urls import FHIR, fhir_url


class NotTheirs(Exception):
    """Somebody of one trust tells of another's numbers, or of the NHS's."""


def feed_routes(work: Working) -> APIRouter:
    """For systems that tell who people are (role feeder)."""
    router = APIRouter(prefix=f"{FHIR}/Patient")

    @router.put("")
    async def tell_of_patient(request: Request) -> Response:
        """Add or revise a patient, or say which other one replaces it (§2:3.104.4.1, §2:3.104.4.2)."""
        reader = await work.readers.admit(request, Action.FEED_PEOPLE)
        asked = request.query_params.getlist("identifier")
        resource = await resource_in(request)
        actor = reader.look.actor
        try:
            uid, is_new = await work.desk.ask(Feed(work).tell, asked, resource, actor)
        except NotTheirs as error:
            await work.readers.refuse(reader, None, str(error))
            raise
        await reader.record(person=uid, detail={"did": "told who somebody is"})
        headers = {"Location": f"{fhir_url(request, work.settings)}/Patient/{uid}"}
        return Response(status_code=HTTPStatus.CREATED if is_new else HTTPStatus.OK, headers=headers)

    return router


@dataclass(frozen=True, slots=True)
class Feed:
    """What is done in threads."""

    work: Working

    def tell(self, asked: list[str], resource: Json, actor: Actor) -> tuple[UUID, bool]:
        """Whose record it is now, and whether the number is new. Raises Refused, BadInput, NotTheirs."""
        trusts = PostgresRegistry(self.work.desk.pool).trusts()
        assigners = {each.issuer: each for each in trusts}
        identifier = _identifier(asked, assigners)
        if not identifier.is_nhs and identifier.issuer not in assigners:
            raise Refused(
                HTTPStatus.BAD_REQUEST, "code-invalid", "identifier: the Assigning Authority is not known"
            )
        said = read_patient(resource, assigners)
        _check_theirs(actor, trusts, identifier, said)
        own = {*said.identifiers, *([Identifier.nhs(said.nhs_number)] if said.nhs_number else [])}
        if identifier not in own:
            why = "Patient.identifier: the one of the URL is not among them"
            raise Refused(HTTPStatus.BAD_REQUEST, "invariant", why)
        now = datetime.now(UTC)
        at = Said(_said_at(resource, now), actor.name)
        with mapped_errors(), self.work.desk.pool.connection() as connection:
            is_new = not standings(connection, [identifier])
            tell(connection, _statement(identifier, said, self._status(assigners.get(identifier.issuer))), at)
            found = person_known_as(connection, identifier)
        assert found is not None
        return found.uid, is_new

    def _status(self, trust: Trust | None) -> NumberStatus:
        """Of an NHS number whose status it does not say, as for its other feeds."""
        if self.work.settings.is_open:
            return NumberStatus.VERIFIED
        return NumberStatus(trust.nhs_number_status) if trust else NumberStatus.NOT_TRACED


def _statement(identifier: Identifier, said: PatientSaid, status: NumberStatus) -> Statement:
    if said.replaced_by is not None:
        return Merged(identifier, said.replaced_by)
    return said.record(identifier, said.status or status)


def _identifier(asked: list[str], assigners: Assigners) -> Identifier:
    """The one number that it is about."""
    system, bar, value = asked[0].partition("|") if len(asked) == 1 else ("", "", "")
    issuer = issuer_in(system.strip(), assigners)
    if not (bar and value.strip()):
        raise Refused(HTTPStatus.BAD_REQUEST, "required", "identifier: one, as system|value")
    if issuer is None:
        raise Refused(
            HTTPStatus.BAD_REQUEST, "code-invalid", "identifier: the Assigning Authority is not known"
        )
    if issuer != NHS:
        return Identifier(value.strip(), issuer)
    number = value.replace(" ", "")
    if not is_nhs_number(number):
        raise Refused(HTTPStatus.BAD_REQUEST, "value", "identifier: an NHS number whose check digit is wrong")
    return Identifier.nhs(number)


def _check_theirs(actor: Actor, trusts: list[Trust], identifier: Identifier, said: PatientSaid) -> None:
    """Somebody of no one trust tells for all: a master index (§2:3.104.5)."""
    if not actor.trust:
        return
    issuers = {each.issuer for each in trusts if each.ods_code == actor.trust}
    named = {identifier.issuer, *([said.replaced_by.issuer] if said.replaced_by else [])}
    if not named <= issuers:
        raise NotTheirs("a trust tells of its own numbers alone")


def _said_at(resource: Json, now: datetime) -> datetime:
    """When its source changed it last, where it says; what is yet to come is now."""
    text = (resource.get("meta") or {}).get("lastUpdated")
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return now
    return min(found, now) if found.tzinfo else now
