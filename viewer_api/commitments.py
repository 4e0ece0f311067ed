"""Storage commitment, over HTTP: what peers asked us to answer for and have not heard."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from exchange.policy import Action
from storage.commitment import Listed
from storage.commitments import Commitments
from viewer_api.desk import json_answer
from viewer_api.parts import Working

PREFIX = "/commitments"


def commitment_routes(work: Working) -> APIRouter:
    """List."""
    router = APIRouter(prefix=PREFIX)
    commitments = Commitments(work.desk.pool, work.objects)

    @router.get("")
    async def listed(request: Request, all: bool = False) -> Response:
        """Those that are pending or undelivered; with `all`, those that were delivered too.

        Somebody of one trust sees its own.
        """
        reader = await work.readers.admit(request, Action.OPERATE)
        found = await work.desk.ask(commitments.listed, with_delivered=all, trust=reader.trust)
        await reader.record(detail={"commitments": len(found)})
        return json_answer([_as_json(each) for each in found])

    return router


def _as_json(listed: Listed) -> dict[str, object]:
    return {
        "state": listed.state.value,
        **{name: getattr(listed, name) for name in Listed.__dataclass_fields__},
    }
