"""The other numbers of whoever has one (IHE PIXm ITI-83), with the profile's own errors."""

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from uuid import UUID

from exchange.fhir.identifiers import Assigners, Json, issuer_in
from exchange.fhir.patient import identifiers
from exchange.people.directory import person_known_as, person_with_uid
from exchange.people.person import NHS, Identifier, Person
from storage.driver_errors import mapped_errors
from viewer_api.fhir.disclosing import may_see
from viewer_api.fhir.outcomes import Refused
from viewer_api.fhir.study_routes import assigners_of
from viewer_api.parts import Working
from viewer_api.readers import Reader


@dataclass(frozen=True, slots=True)
class PixAsked:
    """Whose numbers, and of which systems; of none in particular, all."""

    system: str
    value: str
    targets: tuple[str, ...] = ()


def pix_input(pairs: Iterable[tuple[str, str]]) -> PixAsked:
    """Raises Refused: there is one source identifier, with its system (ITI-83 §2:3.83.4.1.2.1)."""
    pairs = list(pairs)
    sources = [value for name, value in pairs if name == "sourceIdentifier"]
    system, bar, value = sources[0].partition("|") if len(sources) == 1 else ("", "", "")
    if not (bar and system.strip() and value.strip()):
        raise Refused(HTTPStatus.BAD_REQUEST, "required", "sourceIdentifier: one, as system|value")
    targets = tuple(value.strip() for name, value in pairs if name == "targetSystem" and value.strip())
    return PixAsked(system.strip(), value.strip(), targets)


@dataclass(frozen=True, slots=True)
class PixDesk:
    """What is asked in threads. Our own base URL is a system, too: that of the ids of our resources."""

    work: Working
    base: str

    def answer(self, reader: Reader, asked: PixAsked) -> tuple[Person, Json]:
        """Whose numbers they are, and the Parameters. Raises Refused as the profile has it."""
        assigners = assigners_of(self.work)
        source = self._source(asked, assigners)
        if any(not self._is_ours(each) and _issuer(each, assigners) is None for each in asked.targets):
            raise Refused(HTTPStatus.FORBIDDEN, "code-invalid", "targetSystem not found")
        with mapped_errors(), self.work.desk.pool.connection() as connection:
            found = (
                person_with_uid(connection, source)
                if isinstance(source, UUID)
                else person_known_as(connection, source)
            )
        if found is None or not may_see(reader, None, found.uid):
            raise _not_found()
        return found, self._parameters(asked, source, found, assigners)

    def _source(self, asked: PixAsked, assigners: Assigners) -> Identifier | UUID:
        if self._is_ours(asked.system):
            try:
                return UUID(asked.value.removeprefix("Patient/"))
            except ValueError as error:
                raise _not_found() from error
        issuer = _issuer(asked.system, assigners)
        if issuer is None:
            raise Refused(
                HTTPStatus.BAD_REQUEST, "code-invalid", "sourceIdentifier Assigning Authority not found"
            )
        value = asked.value.replace(" ", "") if issuer == NHS else asked.value
        return Identifier(value, issuer)

    def _parameters(
        self, asked: PixAsked, source: Identifier | UUID, found: Person, assigners: Assigners
    ) -> Json:
        """The one that was asked with is not among them (§2:3.83.4.2.2.1)."""
        issuers = {_issuer(each, assigners) for each in asked.targets}
        parameters: list[Json] = [
            {"name": "targetIdentifier", "valueIdentifier": each}
            for each in identifiers(found, assigners)
            if (not asked.targets or issuer_in(each["system"], assigners) in issuers)
            and Identifier(each["value"], issuer_in(each["system"], assigners) or "") != source
        ]
        if not asked.targets or any(map(self._is_ours, asked.targets)):
            reference = {"reference": f"Patient/{found.uid}"}
            parameters.append({"name": "targetId", "valueReference": reference})
        return {"resourceType": "Parameters", **({"parameter": parameters} if parameters else {})}

    def _is_ours(self, system: str) -> bool:
        return system.rstrip("/") == self.base


def _not_found() -> Refused:
    return Refused(HTTPStatus.NOT_FOUND, "not-found", "sourceIdentifier Patient Identifier not found")


def _issuer(system: str, assigners: Assigners) -> str | None:
    """Of numbers that are given out here."""
    issuer = issuer_in(system, assigners)
    return issuer if issuer == NHS or issuer in assigners else None
