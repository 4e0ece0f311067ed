"""Whether a browser's request comes from a page of our own. A cookie alone does not say so.

Browsers say where a request comes from (Fetch Metadata, W3C; Origin, RFC 6454). For what changes something
one of the two must say that it was us; a form of ours holds a token besides.
"""

import hashlib
import hmac
from urllib.parse import urlsplit

from starlette.requests import Request

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def is_from_elsewhere(request: Request, public_url: str) -> bool:
    """Whether another site's page may have made this request, with the cookie of one of our readers."""
    site = request.headers.get("sec-fetch-site")
    if request.method not in SAFE_METHODS:
        return site != "same-origin" if site is not None else not _has_our_origin(request, public_url)
    if site in ("cross-site", "same-site"):
        return not _is_followed_link(request)
    return site is None and "origin" in request.headers and not _has_our_origin(request, public_url)


def _is_followed_link(request: Request) -> bool:
    """A link to us that somebody followed: what it shows, no other site sees."""
    headers = request.headers
    return headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"


def _has_our_origin(request: Request, public_url: str) -> bool:
    """The host of Origin is the one that was called; the scheme may be a proxy's."""
    origins = request.headers.getlist("origin")
    if len(origins) != 1:
        return False
    try:
        found = urlsplit(origins[0])
    except ValueError:
        return False
    ours = {urlsplit(public_url).netloc.lower()} if public_url else set()
    hosts = request.headers.getlist("host")
    ours |= {hosts[0].lower()} if len(hosts) == 1 else set()
    return found.scheme in ("http", "https") and found.netloc.lower() in ours - {""}


def form_token(cookie: str) -> str:
    """What a form holds for the browser of that cookie. Another site knows neither."""
    return hmac.digest(cookie.encode(), b"form", hashlib.sha256).hex()


def is_form_token(token: str, cookie: str) -> bool:
    return hmac.compare_digest(token.encode(), form_token(cookie).encode())
