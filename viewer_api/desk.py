"""The blocking registers behind the API: quarantine, registry, deliveries, orders. Asked in threads."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, ParamSpec, TypeVar

import orjson
from anyio import CapacityLimiter, to_thread
from psycopg_pool import ConnectionPool
from starlette.requests import Request
from starlette.responses import Response

from storage.errors import BadInput

P = ParamSpec("P")
T = TypeVar("T")

#: Of a request's JSON body.
BODY_LIMIT_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Desk:
    """Where people ask and decide: a few at a time, beside the many that read."""

    pool: ConnectionPool
    limiter: CapacityLimiter

    async def ask(self, question: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """The answer of a blocking question. Raises what it raises."""
        return await to_thread.run_sync(partial(question, *args, **named), limiter=self.limiter)


async def json_body(request: Request) -> dict[str, Any]:
    """An object that was sent as JSON. Raises BadInput."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_LIMIT_BYTES:
            raise BadInput(f"a body of more than {BODY_LIMIT_BYTES:,} bytes")
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadInput("the body is no JSON") from error
    if not isinstance(found, dict):
        raise BadInput("the body is no JSON object")
    return found


def json_answer(found: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Dataclasses, enums, dates and what JSON knows."""
    return Response(orjson.dumps(found), status, media_type="application/json")
