"""What the tus protocol 1.0.0 says in its headers (https://tus.io/protocols/resumable-upload): pure, but for
the middleware that gives every answer its version."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from storage.errors import BadInput
from storage.receiving import Promised
from storage.upload import Named
from viewer_api.problems import problem

PREFIX = "/uploads"
VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,checksum,termination,expiration"
CONTENT_TYPE = "application/offset+octet-stream"

#: The protocol's own status: the body does not have the checksum that came with it.
CHECKSUM_MISMATCH = 460

#: By the protocol's name, and hashlib's. sha1 is what every server must know.
ALGORITHMS: Mapping[str, str] = {name: name for name in ("sha1", "sha256", "md5")}

#: Upload-Metadata: names of files, never files.
METADATA_LIMIT_BYTES = 8 * 1024
_PAIRS = 32
_NAME_LIMIT = 255
_BATCH_LIMIT = 64
_DEPTH = 8
#: Of the protocol; what else can be asked here has no version.
_METHODS = ("HEAD", "POST", "PATCH", "DELETE")
_KEY = re.compile(r"[!-+\--~]{1,64}")
_NUMBER = re.compile(r"[0-9]{1,18}")


class BadHeader(BadInput):
    """A header that means nothing; the text names it, and never its value."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(f"{name} is {what}")


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a client says of the file; all of it is given back.

    Its name is used, and of a file that belongs to others: the name of their `batch`, and its `relativePath`
    among them, as Uppy calls it.
    """

    text: str  # as it was sent
    pairs: Mapping[str, bytes]

    @property
    def file_name(self) -> str:
        """Without a folder, and with nothing that a page or a log cannot show."""
        raw = self.pairs.get("filename") or self.pairs.get("name") or b""
        last = re.split(r"[/\\]", raw.decode(errors="replace"))[-1]
        return "".join(each for each in last if each.isprintable()).strip()[:_NAME_LIMIT] or "unnamed"

    def named(self) -> Named:
        """As an upload keeps it. Raises BadHeader."""
        batch, path = (self._text(key) for key in ("batch", "relativePath"))
        if len(batch) > _BATCH_LIMIT:
            raise BadHeader("Upload-Metadata", f"a batch of at most {_BATCH_LIMIT} characters")
        if not batch:
            return Named(self.file_name, self.text)
        parts = path.split("/") if path else [self.file_name]
        if len(parts) > _DEPTH or not all(map(_is_plain, parts)):
            raise BadHeader("Upload-Metadata", "a relativePath of plain names, with slashes between them")
        return Named(self.file_name, self.text, batch, path or self.file_name)

    def _text(self, key: str) -> str:
        try:
            return self.pairs.get(key, b"").decode()
        except UnicodeDecodeError as error:
            raise BadHeader("Upload-Metadata", f"UTF-8 in {key}") from error


def _is_plain(name: str) -> bool:
    """A name that leads nowhere else."""
    length = len(name.encode())
    return 0 < length <= _NAME_LIMIT and name.isprintable() and name not in (".", "..") and "\\" not in name


def number_in(headers: Headers, name: str) -> int:
    """Upload-Length, Upload-Offset. Raises BadHeader."""
    text = headers.get(name, "")
    if not _NUMBER.fullmatch(text):
        raise BadHeader(name, "a number of bytes, and needed here")
    return int(text)


def metadata_in(headers: Headers) -> Metadata:
    """Upload-Metadata: pairs of a key and a value in Base64. Raises BadHeader."""
    name, text = "Upload-Metadata", headers.get("upload-metadata", "").strip()
    if len(text) > METADATA_LIMIT_BYTES:
        raise BadHeader(name, f"at most {METADATA_LIMIT_BYTES:,} bytes long")
    pairs: dict[str, bytes] = {}
    for each in text.split(",") if text else ():
        key, _, value = each.strip().partition(" ")
        if not _KEY.fullmatch(key) or key in pairs or len(pairs) == _PAIRS:
            raise BadHeader(name, f"at most {_PAIRS} pairs, each key once, in ASCII")
        try:
            pairs[key] = base64.b64decode(value.strip(), validate=True)
        except (binascii.Error, ValueError) as error:
            raise BadHeader(name, "pairs whose values are in Base64") from error
    return Metadata(text, pairs)


def checksum_in(headers: Headers) -> Promised | None:
    """Upload-Checksum: an algorithm and its digest in Base64. Raises BadHeader."""
    name, text = "Upload-Checksum", headers.get("upload-checksum")
    if text is None:
        return None
    algorithm, _, value = text.strip().partition(" ")
    if algorithm not in ALGORITHMS:
        raise BadHeader(name, f"made with one of {', '.join(ALGORITHMS)}")
    try:
        return Promised(ALGORITHMS[algorithm], base64.b64decode(value.strip(), validate=True))
    except (binascii.Error, ValueError) as error:
        raise BadHeader(name, "an algorithm and a digest in Base64") from error


class TusVersion:
    """ASGI middleware: every answer below PREFIX names the version, errors as well. Another one is refused.

    A client that speaks another version, or does not say which, hears 412 (tus 1.0.0, Tus-Version).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http" or not is_below(scope["path"]):
            await self._app(scope, receive, send)
            return

        async def send_with_version(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Tus-Resumable"] = VERSION
                if message["status"] != HTTPStatus.NOT_MODIFIED:
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        spoken = Headers(scope=scope).get("tus-resumable")
        if scope["method"] in _METHODS and spoken != VERSION:
            because = f"this service speaks tus {VERSION}"
            refused = problem(
                HTTPStatus.PRECONDITION_FAILED, "Another version of tus", because, {"Tus-Version": VERSION}
            )
            await refused(scope, receive, send_with_version)
            return
        await self._app(scope, receive, send_with_version)


def is_below(path: str) -> bool:
    """Whether a path belongs to uploads."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")
