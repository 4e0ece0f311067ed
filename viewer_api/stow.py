"""Store instances (STOW-RS, PS3.18 §10.5): the same door in, and the same promises, as C-STORE."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from time import monotonic
from typing import Any

import orjson
from anyio import CapacityLimiter, fail_after, from_thread, to_thread
from fastapi import APIRouter, Request
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from exchange.policy import Action, Actor
from storage.errors import BadInput
from storage.origin import Origin
from viewer_api.media import DICOM, DICOM_JSON
from viewer_api.parts import Working
from viewer_api.parts_in import parts_in
from viewer_api.problems import RETRY_AFTER_S, problem
from viewer_api.storing import Failed, Kept, Report, Storing
from viewer_api.urls import PREFIX, studies_url

#: Of silence within a body: then the sender has gone.
STALL_S = 30.0
#: Slower than this, over all the time that we waited for it, a body keeps a thread from others.
SLOWEST_BYTES_PER_S = 1024
#: Bodies that are being read at one time, each in a thread.
UPLOADS = 32

_UID = re.compile(r"[0-9.]{1,64}")
_PRIVATE_CREATOR = "IMAGING EXCHANGE"


class BodyStalled(Exception):
    """The sender fell silent within its body, or all but."""


def store_routes(parts: Working) -> APIRouter:
    """Store, for any study or for one (PS3.18 Table 10.5.1-1)."""
    router = APIRouter(prefix=PREFIX)
    uploads = CapacityLimiter(UPLOADS)

    async def store(request: Request, study: str | None) -> Response:
        reader = await parts.readers.admit(request, Action.STORE, study)
        if study is not None and not _UID.fullmatch(study):
            raise BadInput("the path holds no UID")
        boundary = _boundary(request)
        if boundary is None:
            return problem(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "Not a body that can be stored",
                f'send multipart/related; type="{DICOM}"; boundary=…',
            )
        origin = _origin(parts, reader.look.actor, request)
        if origin is None:
            return problem(
                HTTPStatus.FORBIDDEN,
                "No trust to store for",
                "what is stored belongs to a trust that the registry knows: give the account one"
                " (imx token create --trust)",
            )
        storing = Storing(parts.door, origin, study)
        body = _pieces(request)
        try:
            report = await to_thread.run_sync(lambda: storing.take(parts_in(body, boundary)), limiter=uploads)
        except (ClientDisconnect, BodyStalled):  # what was whole before is kept, and welcome again
            return problem(HTTPStatus.REQUEST_TIMEOUT, "The body broke off")
        return _answer(report, studies_url(request, parts.settings))

    @router.post("/studies")
    async def store_instances(request: Request) -> Response:
        return await store(request, None)

    @router.post("/studies/{study}")
    async def store_instances_of_study(request: Request, study: str) -> Response:
        return await store(request, study)

    return router


def _boundary(request: Request) -> str | None:
    """Of a multipart/related body of DICOM instances; None for any other."""
    media_type, parameters = parse_options_header(request.headers.get("content-type", ""))
    named = {name.decode(): value.decode("latin-1") for name, value in parameters.items()}
    if media_type.lower() != b"multipart/related" or named.get("type", DICOM).lower() != DICOM:
        return None
    return named.get("boundary") or None


def _origin(parts: Working, actor: Actor, request: Request) -> Callable[[], Origin] | None:
    """Whose the instances are: the trust of the account. None where it has none that is known."""
    trust, issuer = actor.trust, actor.issuer
    if actor.is_open and parts.settings.open_trust is not None:
        trust, issuer = parts.settings.open_trust.ods_code, parts.settings.open_trust.issuer
    if not (trust and issuer):
        return None
    address = request.client.host if request.client else ""

    def origin() -> Origin:
        return Origin(actor.name, trust, issuer, address, request.url.path, datetime.now(UTC))

    return origin


@dataclass(slots=True)
class Pace:
    """How fast a body comes. What we do with it meanwhile does not count."""

    clock: Callable[[], float] = monotonic
    waited_s: float = 0.0
    came: int = 0  # bytes

    def timed(self, ask: Callable[[], bytes | None]) -> bytes | None:
        """The next piece. Raises BodyStalled where all of them came too slowly."""
        began = self.clock()
        more = ask()
        self.waited_s += self.clock() - began
        self.came += len(more or b"")
        if self.waited_s > STALL_S and self.came < self.waited_s * SLOWEST_BYTES_PER_S:
            raise BodyStalled(f"the body comes at less than {SLOWEST_BYTES_PER_S} bytes a second")
        return more


def _pieces(request: Request) -> Iterator[bytes]:
    """The body as it comes, for a thread. Raises BodyStalled, and ClientDisconnect."""
    stream = request.stream()

    async def piece() -> bytes | None:
        try:
            with fail_after(STALL_S):
                return await anext(stream, None)
        except TimeoutError as error:
            raise BodyStalled("the sender fell silent within its body") from error

    pace = Pace()
    while (more := pace.timed(lambda: from_thread.run(piece))) is not None:
        if more:
            yield more


def _answer(report: Report, root: str) -> Response:
    """Status and body (PS3.18 §10.5.3)."""
    if not (report.kept or report.failed):
        return problem(HTTPStatus.BAD_REQUEST, "Nothing to store", "the body holds no part")
    headers = {}
    if not report.failed:
        status = HTTPStatus.OK
    elif report.kept:
        status = HTTPStatus.ACCEPTED
    elif report.may_be_tried_again:
        status, headers = HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": str(RETRY_AFTER_S)}
    else:
        status = HTTPStatus.CONFLICT
    return Response(orjson.dumps(_members(report, root)), status, headers, DICOM_JSON)


def _members(report: Report, root: str) -> dict[str, Any]:
    """Store Instances Response Module (PS3.18 Table I.2-1), as DICOM JSON."""
    studies = {each.receipt.study_uid for each in report.kept}
    named = [each for each in report.failed if each.sop_instance_uid]
    others = [each for each in report.failed if not each.sop_instance_uid]
    members: dict[str, Any] = {}
    if len(studies) == 1:
        members["00081190"] = {"vr": "UR", "Value": [root + studies.pop()]}
    for tag, items in (
        ("00081198", [_failed_item(each) for each in named]),
        ("00081199", [_kept_item(each, root) for each in report.kept]),
        ("0008119A", [_failed_item(each) for each in others]),
    ):
        if items:
            members[tag] = {"vr": "SQ", "Value": items}
    return members


def _kept_item(kept: Kept, root: str) -> dict[str, Any]:
    receipt = kept.receipt
    url = f"{root}{receipt.study_uid}/series/{receipt.series_uid}/instances/{receipt.sop_instance_uid}"
    return _instance(kept.sop_class_uid, receipt.sop_instance_uid) | {
        "00081190": {"vr": "UR", "Value": [url]}
    }


def _failed_item(failed: Failed) -> dict[str, Any]:
    """With the reason in words, in an element of our own: the standard has only a number."""
    item: dict[str, Any] = {"00081197": {"vr": "US", "Value": [failed.reason]}}
    if failed.sop_instance_uid:
        item = _instance(failed.sop_class_uid, failed.sop_instance_uid) | item
    if failed.because:
        item["00090010"] = {"vr": "LO", "Value": [_PRIVATE_CREATOR]}
        item["00091001"] = {"vr": "LT", "Value": [failed.because]}
    return item


def _instance(sop_class_uid: str, sop_instance_uid: str) -> dict[str, Any]:
    return {
        "00081150": {"vr": "UI", "Value": [sop_class_uid]},
        "00081155": {"vr": "UI", "Value": [sop_instance_uid]},
    }
