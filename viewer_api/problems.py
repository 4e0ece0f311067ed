"""Errors as HTTP answers: problem details (RFC 9457) with facts, never patient data or a stack trace."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

import orjson
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from storage.errors import (
    AlreadyDecided,
    ArchiveError,
    BadInput,
    CannotCorrect,
    NotHeld,
    TooLarge,
    Unavailable,
)

RETRY_AFTER_S = 5

log = structlog.get_logger(__name__)


class NotAcceptable(Exception):
    """Nothing that the reader accepts can be had (PS3.18 §8.7.5). `offered` can."""

    def __init__(self, offered: list[str]) -> None:
        super().__init__("none of the media types that you accept can be had")
        self.offered = offered


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


async def _archive_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ArchiveError)
    how = answered(error)
    headers = {}
    if how.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if how.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("api.unable", error=type(error).__name__, because=str(error))
    return problem(how.status, how.title, str(error) if how.tells_why else "", headers)


async def _not_acceptable(_: Request, error: Exception) -> Response:
    assert isinstance(error, NotAcceptable)
    return problem(HTTPStatus.NOT_ACCEPTABLE, "Not acceptable", str(error), offered=error.offered)


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    return problem(status, status.phrase, headers=error.headers)


async def _invalid(_: Request, error: Exception) -> Response:
    return problem(HTTPStatus.BAD_REQUEST, "The request cannot be read")


def install(app: FastAPI) -> None:
    """Answer every error in this way. What nobody foresaw is answered by operation.Observed."""
    app.add_exception_handler(ArchiveError, _archive_error)
    app.add_exception_handler(NotAcceptable, _not_acceptable)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
