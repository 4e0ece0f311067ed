"""How a retrieve resource is asked for: GET, and the HEAD that goes with it (RFC 9110 §9.3)."""

from collections.abc import Awaitable, Callable
from typing import ParamSpec

from fastapi import APIRouter
from starlette.responses import Response

P = ParamSpec("P")
Answer = Callable[P, Awaitable[Response]]


def retrieved(router: APIRouter, path: str) -> Callable[[Answer[P]], Answer[P]]:
    """Decorates what answers GET and HEAD at a path."""

    def register(answer: Answer[P]) -> Answer[P]:
        router.get(path)(answer)
        router.head(path, include_in_schema=False)(answer)
        return answer

    return register
