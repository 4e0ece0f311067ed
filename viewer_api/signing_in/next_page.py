"""Where somebody goes once they are signed in: to the page they asked for, if it is one of ours."""

import re
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request

HOME = "/"  # which leads on to where somebody may begin
SIGN_IN = "/sign-in"
_LONGEST = 4096

#: Of an absolute path, no character that a browser would take for another, or drop (WHATWG URL §4.4).
_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")


def safe_next(text: str | None) -> str:
    """The path that was asked for, or that of the first page. Never another host's."""
    if not text or len(text) > _LONGEST or not _PATH.fullmatch(text):
        return HOME
    path = urlsplit(text).path
    return HOME if path == SIGN_IN or path.startswith((f"{SIGN_IN}/", "/sign-out")) else text


def sign_in_url(request: Request) -> str:
    """The page to sign in at, and to come back from to what was asked for."""
    path, query = (request.scope[part].decode("latin-1") for part in ("raw_path", "query_string"))
    return with_next(SIGN_IN, f"{path}?{query}" if query else path)


def with_next(path: str, following: str) -> str:
    """That page, which leads to the one `following`."""
    following = safe_next(following)
    return path if following == HOME else f"{path}?{urlencode({'next': following})}"
