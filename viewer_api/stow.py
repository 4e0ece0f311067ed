"""Store instances (STOW-RS, PS3.18 §10.5): the same door in, and the same promises, as C-STORE."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http import HTTPStatus

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from exchange.policy import Action, Actor
from storage.errors import BadInput
from storage.origin import Origin
from storage.originals import Originals
from viewer_api.bodies_in import BodyStalled, read_ahead
from viewer_api.describing import DICOM_XML, Describing
from viewer_api.media import DICOM, DICOM_JSON
from viewer_api.origins import no_trust, trust_of
from viewer_api.parts import Working
from viewer_api.parts_in import parts_in
from viewer_api.problems import problem
from viewer_api.spool import open_spool
from viewer_api.store_answers import answer_type, store_answer
from viewer_api.storing import Report, Storing
from viewer_api.turning import Making, Turning
from viewer_api.urls import PREFIX, studies_url

#: Bodies that are being read at one time, each in a thread.
UPLOADS = 32
#: Small instances that pass the door at one time, of all requests.
LANES = 6
#: What a body may be made of (PS3.18 Table 8.7.3-1, 10.5.1.4).
STORED = (DICOM, DICOM_JSON, DICOM_XML)

_UID = re.compile(r"[0-9.]{1,64}")


def store_routes(parts: Working) -> APIRouter:
    """Store, for any study or for one (PS3.18 Table 10.5.1-1)."""
    router = APIRouter(prefix=PREFIX)
    uploads = CapacityLimiter(UPLOADS)
    lanes = ThreadPoolExecutor(LANES, "storing")
    turning = Turning()
    originals = Originals(parts.objects, parts.desk.pool)

    async def store(request: Request, study: str | None) -> Response:
        reader = await parts.readers.admit(request, Action.STORE, study)
        if study is not None and not _UID.fullmatch(study):
            raise BadInput("the path holds no UID")
        kind, boundary = _body(request)
        if kind not in STORED or not boundary:
            return problem(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "Not a body that can be stored",
                "send multipart/related, with a boundary and one of these types",
                {"Accept": ", ".join(f'multipart/related; type="{each}"' for each in STORED)},
                stored=list(STORED),
            )
        media_type = answer_type(request)
        origin = _origin(parts, reader.look.actor, request)
        if origin is None:
            return no_trust()
        storing = Storing(parts.door, origin, lanes, study)

        def take(pieces: Iterator[bytes]) -> Report:
            body = parts_in(pieces, boundary)
            if kind == DICOM:
                return storing.take(body)
            with open_spool(parts.settings.spool_folder, parts.settings.spool_limit_bytes) as spool:
                return Describing(storing, spool, Making(turning, spool), originals).take(body)

        try:
            async with read_ahead(request) as pieces:
                report = await to_thread.run_sync(take, pieces, limiter=uploads)
        except (ClientDisconnect, BodyStalled):  # what was whole before is kept, and welcome again
            return problem(HTTPStatus.REQUEST_TIMEOUT, "The body broke off")
        return store_answer(report, studies_url(request, parts.settings), media_type)

    @router.post("/studies")
    async def store_instances(request: Request) -> Response:
        return await store(request, None)

    @router.post("/studies/{study}")
    async def store_instances_of_study(request: Request, study: str) -> Response:
        return await store(request, study)

    return router


def _body(request: Request) -> tuple[str, str]:
    """What a multipart/related body is made of, and its boundary; two empty texts for any other."""
    media_type, parameters = parse_options_header(request.headers.get("content-type", ""))
    named = {name.decode(): value.decode("latin-1") for name, value in parameters.items()}
    if media_type.lower() != b"multipart/related" or request.headers.get("content-encoding"):
        return "", ""
    return named.get("type", DICOM).lower(), named.get("boundary", "")


def _origin(parts: Working, actor: Actor, request: Request) -> Callable[[], Origin] | None:
    """Whose the instances are: the trust of the account. None where it has none that is known."""
    trust = trust_of(actor, parts.settings)
    if trust is None:
        return None
    address = request.client.host if request.client else ""

    def origin() -> Origin:
        return Origin(actor.name, *trust, address, request.url.path, datetime.now(UTC))

    return origin
