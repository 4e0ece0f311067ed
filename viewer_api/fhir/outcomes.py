"""Answers in FHIR's own words: resources, and errors as OperationOutcomes (FHIR R4 §2.41, §3.1.0.1.6).

What is wrong is said with the names of parameters and elements, never with what stood in them.
"""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from exchange.fhir.identifiers import Json
from viewer_api.fhir.formats import Format, wanted, written
from viewer_api.urls import FHIR

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
    return request.url.path.startswith(f"{FHIR}/")


def fhir_answer(
    request: Request,
    resource: Json,
    status: HTTPStatus = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A resource as it is asked for: no cache keeps it. Raises Refused where it cannot be had so."""
    return _answer(resource, acceptable(request), status, headers or {})


def acceptable(request: Request) -> Format:
    """The format of the answer: asked before anything is looked for. Raises Refused."""
    how = wanted(request)
    if how is None:
        offered = ", ".join(each.value for each in Format)
        raise Refused(HTTPStatus.NOT_ACCEPTABLE, "not-supported", f"to be had as {offered}")
    return how


def refusal(
    request: Request, status: HTTPStatus, diagnostics: str, headers: Mapping[str, str] | None = None
) -> Response:
    """An error, as an OperationOutcome."""
    found = outcome(issue(code_of(status), diagnostics))
    return _answer(found, wanted(request) or Format.JSON, status, headers or {})


async def refused(request: Request, error: Exception) -> Response:
    """The exception handler of Refused."""
    assert isinstance(error, Refused)
    return _answer(outcome(error.issue), wanted(request) or Format.JSON, error.status, {})


def _answer(resource: Json, how: Format, status: HTTPStatus, headers: Mapping[str, str]) -> Response:
    return Response(written(resource, how), status, {"Cache-Control": "no-store", **headers}, how.value)
