"""OHIF, the viewer that readers know: its files, under addresses that change with its version.

`imx viewer install` puts them into a folder (imx.viewer); without them a page says how to add them. The page
around them and their configuration are ours: nothing is asked of another host, and nothing is run that is
written into a page.
"""

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, RedirectResponse, Response

from exchange.policy import Action
from viewer_api.pages import HEADERS, Pages
from viewer_api.parts import Working

PREFIX = "/viewer"
VERSION = "3.13.2"
#: Counts what `imx viewer install` makes of that version's files.
MAKE = 1
#: Where browsers find them: every file under it is for ever what it is.
FILES = f"{PREFIX}/files/{VERSION}-{MAKE}/"

_MEDIA_TYPES = {
    "js": "text/javascript",
    "css": "text/css",
    "wasm": "application/wasm",
    "svg": "image/svg+xml",
    "png": "image/png",
    "ico": "image/x-icon",
    "woff2": "font/woff2",
    "json": "application/json",
    "jsonc": "application/json",
    "xml": "application/xml",
    "html": "text/html",
}
#: Kept in the folder as gzip alone: a browser takes the main script, 17 MB, in a quarter of it.
ZIPPED = frozenset({"js", "css", "wasm", "svg", "json", "jsonc", "xml", "html"})

#: OHIF decodes by WebAssembly in workers that it makes of blobs, draws thumbnails from blobs, shows documents
#: in a frame of a blob and styles its elements one by one.
_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval' blob:; worker-src 'self' blob:;"
    " style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self';"
    " connect-src 'self' data: blob:; object-src 'self' blob:; frame-src 'self' blob:; form-action 'none';"
    " base-uri 'none'; frame-ancestors 'none'"
)


def viewer_url(study_uid: str, modalities: tuple[str, ...] = ()) -> str:
    """The address that opens a study: slides in OHIF's mode for microscopy."""
    mode = "microscopy" if "SM" in modalities else "viewer"
    return f"{PREFIX}/{mode}?{urlencode({'StudyInstanceUIDs': study_uid})}"


@dataclass(frozen=True, slots=True)
class Ohif:
    """The installed files."""

    folder: Path

    @property
    def main_script(self) -> str | None:
        """The name of the script that everything begins with; None where nothing is installed."""
        found = sorted(self.folder.glob("app.bundle.*.js.gz"))
        return found[0].name.removesuffix(".gz") if found else None

    def file(self, path: str) -> tuple[Path, bool] | None:
        """Where a file lies, and whether it is zipped there."""
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)*", path) or ".." in path:
            return None
        is_zipped = path.rpartition(".")[2] in ZIPPED
        found = self.folder / (f"{path}.gz" if is_zipped else path)
        return (found, is_zipped) if found.is_file() else None


def viewer_routes(work: Working, pages: Pages) -> APIRouter:
    """The viewer's page at every address below /viewer, and its files."""
    router = APIRouter(prefix=PREFIX)
    ohif = (
        Ohif(work.settings.viewer_folder / f"ohif-{VERSION}-{MAKE}") if work.settings.viewer_folder else None
    )

    @router.get("/files/{version}/{path:path}")
    async def viewer_file(request: Request, version: str, path: str) -> Response:
        """One of OHIF's own files: open to all, as it is on the web."""
        found = ohif.file(path) if ohif and version == f"{VERSION}-{MAKE}" else None
        if found is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        where, is_zipped = found
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        media_type = _MEDIA_TYPES.get(path.rpartition(".")[2], "application/octet-stream")
        if not is_zipped:
            return FileResponse(where, HTTPStatus.OK, headers, media_type)
        headers["Vary"] = "Accept-Encoding"
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            return FileResponse(where, HTTPStatus.OK, headers, media_type)
        content = await to_thread.run_sync(lambda: gzip.decompress(where.read_bytes()))
        return Response(content, HTTPStatus.OK, headers, media_type)

    @router.get("")
    @router.get("/{path:path}")
    async def viewer(request: Request, path: str = "") -> Response:
        """OHIF, which reads the address itself; without a study, our list of them."""
        reader = await work.readers.admit(request, Action.QUERY)
        if not request.query_params.get("StudyInstanceUIDs"):
            return RedirectResponse("/studies", HTTPStatus.SEE_OTHER)
        main_script = ohif.main_script if ohif else None
        if main_script is None:
            return pages.answer(
                request,
                "no_viewer.html",
                signed_in=reader.name,
                actor=reader.look.actor,
                status=HTTPStatus.SERVICE_UNAVAILABLE,
                version=VERSION,
            )
        return pages.answer(request, "viewer.html", headers=_HEADERS, files=FILES, main_script=main_script)

    return router


_HEADERS: Mapping[str, str] = {**HEADERS, "Content-Security-Policy": _POLICY}
