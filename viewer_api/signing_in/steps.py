"""The steps of signing in and out, as a browser goes through them: a page, a form, the next page."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode

from anyio import CapacityLimiter
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from exchange.accounts import Account
from exchange.policy import Action, Actor, ActorKind, Decision, Purpose, Role, Subject, may
from exchange.sessions import Holder, Stage, new_cookie
from exchange.signing_in import Passed, Refused, Stopped
from storage.errors import NotHeld
from viewer_api.desk import Desk
from viewer_api.oidc.provider import ProviderUnavailable
from viewer_api.pages import Pages
from viewer_api.parts import Working
from viewer_api.readers import ANONYMOUS, address_of
from viewer_api.signing_in import cookies
from viewer_api.signing_in.cookies import Cookie
from viewer_api.signing_in.forms import Form
from viewer_api.signing_in.next_page import SIGN_IN, safe_next, with_next
from viewer_api.signing_in.origin import form_token

#: Passwords that are hashed at one time: each takes 64 MiB and a processor.
HASHING_THREADS = 2

#: Where somebody who has come so far goes on.
PAGE_OF: Mapping[Stage, str] = {
    Stage.CODE: f"{SIGN_IN}/code",
    Stage.PASSWORD: "/account/password",
    Stage.ENROL: "/account/second-factor",
}

PROVIDER = f"{SIGN_IN}/provider"

_NO_MATCH = "The name and password do not match"
#: What somebody hears. Whether there is such an account, they hear only with its password.
_SAID: Mapping[Refused, str] = {
    Refused.UNKNOWN: _NO_MATCH,
    Refused.PASSWORD: _NO_MATCH,
    Refused.DISABLED: "This account is disabled. Ask an administrator of this service",
    Refused.OVERDUE: "This first password is too old. Ask an administrator for a new one",
    Refused.CODE: "That code is wrong, or was used before. Enter the newest one",
}


def said(stopped: Stopped) -> str:
    """Why somebody did not come in, in words for them."""
    if stopped.because is not Refused.WAIT:
        return _SAID[stopped.because]
    if stopped.wait_s < 90:
        return f"Too many attempts. Try again in {math.ceil(stopped.wait_s)} seconds"
    return f"Too many attempts. Try again in {math.ceil(stopped.wait_s / 60)} minutes"


def actor_of(account: Account) -> Actor:
    """For the audit."""
    return Actor(ActorKind.ACCOUNT, account.name, account.trust, Role(account.role))


@dataclass(frozen=True, slots=True)
class Steps:
    """What every step does: remember the browser, write down what happened, show what comes next."""

    work: Working
    pages: Pages
    desk: Desk

    @classmethod
    def of(cls, work: Working, pages: Pages) -> "Steps":
        """With threads of their own: who waits for a password keeps nobody else waiting."""
        return cls(work, pages, Desk(work.desk.pool, CapacityLimiter(HASHING_THREADS)))

    @property
    def public_url(self) -> str:
        return self.work.settings.public_url

    async def stopped(self, request: Request, stopped: Stopped) -> None:
        """Write down who did not come in."""
        actor = actor_of(stopped.account) if stopped.account else ANONYMOUS
        decision = Decision(False, stopped.because.value)
        await self.work.readers.note(request, actor, Action.SIGN_IN, decision)

    async def passed(self, request: Request, passed: Passed, following: str, how: str) -> Response:
        """On to the step that somebody has come to."""
        page = PAGE_OF.get(passed.stage)
        answer = see(with_next(page, following) if page else safe_next(following))
        return await self.entered(request, passed, how, answer)

    async def entered(self, request: Request, passed: Passed, how: str, answer: Response) -> Response:
        """With a session for the step that somebody has come to; the one before it opens nothing now."""
        account, actor = passed.account, actor_of(passed.account)
        decision = may(actor, Action.SIGN_IN, Purpose.OPERATIONS, Subject())
        await self.work.readers.note(request, actor, Action.SIGN_IN, decision, {"by": how})
        sessions = self.work.signing_in.sessions
        before = cookies.read(request, Cookie.SESSION, self.public_url)
        agent = request.headers.get("user-agent", "")
        cookie = await self.desk.ask(
            sessions.begin, account.id, passed.stage, address_of(request), agent, before
        )
        self.work.readers.sessions.forget()
        cookies.write(answer, request, Cookie.SESSION, cookie, self.public_url)
        cookies.clear(answer, request, Cookie.FORM, self.public_url)
        if passed.stage is Stage.DONE:
            browser = cookies.read(request, Cookie.BROWSER, self.public_url) or new_cookie()
            await self.desk.ask(sessions.know_browser, browser, account.id)
            cookies.write(answer, request, Cookie.BROWSER, browser, self.public_url)
        return answer

    def page(
        self, request: Request, following: str, problem: str = "", *, errors: Mapping[str, str] | None = None,
        status: HTTPStatus = HTTPStatus.OK, name: str = "", wait_s: float = 0, signed_out: str | None = None,
    ) -> Response:  # fmt: skip
        """To sign in at. `signed_out`: from here alone (""), or where to sign out of the provider too."""
        held = cookies.read(request, Cookie.FORM, self.public_url)
        secret = held or new_cookie()
        session = cookies.read(request, Cookie.SESSION, self.public_url)
        provider = self.work.settings.provider
        answer = self.pages.answer(
            request,
            "sign_in.html",
            status=status,
            headers={"Retry-After": str(math.ceil(wait_s))} if wait_s else {},
            errors={"": problem} if problem else errors or {},
            form_token=form_token(session or secret),
            next=following,
            name=name,
            signed_out=signed_out,
            provider=provider.name if provider else "",
            provider_url=with_next(PROVIDER, following),
        )
        if held is None:
            cookies.write(answer, request, Cookie.FORM, secret, self.public_url)
        return answer

    async def signed_out(self, request: Request) -> str | None:
        """For `page`: None for somebody who has not just signed out."""
        provider, said = self.work.provider, request.query_params.get("out")
        if said != "provider" or provider is None:
            return None if said is None else ""
        try:
            endpoint = (await provider.metadata()).end_session_endpoint
        except ProviderUnavailable:
            return ""
        back = {"post_logout_redirect_uri": f"{self.public_url.rstrip('/')}{SIGN_IN}"}
        asked = urlencode({"client_id": provider.settings.client_id, **back})
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{asked}" if endpoint else ""

    async def owner(self, request: Request) -> tuple[Holder, Form]:
        """Whose account it is, and what a form of theirs sent. Raises 401, 403, and NotHeld for a token."""
        await self.work.readers.admit(request, Action.SIGN_IN)
        form = await self.work.readers.form(request, Action.SIGN_IN)
        holder = await self.at(request, Stage.DONE)
        if holder is None:
            raise NotHeld("an account: nobody has signed in")
        return holder, form

    async def at(self, request: Request, *stages: Stage) -> Holder | None:
        """Who has come to one of these steps; None for anybody else, who begins anew."""
        holder = await self.work.readers.holder(request)
        return holder if holder is not None and holder.stage in stages else None


def sign_in_routes(work: Working, pages: Pages) -> APIRouter:
    """Name and password; then the code, where the account has a second factor; and out again."""
    router = APIRouter()
    steps = Steps.of(work, pages)
    readers, signing_in = work.readers, work.signing_in

    @router.get(SIGN_IN)
    async def sign_in(request: Request) -> Response:
        following = safe_next(request.query_params.get("next"))
        holder = await readers.holder(request)
        if work.settings.is_open or (holder is not None and holder.stage is Stage.DONE):
            return see(following)
        if holder is not None:
            return see(with_next(PAGE_OF[holder.stage], following))
        return steps.page(request, following, signed_out=await steps.signed_out(request))

    @router.post(SIGN_IN)
    async def check_password(request: Request) -> Response:
        form = await readers.form(request, Action.SIGN_IN)
        following, name, password = safe_next(form["next"]), form["name"], form["password"]
        missing = _missing(form, name="Enter your name", password="Enter your password")  # noqa: S106
        if missing:
            return steps.page(request, following, errors=missing, status=HTTPStatus.BAD_REQUEST, name=name)
        browser = cookies.read(request, Cookie.BROWSER, steps.public_url)
        found = await steps.desk.ask(signing_in.by_password, name, password, address_of(request), browser)
        if isinstance(found, Passed):
            return await steps.passed(request, found, following, "password")
        await steps.stopped(request, found)
        return steps.page(
            request, following, errors={"name": said(found)}, status=status_of(found), name=name,
            wait_s=found.wait_s,
        )  # fmt: skip

    def code_page(
        request: Request, following: str, errors: Mapping[str, str], status: HTTPStatus
    ) -> Response:
        return pages.answer(
            request,
            "sign_in_code.html",
            status=status,
            errors=errors,
            form_token=readers.form_token(request),
            next=following,
        )

    @router.get(PAGE_OF[Stage.CODE])
    async def code(request: Request) -> Response:
        following = safe_next(request.query_params.get("next"))
        if await steps.at(request, Stage.CODE) is None:
            return see(with_next(SIGN_IN, following))
        return code_page(request, following, {}, HTTPStatus.OK)

    @router.post(PAGE_OF[Stage.CODE])
    async def check_code(request: Request) -> Response:
        form = await readers.form(request, Action.SIGN_IN)
        following = safe_next(form["next"])
        holder = await steps.at(request, Stage.CODE)
        if holder is None:
            return see(with_next(SIGN_IN, following))
        missing = _missing(form, code="Enter the code")
        if missing:
            return code_page(request, following, missing, HTTPStatus.BAD_REQUEST)
        found = await steps.desk.ask(signing_in.by_code, holder.account, form["code"])
        if isinstance(found, Passed):
            return await steps.passed(request, found, following, "password and code")
        await steps.stopped(request, found)
        return code_page(request, following, {"code": said(found)}, status_of(found))

    @router.post("/sign-out")
    async def sign_out(request: Request) -> Response:
        await readers.form(request, Action.SIGN_IN)
        cookie = cookies.read(request, Cookie.SESSION, steps.public_url)
        holder = await readers.holder(request)
        if cookie is not None:
            await steps.desk.ask(signing_in.sessions.end, cookie)
            readers.sessions.forget()
        from_where = "here" if holder is None or "@" not in holder.actor.name else "provider"
        answer = see(f"{SIGN_IN}?out={from_where}")
        cookies.clear(answer, request, Cookie.SESSION, steps.public_url)
        return answer

    return router


def status_of(stopped: Stopped) -> HTTPStatus:
    """The status of a page that says why somebody did not come in."""
    return HTTPStatus.TOO_MANY_REQUESTS if stopped.because is Refused.WAIT else HTTPStatus.FORBIDDEN


def _missing(form: Form, **wanted: str) -> dict[str, str]:
    return {field: text for field, text in wanted.items() if not form[field]}


def see(path: str) -> Response:
    """Go there (RFC 9110 §15.4.4)."""
    return RedirectResponse(path, HTTPStatus.SEE_OTHER, {"Cache-Control": "no-store"})
