"""The small PDS: read by NHS number and search, with tokens for signed JWTs and a limit of its own."""

import re
import threading
from base64 import urlsafe_b64decode
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from time import monotonic, time
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import orjson
from fastapi import FastAPI, Request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from starlette.responses import Response

from exchange.people.numbers import is_nhs_number
from imx.demo.pds.outcomes import PdsProblem
from imx.demo.pds.records import Records

PATH = "/personal-demographics/FHIR/R4"
TOKEN_PATH = "/oauth2/token"  # noqa: S105 -- a path
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LASTS_S = 599
_LONGEST_ASSERTION_S = 300


@dataclass(slots=True)
class Limit:
    """So many in any second; what is more is turned away, and counted."""

    per_second: int = 5
    clock: Callable[[], float] = monotonic
    answered: int = 0
    turned_away: int = 0
    _at: deque[float] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> None:
        """Raises PdsProblem."""
        with self._lock:
            now = self.clock()
            while self._at and self._at[0] <= now - 1:
                self._at.popleft()
            if len(self._at) >= self.per_second:
                self.turned_away += 1
                raise PdsProblem("TOO_MANY_REQUESTS")
            self._at.append(now)
            self.answered += 1


@dataclass(slots=True)
class Tokens:
    """Access tokens, for applications whose public keys it has: by API key, and key ID."""

    keys: Mapping[str, Mapping[str, RSAKey]]
    given: dict[str, float] = field(default_factory=dict)  # until when each lasts
    seen: set[str] = field(default_factory=set)  # JWT IDs: each is taken once

    def give(self, form: Mapping[str, list[str]], url: str) -> dict[str, str]:
        """Raises ValueError with what OAuth calls the fault."""
        if form.get("grant_type") != ["client_credentials"]:
            raise ValueError("unsupported_grant_type")
        assertion = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        if form.get("client_assertion_type") != [assertion] or len(form.get("client_assertion", ())) != 1:
            raise ValueError("invalid_request")
        claims = self._claims(form["client_assertion"][0])
        now = time()
        expires = claims.get("exp")
        if claims.get("aud") != url or not isinstance(expires, int):
            raise ValueError("invalid_request")
        if not now < expires <= now + _LONGEST_ASSERTION_S or claims.get("jti") in (None, *self.seen):
            raise ValueError("invalid_request")
        self.seen.add(str(claims["jti"]))
        token = uuid4().hex
        self.given[token] = now + _LASTS_S
        return {"access_token": token, "expires_in": str(_LASTS_S), "token_type": "Bearer"}

    def _claims(self, text: str) -> dict[str, Any]:
        """Of a JWT that is signed by whom it says. The claims name the key, which then must fit."""
        try:
            header, claims = (_unsigned(text, part) for part in (0, 1))
            key = self.keys[claims["iss"]][header["kid"]]
            if claims["sub"] != claims["iss"]:
                raise ValueError("invalid_request")
            return dict(jwt.decode(text, key, algorithms=["RS512"]).claims)
        except (JoseError, KeyError, TypeError, IndexError) as error:
            raise ValueError("public_key error") from error

    def is_good(self, header: str) -> bool:
        """Whether an Authorization header has one that lasts."""
        scheme, _, token = header.partition(" ")
        return scheme == "Bearer" and self.given.get(token, 0) > time()


def _unsigned(text: str, part: int) -> Any:
    encoded = text.split(".")[part]
    return orjson.loads(urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))


@dataclass(slots=True)
class SmallPds:
    """What it holds, and how it behaves. A test takes it down by `is_away`."""

    records: Records = field(default_factory=Records)
    tokens: Tokens | None = None  # None: as the sandbox, to which anybody may come
    limit: Limit = field(default_factory=Limit)
    most_found: int = 1  # of a search: applications get one alone, healthcare workers 50
    is_away: bool = False

    def app(self) -> FastAPI:
        """The service."""
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

        @app.exception_handler(PdsProblem)
        async def problem(request: Request, error: PdsProblem) -> Response:
            return _answer(request, error.body, HTTPStatus(error.status))

        @app.get(PATH + "/Patient/{number}")
        async def read(request: Request, number: str) -> Response:
            self._admit(request)
            if not is_nhs_number(number):
                raise PdsProblem("INVALID_RESOURCE_ID")
            held = self.records.with_number(number)
            return _answer(request, held.resource(), etag=f'W/"{held.version}"')

        @app.get(PATH + "/Patient")
        async def search(request: Request) -> Response:
            self._admit(request)
            pairs = request.query_params.multi_items()
            found = self.records.search(pairs)
            most = dict(pairs).get("_max-results", "")
            if self.most_found == 1 and most not in ("", "1"):
                # Only a person who is signed in may be shown several.
                raise PdsProblem("INVALID_VALUE", f"Invalid value - '{most}' in field '_max-results'", 403)
            if len(found) > min(self.most_found, int(most) if most.isdigit() else self.most_found):
                raise PdsProblem("TOO_MANY_MATCHES")
            entries = [
                {
                    "fullUrl": f"https://api.service.nhs.uk{PATH}/Patient/{held.nhs_number}",
                    "search": {"score": score},
                    "resource": held.resource(with_history=False),
                }
                for held, score in found
            ]
            at = datetime.now(UTC).isoformat(timespec="seconds")
            bundle = {"resourceType": "Bundle", "type": "searchset", "timestamp": at, "total": len(entries)}
            return _answer(request, {**bundle, "entry": entries} if entries else bundle)

        @app.post(TOKEN_PATH)
        async def token(request: Request) -> Response:
            if self.tokens is None or self.is_away:
                return Response(status_code=HTTPStatus.SERVICE_UNAVAILABLE)
            try:
                form = parse_qs((await request.body()).decode())
                found = self.tokens.give(form, str(request.url))
            except ValueError as error:
                body = {"error": str(error), "error_description": "the client assertion is not taken"}
                return Response(orjson.dumps(body), HTTPStatus.BAD_REQUEST, media_type="application/json")
            return Response(orjson.dumps(found), media_type="application/json")

        return app

    def _admit(self, request: Request) -> None:
        """In the order in which the platform looks: limit, token, headers."""
        if self.is_away:
            raise PdsProblem("SERVICE_UNAVAILABLE")
        self.limit.take()
        if self.tokens is not None and not self.tokens.is_good(request.headers.get("authorization", "")):
            raise PdsProblem("ACCESS_DENIED", "Invalid access token")
        request_id = request.headers.get("x-request-id", "")
        if not request_id:
            said = "X-Request-ID header must be supplied to access this resource"
            raise PdsProblem("MISSING_VALUE", f"Invalid request with error - {said}")
        if not _UUID.fullmatch(request_id):
            said = f"Invalid value - '{request_id}' in header 'X-Request-ID'"
            raise PdsProblem("INVALID_VALUE", said)


def _answer(
    request: Request, body: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK, etag: str = ""
) -> Response:
    """With the identifiers of the request, so that both sides can look it up."""
    headers = {
        name: request.headers[name]
        for name in ("x-request-id", "x-correlation-id")
        if name in request.headers
    }
    if etag:
        headers["etag"] = etag
    return Response(orjson.dumps(body), status, headers, "application/fhir+json")
