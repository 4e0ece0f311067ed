"""The pages at which somebody sees to their own account."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import Response

from exchange import passwords
from exchange.accounts import Did
from exchange.policy import Action
from exchange.sessions import Holder, Stage
from exchange.signing_in import Passed, Refused
from storage.errors import NotHeld
from viewer_api.pages import Pages
from viewer_api.parts import Working
from viewer_api.readers import address_of
from viewer_api.signing_in.next_page import SIGN_IN, safe_next, with_next
from viewer_api.signing_in.steps import PAGE_OF, Steps, said, see, status_of

ACCOUNT = "/account"

_RULE = f"{passwords.SHORTEST} characters or more. Three random words are easy to remember."


def account_routes(work: Working, pages: Pages) -> APIRouter:
    """The password, the second factor, sessions and tokens."""
    router = APIRouter()
    steps = Steps.of(work, pages)
    readers = work.readers

    def password_page(
        request: Request, name: str, is_first: bool, following: str, errors: Mapping[str, str],
        status: HTTPStatus,
    ) -> Response:  # fmt: skip
        return pages.answer(
            request,
            "account_password.html",
            status=status,
            signed_in="" if is_first else name,
            heading="Choose a password" if is_first else "Change your password",
            is_first=is_first,
            name=name,
            rule=_RULE,
            errors=errors,
            form_token=readers.form_token(request),
            next=following,
        )

    @router.get(PAGE_OF[Stage.PASSWORD])
    async def password(request: Request) -> Response:
        following = safe_next(request.query_params.get("next"))
        holder = await steps.at(request, Stage.PASSWORD, Stage.DONE)
        if holder is None:
            return see(with_next(SIGN_IN, PAGE_OF[Stage.PASSWORD]))
        is_first = holder.stage is Stage.PASSWORD
        return password_page(request, holder.actor.name, is_first, following, {}, HTTPStatus.OK)

    @router.post(PAGE_OF[Stage.PASSWORD])
    async def change_password(request: Request) -> Response:
        form = await readers.form(request, Action.SIGN_IN)
        following = safe_next(form["next"])
        holder = await steps.at(request, Stage.PASSWORD, Stage.DONE)
        if holder is None:
            return see(with_next(SIGN_IN, PAGE_OF[Stage.PASSWORD]))
        is_first, name = holder.stage is Stage.PASSWORD, holder.actor.name
        change = work.signing_in.change_password
        try:
            found = await steps.desk.ask(
                change, holder.account, form["old"], form["new"], address_of(request)
            )
        except passwords.WeakPassword as error:
            why = str(error)
            errors = {"new": f"{why[0].upper()}{why[1:]}"}
            return password_page(request, name, is_first, following, errors, HTTPStatus.BAD_REQUEST)
        if isinstance(found, Passed):
            return await steps.passed(request, found, following, "password, which was changed")
        await steps.stopped(request, found)
        why = said(found) if found.because is Refused.WAIT else "That is not the password you have now"
        return password_page(request, name, is_first, following, {"old": why}, status_of(found))

    @router.get(ACCOUNT)
    async def account(request: Request) -> Response:
        reader = await readers.admit(request, Action.SIGN_IN)
        holder = await steps.at(request, Stage.DONE)
        if holder is None:  # a token, or an open service: there is no account to see to
            raise NotHeld("an account: nobody has signed in")
        found = await work.desk.ask(work.signing_in.accounts.numbered, holder.account)
        sessions = await work.desk.ask(work.signing_in.sessions.of, holder.account)
        await reader.record()
        return pages.answer(
            request,
            "account.html",
            signed_in=reader.name,
            account=found,
            sessions=sessions,
            this_session=holder.session,
            form_token=readers.form_token(request),
        )

    @router.post(f"{ACCOUNT}/sessions/{{number}}/end")
    async def end_session(request: Request, number: int) -> Response:
        holder = await owner(request)
        await work.desk.ask(work.signing_in.sessions.end_one, holder.account, number)
        await changed(holder, Did.SESSION_ENDED)
        return see(ACCOUNT)

    @router.post(f"{ACCOUNT}/sessions/end")
    async def end_sessions(request: Request) -> Response:
        holder = await owner(request)
        await work.desk.ask(work.signing_in.sessions.end_all, holder.account)
        await changed(holder, Did.SESSIONS_ENDED)
        return see(f"{SIGN_IN}?out=here")

    async def owner(request: Request) -> Holder:
        """Whose account it is, by a form of theirs."""
        await readers.admit(request, Action.SIGN_IN)
        await readers.form(request, Action.SIGN_IN)
        holder = await steps.at(request, Stage.DONE)
        if holder is None:
            raise NotHeld("an account: nobody has signed in")
        return holder

    async def changed(holder: Holder, did: Did) -> None:
        readers.sessions.forget()
        name = holder.actor.name
        await work.desk.ask(work.signing_in.accounts.note, name, did, name)

    return router
