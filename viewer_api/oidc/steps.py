"""The way of a browser to the provider and back: authorisation code with PKCE (RFC 6749 §4.1, RFC 7636).

What must be the same on the way out and back is made of one random cookie, so we keep nothing meanwhile: the
state (RFC 6749 §10.12), the nonce (OpenID Connect Core §15.5.2) and PKCE's verifier.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from exchange.accounts import Account
from exchange.policy import Action, Decision
from exchange.sessions import Stage, new_cookie
from exchange.signing_in import Passed, Refused, Stopped
from viewer_api.oidc.claims import BadToken, claims_of, header_of, of_sign_in, person_of
from viewer_api.oidc.provider import Provider, ProviderUnavailable
from viewer_api.pages import Pages
from viewer_api.parts import Working
from viewer_api.readers import ANONYMOUS
from viewer_api.signing_in import cookies
from viewer_api.signing_in.cookies import Cookie
from viewer_api.signing_in.next_page import safe_next
from viewer_api.signing_in.steps import PROVIDER, Steps, said, see

RETURN = f"{PROVIDER}/return"


@dataclass(frozen=True, slots=True)
class Errand:
    """One way out and back, in one browser."""

    seed: str
    following: str  # where it leads then

    @classmethod
    def read(cls, cookie: str) -> "Errand | None":
        """What the browser brings back."""
        seed, _, following = cookie.partition(".")
        try:
            return cls(seed, safe_next(urlsafe_b64decode(following).decode("ascii")))
        except ValueError:
            return None

    @property
    def cookie(self) -> str:
        return f"{self.seed}.{urlsafe_b64encode(self.following.encode()).decode()}"

    @property
    def state(self) -> str:
        return self._made("state")

    @property
    def nonce(self) -> str:
        return self._made("nonce")

    @property
    def verifier(self) -> str:
        """43 characters (RFC 7636 §4.1)."""
        return self._made("verifier")

    @property
    def challenge(self) -> str:
        """RFC 7636 §4.2, S256."""
        return _text(hashlib.sha256(self.verifier.encode()).digest())

    def _made(self, purpose: str) -> str:
        return _text(hmac.digest(self.seed.encode(), purpose.encode(), hashlib.sha256))


def _text(digest: bytes) -> str:
    return urlsafe_b64encode(digest).decode().rstrip("=")


def provider_routes(work: Working, pages: Pages) -> APIRouter:
    """To the provider, and back from it. Absent where none is set."""
    router = APIRouter()
    if work.provider is None:
        return router
    steps, provider = Steps.of(work, pages), work.provider
    redirect_uri = f"{steps.public_url.rstrip('/')}{RETURN}"

    @router.get(PROVIDER)
    async def go(request: Request) -> Response:
        following = safe_next(request.query_params.get("next"))
        try:
            endpoint = (await provider.metadata()).authorization_endpoint
        except ProviderUnavailable:
            return steps.page(request, following, _AWAY, status=HTTPStatus.SERVICE_UNAVAILABLE, wait_s=30)
        errand = Errand(new_cookie(), following)
        asked = {
            "response_type": "code",
            "client_id": provider.settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(provider.settings.scopes),
            "state": errand.state,
            "nonce": errand.nonce,
            "code_challenge": errand.challenge,
            "code_challenge_method": "S256",
        }
        answer = see(f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}")
        cookies.write(answer, request, Cookie.PROVIDER, errand.cookie, steps.public_url)
        return answer

    @router.get(RETURN)
    async def back(request: Request) -> Response:
        cookie = cookies.read(request, Cookie.PROVIDER, steps.public_url)
        errand = Errand.read(cookie) if cookie else None
        following = errand.following if errand else safe_next(None)
        try:
            account = await _account(request, errand)
        except BadToken as error:
            await work.readers.note(request, ANONYMOUS, Action.SIGN_IN, Decision(False, str(error)))
            answer = steps.page(request, following, _REFUSED, status=HTTPStatus.FORBIDDEN)
        except ProviderUnavailable:
            answer = steps.page(request, following, _AWAY, status=HTTPStatus.SERVICE_UNAVAILABLE, wait_s=30)
        else:
            if account.disabled_at is None:
                answer = await steps.passed(request, Passed(account, Stage.DONE), following, "provider")
            else:
                stopped = Stopped(Refused.DISABLED, account)
                await steps.stopped(request, stopped)
                answer = steps.page(request, following, said(stopped), status=HTTPStatus.FORBIDDEN)
        cookies.clear(answer, request, Cookie.PROVIDER, steps.public_url)
        return answer

    async def _account(request: Request, errand: Errand | None) -> Account:
        code = await _code(request, errand, provider)
        assert errand is not None
        settings = provider.settings
        token = await provider.exchange(code, errand.verifier, redirect_uri)
        key = await provider.key(header_of(token))
        claims = claims_of(token, key, settings, settings.client_id, datetime.now(UTC))
        person = person_of(of_sign_in(claims, errand.nonce, settings.client_id), settings)
        names = (person.name, f"{person.subject}@{settings.host}")
        accounts = work.signing_in.accounts
        return await work.desk.ask(
            accounts.vouched, settings.issuer, person.subject, names, person.role, person.trust
        )

    return router


async def _code(request: Request, errand: Errand | None, provider: Provider) -> str:
    """The code that came back, if it came back to whom we sent out. Raises BadToken."""
    said = request.query_params
    if errand is None or not hmac.compare_digest(said.get("state", "").encode(), errand.state.encode()):
        raise BadToken("nobody of this browser was sent to the provider")
    issuer = said.get("iss")
    if issuer is None and (await provider.metadata()).names_itself:
        raise BadToken("the answer does not say whose it is")
    if issuer not in (None, provider.settings.issuer):
        raise BadToken("the answer is of another provider")
    if "error" in said or not said.get("code"):
        raise BadToken("the provider let nobody in")
    return said["code"]


_AWAY = "Your organisation's sign-in does not answer just now. Try again in a minute"
_REFUSED = "You could not be signed in. Try again; if it goes on, ask an administrator of this service"
