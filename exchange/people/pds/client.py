"""Asks a PDS-shaped service: who has this NHS number, and whose these details are (PDS FHIR API).

Each question has its X-Request-ID, so that they can look it up for us; what goes wrong in passing is asked
again, ever later, a few times.
"""

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import sleep
from typing import Any, Self
from uuid import uuid4

import httpx
import orjson

from exchange.answers import whole_answer
from exchange.fhir.patient_in import BadPatient, PatientSaid, read_patient
from exchange.people.numbers import is_nhs_number
from exchange.people.pds.access import AccessTokens, Application
from exchange.people.pds.errors import PdsRefused, PdsUnavailable, PdsUnreadable
from exchange.people.pds.pace import Pace
from exchange.people.person import Demographics

TRIES = 5
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_PATIENCE_S = 10.0
_ETAG = re.compile(r'(?:W/)?"([^"]{1,64})"')

#: Asked again: it is busy, restarts, or limits us.
_IN_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Held:
    """A record of the PDS. Its `patient.id` is the number that stands now: another than was asked for where
    that is superseded."""

    patient: PatientSaid
    version: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody has that number; `is_invalidated`: nobody has it any more."""

    is_invalidated: bool = False


@dataclass(frozen=True, slots=True)
class NoMatch:
    """A search found nobody, or several who could be meant."""

    is_several: bool = False


@dataclass(slots=True)
class Pds:
    """The service at an address, such as https://api.service.nhs.uk/personal-demographics/FHIR/R4."""

    url: str
    http: httpx.Client
    tokens: AccessTokens | None = None  # None: it wants none, as a sandbox
    pace: Pace = field(default_factory=Pace)
    wait: Callable[[float], None] = sleep

    @classmethod
    def at(cls, url: str, application: Application | None = None) -> Self:
        """With connections of its own, closed by `close`."""
        http = httpx.Client(timeout=_PATIENCE_S, follow_redirects=False)
        return cls(url.rstrip("/"), http, AccessTokens(application, http) if application else None)

    def close(self) -> None:
        """Let go of its connections."""
        self.http.close()

    def retrieve(self, nhs_number: str) -> Held | Unknown:
        """By NHS number. Raises PdsUnavailable, PdsUnreadable, PdsRefused."""
        answer = self._ask(f"{self.url}/Patient/{nhs_number}", {})
        if answer.status_code == httpx.codes.NOT_FOUND:
            return _unknown(answer)
        if answer.status_code != httpx.codes.OK:
            raise PdsRefused(answer.status_code, _code(_json(answer)))
        etag = _ETAG.fullmatch(answer.headers.get("etag", ""))
        return _held(_json(answer), etag[1] if etag else "")

    def trace(self, said: Demographics) -> Held | NoMatch:
        """By details, as the PDS advises applications to search: it answers only where one alone matches.

        It finds by names of before and shows none of them, nor all else that it holds: so whom it finds is
        then read by number. Raises PdsUnavailable, PdsUnreadable, PdsRefused.
        """
        answer = self._ask(f"{self.url}/Patient", tracing_parameters(said))
        if answer.status_code != httpx.codes.OK:
            raise PdsRefused(answer.status_code, _code(_json(answer)))
        found = _json(answer)
        if found.get("resourceType") == "OperationOutcome":
            return NoMatch(is_several=_code(found) == "TOO_MANY_MATCHES")
        entries = found.get("entry") or []
        if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
            raise PdsUnreadable("answers what is no Bundle")
        if len(entries) != 1:
            return NoMatch(is_several=len(entries) > 1)
        read = self.retrieve(_held(entries[0].get("resource"), "").patient.id)
        return read if isinstance(read, Held) else NoMatch()

    def _ask(self, url: str, parameters: Mapping[str, str]) -> httpx.Response:
        pause_s = _FIRST_PAUSE_S
        for left in reversed(range(TRIES)):
            try:
                answer = self._ask_once(url, parameters)
            except PdsUnavailable as error:
                if not left:
                    raise
                after_s = error.after_s
            else:
                if answer.status_code == httpx.codes.UNAUTHORIZED and self.tokens is not None and left:
                    self.tokens.forget()
                    continue
                return answer
            # Not in step with others whom it turned away at the same moment.
            self.wait(min(after_s or pause_s * random.uniform(0.5, 1.5), _LONGEST_PAUSE_S))  # noqa: S311
            pause_s *= 2
        raise PdsUnavailable("does not take our access token")

    def _ask_once(self, url: str, parameters: Mapping[str, str]) -> httpx.Response:
        headers = {
            "Accept": "application/fhir+json",
            "X-Request-ID": str(uuid4()),
            "X-Correlation-ID": str(uuid4()),
        }
        if self.tokens is not None:
            headers["Authorization"] = f"Bearer {self.tokens.token()}"
        self.pace.take()
        try:
            request = self.http.build_request("GET", url, params=parameters, headers=headers)
            answer = whole_answer(self.http, request)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # Its text has the URL, and so a number.
            raise PdsUnavailable(f"does not answer: {type(error).__name__}") from None
        if answer.status_code in _IN_PASSING:
            raise PdsUnavailable(f"answers {answer.status_code}", _seconds(answer.headers.get("retry-after")))
        return answer


def can_be_traced(said: Demographics) -> bool:
    """Whether enough is known to find one person by: names, a whole birth date and a postcode.

    An initial is none: a wildcard takes two letters before it.
    """
    name = said.name
    given = name.given[0] if name.given else ""
    return bool(name.family and len(given) >= 2 and len(said.birth_date) == 8 and len(said.postcode) >= 2)


def tracing_parameters(said: Demographics) -> Mapping[str, str]:
    """How the PDS advises applications to search: wide in what people misspell or have left behind."""
    birth_date = said.birth_date
    return {
        "family": said.name.family,
        "given": f"{said.name.given[0][:3]}*",
        "birthdate": f"eq{birth_date[:4]}-{birth_date[4:6]}-{birth_date[6:]}",
        "address-postalcode": f"{said.postcode[:2].upper()}*",
        "_history": "true",
    }


def _unknown(answer: httpx.Response) -> Unknown:
    """It says so itself: another 404 is of an address that is wrong, and nobody's number is."""
    match _code(_json(answer)):
        case "INVALIDATED_RESOURCE":
            return Unknown(is_invalidated=True)
        case "RESOURCE_NOT_FOUND":
            return Unknown()
        case _:
            raise PdsUnavailable("answers 404, and not that a number is nobody's")


def _held(resource: object, version: str) -> Held:
    try:
        patient = read_patient(resource, {})
    except BadPatient as error:
        raise PdsUnreadable("answers what is no Patient") from error
    if not is_nhs_number(patient.id):
        raise PdsUnreadable("answers a Patient without an NHS number")
    return Held(patient, version)


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = orjson.loads(answer.content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        if answer.status_code == httpx.codes.OK:
            raise PdsUnreadable("answers without a resource")
        raise PdsUnavailable(f"answers {answer.status_code} without a resource")
    return found


def _code(outcome: Mapping[str, Any]) -> str:
    """Of the first issue: theirs, a word in capitals."""
    try:
        for issue in outcome.get("issue") or []:
            for coding in (issue.get("details") or {}).get("coding") or []:
                return re.sub(r"[^A-Z_]", "", str(coding.get("code", "")))[:64]
    except (AttributeError, TypeError):
        raise PdsUnreadable("answers what is no OperationOutcome") from None
    return ""


def _seconds(text: str | None) -> float | None:
    return min(float(text), _LONGEST_PAUSE_S) if text and text.isascii() and text.isdigit() else None
