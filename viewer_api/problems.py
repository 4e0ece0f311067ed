"""Errors as HTTP answers: problem details (RFC 9457) with facts, never patient data or a stack trace.

A browser that goes to an address says that it takes HTML: it is shown the same as a page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

import orjson
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from exchange.policy import Actor
from storage.errors import (
    AlreadyDecided,
    ArchiveError,
    BadInput,
    BadQuery,
    CannotCorrect,
    NotHeld,
    TooLarge,
    Unavailable,
    Unencodable,
)
from viewer_api.fhir.outcomes import Refused, is_fhir, refusal, refused
from viewer_api.pages import Pages
from viewer_api.readers import Readers, name_of
from viewer_api.signing_in.next_page import sign_in_url
from viewer_api.urls import PREFIX as DICOMWEB

RETRY_AFTER_S = 5
#: Characters of a parameter's name that an answer repeats.
NAME_LIMIT = 128

#: DICOMweb answers 401 to a browser as to anyone (PS3.18 §8.8).
_SERVICES = (f"{DICOMWEB}/", "/wado", "/fhir/")

log = structlog.get_logger(__name__)


class NotAcceptable(Exception):
    """Nothing that the reader accepts can be had (PS3.18 §8.7.5). `offered` can."""

    def __init__(self, offered: list[str], why: str = "") -> None:
        super().__init__(why or "none of the media types that you accept can be had")
        self.offered = offered


class BadParameters(BadQuery):
    """Parameters of a URL that mean nothing here: their names, as far as one line shows them, and why."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        super().__init__("parameters that cannot be understood")
        self.parameters = [{"name": name[:NAME_LIMIT], "reason": reason} for name, reason in reasons.items()]


@dataclass(frozen=True, slots=True)
class Answered:
    """How one kind of error is answered."""

    status: HTTPStatus
    title: str
    tells_why: bool = True  # the error's own words are for the reader


#: Each error of the archive; one that is not here is answered as its parent is.
ANSWERS: Mapping[type[ArchiveError], Answered] = {
    BadInput: Answered(HTTPStatus.BAD_REQUEST, "The request cannot be answered as asked"),
    TooLarge: Answered(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Larger than this service takes"),
    NotHeld: Answered(HTTPStatus.NOT_FOUND, "Not held here"),
    AlreadyDecided: Answered(HTTPStatus.CONFLICT, "Decided otherwise meanwhile"),
    Unencodable: Answered(HTTPStatus.NOT_ACCEPTABLE, "Not to be had in that transfer syntax"),
    CannotCorrect: Answered(HTTPStatus.INTERNAL_SERVER_ERROR, "A correction in force cannot be applied"),
    Unavailable: Answered(HTTPStatus.SERVICE_UNAVAILABLE, "Try again later", tells_why=False),
    ArchiveError: Answered(HTTPStatus.INTERNAL_SERVER_ERROR, "The archive failed", tells_why=False),
}


def answered(error: ArchiveError) -> Answered:
    """How an error is answered: as the nearest of its parents that ANSWERS names."""
    return next(ANSWERS[kind] for kind in type(error).__mro__ if kind in ANSWERS)


def problem(
    status: HTTPStatus, title: str, detail: str = "", headers: Mapping[str, str] | None = None, **more: object
) -> Response:
    """A problem body (RFC 9457 §3)."""
    body = {"type": "about:blank", "title": title, "status": status.value, **more}
    if detail:
        body["detail"] = detail
    return Response(orjson.dumps(body), status, headers, "application/problem+json")


class Problems:
    """Answers every error that a route raises."""

    def __init__(self, pages: Pages, readers: Readers) -> None:
        self._pages, self._readers = pages, readers

    async def archive_error(self, request: Request, error: Exception) -> Response:
        """As ANSWERS says."""
        assert isinstance(error, ArchiveError)
        how = answered(error)
        headers = {}
        if how.status == HTTPStatus.SERVICE_UNAVAILABLE:
            headers["Retry-After"] = str(RETRY_AFTER_S)
        if how.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.warning("api.unable", error=type(error).__name__, because=str(error))
        return await self._answer(
            request, how.status, how.title, str(error) if how.tells_why else "", headers
        )

    async def not_acceptable(self, request: Request, error: Exception) -> Response:
        """Always with the list of what can be had, which only programs read."""
        assert isinstance(error, NotAcceptable)
        if is_fhir(request):
            return refusal(request, HTTPStatus.NOT_ACCEPTABLE, f"{error}: {', '.join(error.offered)} can")
        return problem(HTTPStatus.NOT_ACCEPTABLE, "Not acceptable", str(error), offered=error.offered)

    async def bad_parameters(self, request: Request, error: Exception) -> Response:
        """With their names. Nothing of it is logged: a name that is none may be a patient's."""
        assert isinstance(error, BadParameters)
        if is_fhir(request):
            said = "; ".join(f"{each['name']}: {each['reason']}" for each in error.parameters)
            return refusal(request, HTTPStatus.BAD_REQUEST, said)
        title = ANSWERS[BadInput].title
        return problem(HTTPStatus.BAD_REQUEST, title, str(error), parameters=error.parameters)

    async def http_error(self, request: Request, error: Exception) -> Response:
        """Those that name their status."""
        assert isinstance(error, HTTPException)
        status = HTTPStatus(error.status_code)
        if status is HTTPStatus.UNAUTHORIZED and request.method == "GET" and is_page(request):
            return RedirectResponse(sign_in_url(request), HTTPStatus.SEE_OTHER, {"Cache-Control": "no-store"})
        return await self._answer(request, status, status.phrase, headers=error.headers)

    async def invalid(self, request: Request, _: Exception) -> Response:
        """What the framework could not read."""
        return await self._answer(request, HTTPStatus.BAD_REQUEST, "The request cannot be read")

    async def _answer(
        self,
        request: Request,
        status: HTTPStatus,
        title: str,
        detail: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        if is_fhir(request):
            return refusal(request, status, detail or title, headers)
        if not takes_pages(request):
            return problem(status, title, detail, headers)
        # Where we fail ourselves, whoever reads it is not looked up: that may be what fails.
        is_ours = status >= HTTPStatus.INTERNAL_SERVER_ERROR
        actor = None if is_ours else await self._readers.known(request)
        token = self._readers.form_token(request) if actor and not actor.is_open else ""
        return problem_page(self._pages, request, status, title, detail, headers, actor, token)


def problem_page(
    pages: Pages,
    request: Request,
    status: HTTPStatus,
    title: str,
    detail: str = "",
    headers: Mapping[str, str] | None = None,
    actor: Actor | None = None,
    form_token: str = "",
) -> Response:
    """What went wrong, for a person: in their words, with what they can do and a way on."""
    heading, what_next = IN_WORDS.get(status, (title, ""))
    return pages.answer(
        request,
        "problem.html",
        status=status,
        headers=headers,
        signed_in=name_of(actor) if actor else "",
        actor=actor,
        form_token=form_token,
        is_sign_in=status is HTTPStatus.UNAUTHORIZED,
        heading=heading,
        why=f"{detail[0].upper()}{detail[1:]}." if detail else "",
        what_next=what_next,
    )


#: What a person reads, where the title is a program's; and what they can do.
IN_WORDS: Mapping[HTTPStatus, tuple[str, str]] = {
    HTTPStatus.UNAUTHORIZED: (
        "You are not signed in",
        "Sign in, and try again. What you sent last was not kept.",
    ),
    HTTPStatus.FORBIDDEN: (
        "You may not see this",
        "Your account does not include it. If you need it for your work, ask an administrator of this"
        " service.",
    ),
    HTTPStatus.NOT_FOUND: ("Not found", "There is nothing at this address. If you typed it, check it."),
    HTTPStatus.INTERNAL_SERVER_ERROR: (
        "Something went wrong here",
        "It was written down, and it is not your fault. Go back and look whether what you did last was done."
        " If it goes on, tell whoever runs the service, and at what time it happened.",
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        "The service cannot answer just now",
        "Try again in a few seconds. Nothing is lost. If it goes on, tell whoever runs the service.",
    ),
}


def takes_pages(request: Request) -> bool:
    """Whether a browser asks, for a person to read: programs do not name HTML."""
    return "text/html" in request.headers.get("accept", "")


def is_page(request: Request) -> bool:
    """The same, but for the web services, whose readers sign in by what they show."""
    return takes_pages(request) and not request.url.path.startswith(_SERVICES)


def install(app: FastAPI, pages: Pages, readers: Readers) -> None:
    """Answer every error in this way. What nobody foresaw is answered by operation.Observed."""
    problems = Problems(pages, readers)
    app.add_exception_handler(ArchiveError, problems.archive_error)
    app.add_exception_handler(NotAcceptable, problems.not_acceptable)
    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(BadParameters, problems.bad_parameters)
    app.add_exception_handler(HTTPException, problems.http_error)
    app.add_exception_handler(RequestValidationError, problems.invalid)
