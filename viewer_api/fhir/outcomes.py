"""Answers in FHIR's own words: resources as JSON, errors as OperationOutcomes (FHIR R4 §2.41, §3.1.0.1.6).

What is wrong is said with the names of parameters and elements, never with what stood in them.
"""

from collections.abc import Mapping
from http import HTTPStatus

import orjson
from starlette.requests import Request
from starlette.responses import Response

from exchange.fhir.identifiers import Json

PREFIX = "/fhir/R4"
FHIR_JSON = "application/fhir+json"

#: What kind of issue each status is (http://hl7.org/fhir/issue-type); of others, `processing`.
_CODES: Mapping[HTTPStatus, str] = {
    HTTPStatus.BAD_REQUEST: "invalid",
    HTTPStatus.UNAUTHORIZED: "login",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.METHOD_NOT_ALLOWED: "not-supported",
    HTTPStatus.NOT_ACCEPTABLE: "not-supported",
    HTTPStatus.CONFLICT: "conflict",
    HTTPStatus.PRECONDITION_FAILED: "conflict",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too-long",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "not-supported",
    HTTPStatus.TOO_MANY_REQUESTS: "throttled",
    HTTPStatus.INTERNAL_SERVER_ERROR: "exception",
    HTTPStatus.SERVICE_UNAVAILABLE: "transient",
}


class Refused(Exception):
    """A request that FHIR, or a profile, has answered in a certain way."""

    def __init__(self, status: HTTPStatus, code: str, diagnostics: str, severity: str = "error") -> None:
        super().__init__(diagnostics)
        self.status = status
        self.issue = issue(code, diagnostics, severity)


def issue(code: str, diagnostics: str, severity: str = "error") -> Json:
    """One issue of an OperationOutcome."""
    return {"severity": severity, "code": code, "diagnostics": diagnostics}


def outcome(*issues: Json) -> Json:
    """An OperationOutcome."""
    return {"resourceType": "OperationOutcome", "issue": list(issues)}


def code_of(status: HTTPStatus) -> str:
    """The kind of issue that a status is."""
    return _CODES.get(status, "processing")


def is_fhir(request: Request) -> bool:
    """Whether whoever asks wants resources."""
    return request.url.path.startswith(f"{PREFIX}/")


def fhir_answer(
    resource: Json, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> Response:
    """A resource. It may be of a person: no cache keeps it."""
    return Response(
        orjson.dumps(resource), status, {"Cache-Control": "no-store", **(headers or {})}, FHIR_JSON
    )


def refusal(status: HTTPStatus, diagnostics: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error, as an OperationOutcome."""
    return fhir_answer(outcome(issue(code_of(status), diagnostics)), status, headers)


async def refused(_: Request, error: Exception) -> Response:
    """The exception handler of Refused."""
    assert isinstance(error, Refused)
    return fhir_answer(outcome(error.issue), error.status)
