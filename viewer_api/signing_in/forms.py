"""What a browser's form sends: a few short fields, and what shows that the form is one of ours."""

from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.requests import Request

from storage.errors import BadInput
from viewer_api.signing_in import cookies
from viewer_api.signing_in.cookies import Cookie
from viewer_api.signing_in.origin import form_token, is_form_token, is_from_elsewhere

LIMIT_BYTES = 16 * 1024
TOKEN_FIELD = "form_token"  # noqa: S105 -- a field's name
_FIELDS = 20
_MEDIA_TYPE = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Form:
    """Fields by name; of several by one name, the first."""

    fields: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "")


def token_for(request: Request, public_url: str) -> str:
    """What a form on a page of ours holds, in that field; "" where the browser holds no cookie of ours."""
    cookie = _cookie(request, public_url)
    return form_token(cookie) if cookie else ""


def is_ours(form: Form, request: Request, public_url: str, needs_token: bool) -> bool:
    """Whether it was sent by a page that we showed to this browser."""
    if is_from_elsewhere(request, public_url):
        return False
    cookie = _cookie(request, public_url)
    return not needs_token if cookie is None else is_form_token(form[TOKEN_FIELD], cookie)


def _cookie(request: Request, public_url: str) -> str | None:
    session = cookies.read(request, Cookie.SESSION, public_url)
    return session or cookies.read(request, Cookie.FORM, public_url)


async def form_of(request: Request) -> Form:
    """What was sent, by whomever. Raises BadInput."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _MEDIA_TYPE:
        raise BadInput(f"a form is sent as {_MEDIA_TYPE}")
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LIMIT_BYTES:
            raise BadInput(f"a form of more than {LIMIT_BYTES:,} bytes")
    try:
        text = body.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_FIELDS, errors="strict")
    except ValueError as error:
        raise BadInput("the form cannot be read") from error
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields.setdefault(name, value)
    return Form(fields)
