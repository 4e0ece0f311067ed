"""The pages at which somebody sets up, changes and removes their second factor."""

import re
from collections.abc import Mapping
from http import HTTPStatus

import segno
from fastapi import APIRouter, Request
from starlette.responses import Response

from exchange import second_factor
from exchange.accounts import Account, now
from exchange.policy import Action
from exchange.sessions import Holder, Stage
from exchange.signing_in import Refused, Stopped
from viewer_api.pages import Pages
from viewer_api.parts import Working
from viewer_api.readers import address_of
from viewer_api.signing_in.forms import Form
from viewer_api.signing_in.next_page import SIGN_IN, safe_next, with_next
from viewer_api.signing_in.steps import PAGE_OF, Steps, actor_of, said, see, status_of

ADDRESS = PAGE_OF[Stage.ENROL]
_SECRET = re.compile(r"[A-Z2-7]{32}")


def second_factor_routes(work: Working, pages: Pages) -> APIRouter:
    """An authenticator app, by a QR code; recovery codes for whoever loses it."""
    router = APIRouter()
    steps, readers, signing_in = Steps.of(work, pages), work.readers, work.signing_in

    def page(
        request: Request, account: Account, is_wanted: bool, secret: str, following: str,
        errors: Mapping[str, str], status: HTTPStatus = HTTPStatus.OK,
    ) -> Response:  # fmt: skip
        otpauth = second_factor.address_for_app(secret, account.name)
        return pages.answer(
            request,
            "second_factor.html",
            status=status,
            signed_in="" if is_wanted else account.name,
            actor=None if is_wanted else actor_of(account),
            form_token=readers.form_token(request),
            account=account,
            is_wanted=is_wanted,
            qr=segno.make(otpauth, error="m").svg_inline(
                scale=5, omitsize=True, title="QR code for your app"
            ),
            secret=secret,
            spelt=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
            next=following,
            errors=errors,
        )

    def codes_page(request: Request, codes: list[str], following: str) -> Response:
        return pages.answer(request, "recovery_codes.html", codes=codes, next=following)

    async def local(request: Request) -> tuple[Holder, Account] | None:
        """Who comes to these pages: a local account, signed in, or on its way where the site wants one."""
        holder = await steps.at(request, Stage.ENROL, Stage.DONE)
        if holder is None:
            return None
        account = await work.desk.ask(signing_in.accounts.numbered, holder.account)
        return (holder, account) if account.is_local else None

    async def proven(request: Request, account: Account, form: Form) -> Stopped | None:
        """Whether it is still its owner who sits there."""
        found = await steps.desk.ask(signing_in.owns, account.id, form["password"], address_of(request))
        if not isinstance(found, Stopped):
            return None
        await steps.stopped(request, found)
        return found

    def why(stopped: Stopped) -> Mapping[str, str]:
        is_wait = stopped.because is Refused.WAIT
        return {"password": said(stopped) if is_wait else "That is not your password"}

    @router.get(ADDRESS)
    async def show(request: Request) -> Response:
        following = safe_next(request.query_params.get("next"))
        found = await local(request)
        if found is None:
            return see(with_next(SIGN_IN, ADDRESS))
        holder, account = found
        is_wanted = holder.stage is Stage.ENROL
        return page(request, account, is_wanted, second_factor.new_secret(), following, {})

    @router.post(ADDRESS)
    async def set_up(request: Request) -> Response:
        form = await readers.form(request, Action.SIGN_IN)
        following, found = safe_next(form["next"]), await local(request)
        if found is None:
            return see(with_next(SIGN_IN, ADDRESS))
        holder, account = found
        is_wanted = holder.stage is Stage.ENROL
        secret = form["secret"] if _SECRET.fullmatch(form["secret"]) else second_factor.new_secret()
        stopped = await proven(request, account, form)
        if stopped is not None:
            return page(request, account, is_wanted, secret, following, why(stopped), status_of(stopped))
        accounts = signing_in.accounts
        codes = await work.desk.ask(accounts.set_second_factor, account, secret, form["code"], now())
        if codes is None:
            errors = {"code": "That code is wrong. Enter the newest one that the app shows"}
            return page(request, account, is_wanted, secret, following, errors, HTTPStatus.BAD_REQUEST)
        passed = await work.desk.ask(signing_in.come_so_far, account.id)
        answer = codes_page(request, codes, following)
        return await steps.entered(request, passed, "a new second factor", answer)

    async def change(request: Request) -> tuple[Account, str] | Response:
        """Somebody with a second factor, who has shown their password; or the page that says why not."""
        holder, form = await steps.owner(request)
        account = await work.desk.ask(signing_in.accounts.numbered, holder.account)
        stopped = await proven(request, account, form)
        if stopped is None:
            return account, safe_next(form["next"])
        secret, following = second_factor.new_secret(), safe_next(form["next"])
        return page(request, account, False, secret, following, why(stopped), status_of(stopped))

    @router.post(f"{ADDRESS}/remove")
    async def remove(request: Request) -> Response:
        found = await change(request)
        if isinstance(found, Response):
            return found
        account, following = found
        await work.desk.ask(signing_in.accounts.remove_second_factor, account.name, account.name)
        passed = await work.desk.ask(signing_in.come_so_far, account.id)
        return await steps.passed(request, passed, following, "the second factor, which was removed")

    @router.post(f"{ADDRESS}/recovery")
    async def renew(request: Request) -> Response:
        found = await change(request)
        if isinstance(found, Response):
            return found
        account, following = found
        if not account.has_second_factor:
            return see(ADDRESS)
        return codes_page(
            request, await work.desk.ask(signing_in.accounts.renew_recovery_codes, account), following
        )

    return router
