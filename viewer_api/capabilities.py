"""What the web services can do, told to programs (PS3.18 §8.9), and where the conformance statement is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from pathlib import Path

import orjson
from fastapi import APIRouter, FastAPI, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from exchange.policy import Action
from viewer_api.media import DICOM, DICOM_JSON, OCTETS, accepted
from viewer_api.parts import Working
from viewer_api.problems import NotAcceptable
from viewer_api.stow import STORED
from viewer_api.urls import PREFIX

WADL = "application/vnd.sun.wadl+xml"
JSON = "application/json"
MARKDOWN = "text/markdown; charset=utf-8"

#: The published statement; in docs/ and beside this module it is one file.
STATEMENT = Path(__file__).parent / "conformance-statement.md"

_DICOM_XML = "application/dicom+xml"
_TEXT = (DICOM_JSON, _DICOM_XML)
#: What answers are made of, by the last part of a path; those of other paths are instances.
_ANSWERS: Mapping[str, tuple[str, ...]] = {
    "studies": _TEXT,
    "series": _TEXT,
    "instances": _TEXT,
    "metadata": _TEXT,
    "rendered": ("image/jpeg", "image/png"),
    "thumbnail": ("image/jpeg", "image/png"),
    "{path}": (OCTETS,),
    "{listed}": (f'multipart/related; type="{OCTETS}"',),
}
_INSTANCES = (f'multipart/related; type="{DICOM}"',)


@dataclass(frozen=True, slots=True)
class Method:
    """One transaction on a resource."""

    name: str
    id: str
    takes: tuple[str, ...]  # media types of the request's body
    gives: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Described:
    """A resource, by its template below the DICOMweb root, and what can be done with it."""

    path: str
    methods: tuple[Method, ...]

    @property
    def allowed(self) -> set[str]:
        """The names of its methods. What is retrieved has a HEAD as well (viewer_api.retrieved)."""
        has_head = any(each.name == "GET" and each.id.startswith("retrieve_") for each in self.methods)
        return {each.name for each in self.methods} | ({"HEAD"} if has_head else set())


def add_capabilities(app: FastAPI, work: Working) -> None:
    """OPTIONS of every resource that the application has by now, and the statement."""
    known = resources(app)
    router = APIRouter(prefix=PREFIX)

    @router.options("/")
    async def retrieve_capabilities(request: Request) -> Response:
        """What may be asked is no secret: the answer says nothing of what is held."""
        target = request.url.path.removeprefix(PREFIX)
        found = below(known, target)
        here = {name for each in found if _is_at(each.path, target) for name in each.allowed}
        headers = {"Allow": ", ".join(sorted(here | {"OPTIONS"}))}
        for each in accepted(request):
            if each.takes(WADL) or each.takes("application/xml"):
                return Response(_wadl(found, str(request.base_url)), 200, headers, WADL)
            if each.takes(JSON):
                return Response(orjson.dumps({"resources": found}), 200, headers, JSON)
        raise NotAcceptable([WADL, JSON])

    for path in ("", *(f"/{each.path}" for each in known)):
        router.add_api_route(path, retrieve_capabilities, methods=["OPTIONS"], include_in_schema=False)

    @router.get("", include_in_schema=False)
    @router.get("/")
    async def conformance_pointer(request: Request) -> Response:
        await work.readers.admit(request, Action.QUERY)
        root = f"{work.settings.public_url.rstrip('/')}{PREFIX}"
        return Response(orjson.dumps({"conformance": f"{root}/conformance", "capabilities": "OPTIONS"}),
                        media_type=JSON)  # fmt: skip

    @router.get("/conformance")
    async def conformance_statement(request: Request) -> Response:
        await work.readers.admit(request, Action.QUERY)
        return Response(_statement(), media_type=MARKDOWN)

    app.router.routes.extend(router.routes)


def resources(app: FastAPI) -> list[Described]:
    """Every resource below the DICOMweb root, as the application itself lists its routes."""
    found: dict[str, list[Method]] = {}
    for route in app.routes:
        if isinstance(route, APIRoute) and route.include_in_schema and _is_described(route.path_format):
            known = found.setdefault(route.path_format.removeprefix(f"{PREFIX}/"), [])
            known += [_method(name, route.path_format, route.name) for name in sorted(route.methods or ())]
    return [Described(path, tuple(methods)) for path, methods in sorted(found.items())]


def _is_described(path: str) -> bool:
    return path.startswith(f"{PREFIX}/studies") or path in (f"{PREFIX}/series", f"{PREFIX}/instances")


def below(known: Iterable[Described], target: str) -> list[Described]:
    """The resource of that path, and those below it; all for the root."""
    wanted = [part for part in target.split("/") if part]
    return [
        each
        for each in known
        if len(each.path.split("/")) >= len(wanted) and _fits(each.path.split("/"), wanted)
    ]


def _is_at(template: str, target: str) -> bool:
    wanted = [part for part in target.split("/") if part]
    return len(template.split("/")) == len(wanted) and _fits(template.split("/"), wanted)


def _fits(template: list[str], wanted: list[str]) -> bool:
    return all(name.startswith("{") or name == part for name, part in zip(template, wanted, strict=False))


def _method(name: str, path: str, id: str) -> Method:
    takes = tuple(f'multipart/related; type="{each}"' for each in STORED) if name == "POST" else ()
    gives = _TEXT if name == "POST" else (JSON,) if name == "DELETE" else _given(path.rpartition("/")[2])
    return Method(name, id, takes, gives)


def _given(last: str) -> tuple[str, ...]:
    return _ANSWERS.get(last, _INSTANCES)


def _wadl(found: Iterable[Described], base: str) -> bytes:
    """Web Application Description Language (PS3.18 §H is an example of it)."""
    resources = "".join(
        f'<resource path="{escape(each.path)}">{"".join(map(_wadl_method, each.methods))}</resource>'
        for each in found
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<application xmlns="http://wadl.dev.java.net/2009/02">'
        f'<resources base="{escape(base.rstrip("/") + PREFIX)}">{resources}</resources></application>'
    ).encode()


def _wadl_method(method: Method) -> str:
    def listed(media_types: Iterable[str]) -> str:
        return "".join(f'<representation mediaType="{escape(each)}"/>' for each in media_types)

    request = f"<request>{listed(method.takes)}</request>" if method.takes else ""
    response = f"<response>{listed(method.gives)}</response>"
    return f'<method name="{method.name}" id="{method.id}">{request}{response}</method>'


@lru_cache(maxsize=1)
def _statement() -> bytes:
    return STATEMENT.read_bytes()
