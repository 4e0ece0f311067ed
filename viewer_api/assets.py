"""The files that every page needs: held in memory, under addresses that change when they do."""

import gzip
import hashlib
from dataclasses import dataclass
from http import HTTPStatus
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

PREFIX = "/static"
_MEDIA_TYPES = {
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
    "txt": "text/plain",
}
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class File:
    """One of them."""

    media_type: str
    content: bytes
    zipped: bytes


@dataclass(frozen=True, slots=True)
class Assets:
    """All of them, by their path."""

    found: dict[str, File]
    version: str  # of all together

    def url(self, path: str) -> str:
        """Where that file is. Raises KeyError where there is none."""
        if path not in self.found:
            raise KeyError(path)
        return f"{PREFIX}/{self.version}/{path}"


def load() -> Assets:
    """What lies in the folder `static` beside this module."""
    found = {path: _file(path, each.read_bytes()) for path, each in _within(files("viewer_api") / "static")}
    digest = hashlib.sha256()
    for path in sorted(found):
        digest.update(path.encode() + b"\0" + hashlib.sha256(found[path].content).digest())
    return Assets(found, digest.hexdigest()[:12])


def _within(folder: Traversable, before: str = "") -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = []
    for each in folder.iterdir():
        found += _within(each, f"{before}{each.name}/") if each.is_dir() else [(before + each.name, each)]
    return found


def _file(path: str, content: bytes) -> File:
    return File(_MEDIA_TYPES[path.rpartition(".")[2]], content, gzip.compress(content, mtime=0))


def asset_routes(assets: Assets) -> APIRouter:
    """Open to all: they say nothing of anybody."""
    router = APIRouter(prefix=PREFIX)

    @router.get("/{version}/{path:path}")
    async def asset(request: Request, version: str, path: str) -> Response:
        """One file; of another version, which a page of another release asks for, as it is here now."""
        file = assets.found.get(path)
        if file is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        headers = {
            "Cache-Control": _FOR_EVER if version == assets.version else "no-cache",
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
        }
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(file.content, HTTPStatus.OK, headers, file.media_type)
        return Response(file.zipped, HTTPStatus.OK, {**headers, "Content-Encoding": "gzip"}, file.media_type)

    return router
