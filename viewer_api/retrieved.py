"""How a retrieve resource is asked for: GET, and the HEAD and OPTIONS that go with it (RFC 9110 §9.3)."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import ParamSpec

from fastapi import APIRouter
from starlette.responses import Response

P = ParamSpec("P")
Answer = Callable[P, Awaitable[Response]]

_ALLOW = {"Allow": "GET, HEAD, OPTIONS"}


def retrieved(router: APIRouter, path: str) -> Callable[[Answer[P]], Answer[P]]:
    """Decorates what answers GET and HEAD at a path."""

    def register(answer: Answer[P]) -> Answer[P]:
        router.get(path)(answer)
        router.head(path, include_in_schema=False)(answer)
        router.options(path, include_in_schema=False)(_options)
        return answer

    return register


async def _options() -> Response:
    """What may be asked is no secret: the answer says nothing of what is held."""
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=_ALLOW)
