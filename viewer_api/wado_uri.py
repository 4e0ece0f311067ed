"""WADO-URI, for viewers that ask by query parameters (PS3.18 §9)."""

import re
from collections.abc import Mapping

from fastapi import APIRouter, Request
from starlette.responses import Response

from exchange.policy import Action
from storage.errors import BadQuery
from storage.stored import Resource
from viewer_api.instances import Instances
from viewer_api.media import DICOM, Range
from viewer_api.parts import Working
from viewer_api.problems import NotAcceptable
from viewer_api.rendered import Rendering
from viewer_api.rendering.files import PICTURES
from viewer_api.view import View, parse_view

_UID = re.compile(r"[0-9.]{1,64}")


def wado_uri_routes(work: Working) -> APIRouter:
    """One object, as DICOM or as a picture."""
    router = APIRouter()
    instances, rendering = Instances(work), Rendering(work)

    @router.get("/wado")
    async def retrieve(request: Request) -> Response:
        named = request.query_params
        if named.get("requestType") != "WADO":
            raise BadQuery("requestType is WADO")
        resource = Resource(*(_uid(named, name) for name in ("studyUID", "seriesUID", "objectUID")))
        # The policy is asked again where the object is read; here, before what is asked for is judged.
        await work.readers.admit(request, Action.RETRIEVE, resource.study)
        for media_type in _media_types(named.get("contentType", "")):
            if media_type == DICOM:
                wanted = Range(DICOM, named.get("transferSyntax"), is_multipart=False, quality=1.0)
                return await instances.answer(request, resource, [wanted])
            if media_type in PICTURES:
                frame = named.get("frameNumber")
                return await rendering.frame(request, resource, frame, view_of(named), media_type)
        raise NotAcceptable([DICOM, *PICTURES])

    return router


def view_of(named: Mapping[str, str]) -> View:
    """How a picture is asked for, in the older spelling (PS3.18 §9.1.2.2). Raises BadQuery."""
    asked: dict[str, str] = {}
    center, width = named.get("windowCenter"), named.get("windowWidth")
    if (center is None) != (width is None):
        raise BadQuery("windowCenter and windowWidth go together (PS3.18 §9.1.2.2.5)")
    if center is not None:
        asked["window"] = f"{center},{width}"
    if "rows" in named or "columns" in named:
        most = "16384"
        asked["viewport"] = f"{named.get('columns', most)},{named.get('rows', most)}"
    if "imageQuality" in named:
        asked["quality"] = named["imageQuality"]
    asked |= {name: named[name] for name in ("annotation", "iccprofile") if name in named}
    return parse_view(asked)


def _uid(named: Mapping[str, str], name: str) -> str:
    uid = named.get(name, "")
    if not _UID.fullmatch(uid):
        raise BadQuery(f"{name} is a UID")
    return uid


def _media_types(text: str) -> list[str]:
    """Those of contentType, best first; a picture where none is named (PS3.18 §9.1.2.1.1)."""
    named = [each.partition(";")[0].strip().lower() for each in text.split(",") if each.strip()]
    return named or list(PICTURES)
