"""Our cookies: for nobody's scripts (HttpOnly), not along with other sites' requests (SameSite=Lax).

Over TLS they bear the prefix `__Host-` (RFC 6265bis §4.1.3.2): no neighbouring host can set or see them.
"""

from enum import Enum

from starlette.requests import Request
from starlette.responses import Response

_DAY_S = 24 * 3600


class Cookie(Enum):
    """What we have browsers hold. None says anything by itself."""

    SESSION = "imx"
    FORM = "imx-form"  # before there is a session: what our forms prove
    BROWSER = "imx-browser"  # somebody has signed in here before
    PROVIDER = "imx-provider"  # on the way to the identity provider and back


#: How long a browser keeps each; None until it is closed.
_KEPT_S = {Cookie.BROWSER: 180 * _DAY_S, Cookie.PROVIDER: 900}


def is_secure(request: Request, public_url: str) -> bool:
    """Whether the browser speaks TLS: with us, or with a proxy that we believe."""
    return request.scope.get("scheme") == "https" or public_url.lower().startswith("https:")


def name_of(cookie: Cookie, secure: bool) -> str:
    return f"__Host-{cookie.value}" if secure else cookie.value


def read(request: Request, cookie: Cookie, public_url: str) -> str | None:
    """What the browser holds; None where that is nothing."""
    return request.cookies.get(name_of(cookie, is_secure(request, public_url))) or None


def write(response: Response, request: Request, cookie: Cookie, value: str, public_url: str) -> None:
    """Have the browser hold it."""
    secure = is_secure(request, public_url)
    response.set_cookie(
        name_of(cookie, secure), value, max_age=_KEPT_S.get(cookie), path="/", secure=secure, httponly=True,
        samesite="lax",
    )  # fmt: skip


def clear(response: Response, request: Request, cookie: Cookie, public_url: str) -> None:
    """Have the browser drop it."""
    secure = is_secure(request, public_url)
    response.delete_cookie(name_of(cookie, secure), path="/", secure=secure, httponly=True, samesite="lax")
