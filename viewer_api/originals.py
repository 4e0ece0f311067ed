"""Original files over HTTP: which there are of a study, and one of them back. Stricter than reading.

Whoever may contribute has back what their own trust contributed; whoever is of no one trust, all.
"""

from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from exchange.policy import Action
from storage.errors import BadInput
from storage.originals import HeldOriginal, Originals
from storage.uids import is_uid
from viewer_api.desk import json_answer
from viewer_api.media import OCTETS
from viewer_api.parts import Working
from viewer_api.ranged import send_ranged
from viewer_api.retrieved import retrieved

PREFIX = "/originals"


def original_routes(work: Working) -> APIRouter:
    """The list of a study's originals, and one of them, byte for byte."""
    router = APIRouter()
    originals = Originals(work.objects, work.desk.pool)

    @router.get(PREFIX)
    async def originals_of_study(request: Request, study: str = "") -> Response:
        reader = await work.readers.admit(request, Action.HAVE_ORIGINAL, study)
        if not is_uid(study):
            raise BadInput("say of which study: ?study=STUDY INSTANCE UID")
        found = await work.desk.ask(originals.of_study, study, reader.look.actor.trust)
        await reader.record(study, {"originals": len(found)})
        return json_answer([as_json(each) for each in found])

    @retrieved(router, f"{PREFIX}/{{number}}")
    async def original(request: Request, number: int) -> Response:
        """Never shown in a browser: what a file holds could be a page that acts in our name."""
        reader = await work.readers.admit(request, Action.HAVE_ORIGINAL)
        if not 0 < number < 2**63:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        held = await work.desk.ask(originals.original, number, reader.look.actor.trust)
        await reader.record(held.study_uid, {"original": held.id})
        headers = {
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(held.name, safe='')}",
            "Cache-Control": "no-store",
            "ETag": f'"{held.digest.hex()}"',
        }
        return await send_ranged(
            work.sender, request, partial(originals.read, held), held.size, OCTETS, headers
        )

    return router


def as_json(held: HeldOriginal) -> dict[str, Any]:
    """What is known of one, for programs; not where it lies."""
    return {
        "number": held.id,
        "study": held.study_uid,
        "series": held.series_uids,
        "instances": held.instance_uids,
        "kind": held.kind,
        "name": held.name,
        "size": held.size,
        "sha256": held.digest.hex(),
        "trust": held.trust,
        "came_by": held.peer,
        "kept_by": held.kept_by,
        "kept_at": held.kept_at.isoformat(),
    }
