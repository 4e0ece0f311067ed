"""The pages at which somebody sees to their own account."""

import re
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import Response

from exchange import passwords
from exchange.accounts import Did
from exchange.own_tokens import OwnTokens
from exchange.policy import Action
from exchange.sessions import Holder, Stage
from exchange.signing_in import Passed, Refused
from storage.errors import BadInput, NotHeld
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
    readers, signing_in, own_tokens = work.readers, work.signing_in, OwnTokens(work.desk.pool)

    def password_page(
        request: Request, holder: Holder, following: str, errors: Mapping[str, str], status: HTTPStatus
    ) -> Response:
        is_first, name = holder.stage is Stage.PASSWORD, holder.actor.name
        return pages.answer(
            request,
            "account_password.html",
            status=status,
            signed_in="" if is_first else name,
            actor=None if is_first else holder.actor,
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
        return password_page(request, holder, following, {}, HTTPStatus.OK)

    @router.post(PAGE_OF[Stage.PASSWORD])
    async def change_password(request: Request) -> Response:
        form = await readers.form(request, Action.SIGN_IN)
        following = safe_next(form["next"])
        holder = await steps.at(request, Stage.PASSWORD, Stage.DONE)
        if holder is None:
            return see(with_next(SIGN_IN, PAGE_OF[Stage.PASSWORD]))
        change = signing_in.change_password
        try:
            found = await steps.desk.ask(
                change, holder.account, form["old"], form["new"], address_of(request)
            )
        except passwords.WeakPassword as error:
            errors = {"new": sentence(error)}
            return password_page(request, holder, following, errors, HTTPStatus.BAD_REQUEST)
        if isinstance(found, Passed):
            return await steps.passed(request, found, following, "password, which was changed")
        await steps.stopped(request, found)
        why = said(found) if found.because is Refused.WAIT else "That is not the password you have now"
        return password_page(request, holder, following, {"old": why}, status_of(found))

    async def account_page(
        request: Request, holder: Holder, errors: Mapping[str, str], status: HTTPStatus
    ) -> Response:
        found = await work.desk.ask(signing_in.accounts.numbered, holder.account)
        sessions = await work.desk.ask(signing_in.sessions.of, holder.account)
        tokens = await work.desk.ask(own_tokens.of, holder.account)
        return pages.answer(
            request,
            "account.html",
            status=status,
            signed_in=holder.actor.name,
            actor=holder.actor,
            account=found,
            sessions=sessions,
            this_session=holder.session,
            tokens=tokens,
            errors=errors,
            form_token=readers.form_token(request),
        )

    @router.get(ACCOUNT)
    async def account(request: Request) -> Response:
        reader = await readers.admit(request, Action.SIGN_IN)
        holder = await steps.at(request, Stage.DONE)
        if holder is None:  # a token, or an open service: there is no account to see to
            raise NotHeld("an account: nobody has signed in")
        await reader.record()
        return await account_page(request, holder, {}, HTTPStatus.OK)

    @router.post(f"{ACCOUNT}/sessions/{{number}}/end")
    async def end_session(request: Request, number: int) -> Response:
        holder, _ = await steps.owner(request)
        await work.desk.ask(signing_in.sessions.end_one, holder.account, number)
        await changed(holder, Did.SESSION_ENDED)
        return see(ACCOUNT)

    @router.post(f"{ACCOUNT}/sessions/end")
    async def end_sessions(request: Request) -> Response:
        holder, _ = await steps.owner(request)
        await work.desk.ask(signing_in.sessions.end_all, holder.account)
        await changed(holder, Did.SESSIONS_ENDED)
        return see(f"{SIGN_IN}?out=here")

    @router.post(f"{ACCOUNT}/tokens")
    async def make_token(request: Request) -> Response:
        holder, form = await steps.owner(request)
        owner = await work.desk.ask(signing_in.accounts.numbered, holder.account)
        days = int(form["days"]) if re.fullmatch(r"[0-9]{1,4}", form["days"]) else 0
        try:
            token = await work.desk.ask(own_tokens.make, owner, form["label"].strip(), days)
        except BadInput as error:
            field = "days" if "days" in str(error) else "label"
            errors = {field: sentence(error)}
            return await account_page(request, holder, errors, HTTPStatus.BAD_REQUEST)
        return pages.answer(
            request,
            "new_token.html",
            signed_in=owner.name,
            actor=holder.actor,
            form_token=readers.form_token(request),
            token=token,
        )

    @router.post(f"{ACCOUNT}/tokens/{{number}}/revoke")
    async def revoke_token(request: Request, number: int) -> Response:
        holder, _ = await steps.owner(request)
        owner = await work.desk.ask(signing_in.accounts.numbered, holder.account)
        await work.desk.ask(own_tokens.revoke, owner, number)
        readers.tokens.forget()
        return see(ACCOUNT)

    async def changed(holder: Holder, did: Did) -> None:
        readers.sessions.forget()
        name = holder.actor.name
        await work.desk.ask(signing_in.accounts.note, name, did, name)

    return router


def sentence(error: Exception) -> str:
    """What an error says, as a page says it."""
    text = str(error)
    return f"{text[0].upper()}{text[1:]}"
