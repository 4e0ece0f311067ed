"""What waits to reach somebody, as it is asked for and decided over HTTP: deliveries and tellings alike.

Somebody of one trust sees and decides about what that trust sent; who belongs to none works for all.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Protocol, TypeVar

from fastapi import Request
from starlette.responses import Response

from exchange.policy import Action
from storage.errors import BadQuery
from viewer_api.desk import json_answer
from viewer_api.parts import Working

#: In one answer, unless `limit` asks for fewer.
LIMIT = 1000

S = TypeVar("S", bound=Enum)


class Row(Protocol):
    """A delivery, a telling."""

    def as_json(self) -> dict[str, Any]: ...


async def listed(
    work: Working,
    request: Request,
    whom: str,
    usual: Sequence[S],
    ask: Callable[[Sequence[S], str | None, str | None, int, str | None], Sequence[Row]],
) -> Response:
    """Those in a state, for somebody, of a study; in the usual states unless others are named."""
    reader = await work.readers.admit(request, Action.OPERATE)
    keys = request.query_params
    states = [_state(type(usual[0]), text) for text in keys.getlist("state")] or usual
    limit = _limit(keys.get("limit", str(LIMIT)))
    await reader.record(detail={"keys": sorted({"state", "limit", whom, "study"} & keys.keys())})
    found = await work.desk.ask(ask, states, keys.get(whom), keys.get("study"), limit, reader.trust)
    return json_answer([each.as_json() for each in found])


async def decided(
    work: Working,
    request: Request,
    number: int,
    did: dict[str, Any],
    one: Callable[[int, str | None], Row],
    decide: Callable[[int, str], str],
) -> Response:
    """Decided by whoever may see it; as it stands then."""
    reader = await work.readers.admit(request, Action.OPERATE)
    await work.desk.ask(one, number, reader.trust)
    await reader.record(detail=did)
    await work.desk.ask(decide, number, reader.look.actor.name)
    return json_answer((await work.desk.ask(one, number, None)).as_json())


def _state(states: type[S], text: str) -> S:
    try:
        return states(text)
    except ValueError as error:
        raise BadQuery(f"state is one of {', '.join(each.value for each in states)}") from error


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 0 < int(text) <= LIMIT:
        raise BadQuery(f"limit is a number from 1 to {LIMIT}")
    return int(text)
