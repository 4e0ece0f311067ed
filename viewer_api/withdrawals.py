"""Withdrawals over HTTP: DELETE asks, another person approves or rejects; an undoing is asked likewise.

People who come with a browser do the same by pages (viewer_api.withdrawal_pages).
"""

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from exchange.policy import Action
from storage.errors import AlreadyDecided, BadInput
from storage.stored import Resource
from storage.uids import is_uid
from storage.withdrawal import Withdrawal
from storage.withdrawals import Withdrawals
from viewer_api.desk import json_answer, json_body
from viewer_api.linking.asked import study_uid
from viewer_api.pages import Pages
from viewer_api.parts import Working
from viewer_api.problems import answered, takes_pages
from viewer_api.readers import Reader
from viewer_api.urls import PREFIX as DICOMWEB
from viewer_api.withdrawal_pages import PREFIX, WithdrawalPages, resource_of, see, sentence, why_not

#: In which a client that sends no body with DELETE says why.
REASON_HEADER = "imx-reason"


def withdrawal_routes(work: Working, pages: Pages) -> APIRouter:
    """Ask, by DELETE of a study, a series or an instance; list, look, decide, ask for an undoing."""
    router = APIRouter()
    withdrawals = Withdrawals(work.desk.pool, work.objects, work.settings.withdrawals)
    shown = WithdrawalPages(work, pages, withdrawals)

    async def ask(request: Request, resource: Resource) -> Response:
        if not all(map(is_uid, resource.uids)):
            raise BadInput("the path holds no UID")
        reader = await work.readers.admit(request, Action.ASK_WITHDRAWAL, resource.study)
        because = await _reason(request)
        await reader.record(resource.study, {resource.level: resource.uids[-1]})
        by, trust = _who(reader)
        asked = await work.desk.ask(withdrawals.ask, resource, because, by, trust)
        return _accepted(asked)

    @router.delete(f"{DICOMWEB}/studies/{{study}}")
    async def ask_to_withdraw_study(request: Request, study: str) -> Response:
        return await ask(request, Resource(study))

    @router.delete(f"{DICOMWEB}/studies/{{study}}/series/{{series}}")
    async def ask_to_withdraw_series(request: Request, study: str, series: str) -> Response:
        return await ask(request, Resource(study, series))

    @router.delete(f"{DICOMWEB}/studies/{{study}}/series/{{series}}/instances/{{instance}}")
    async def ask_to_withdraw_instance(request: Request, study: str, series: str, instance: str) -> Response:
        return await ask(request, Resource(study, series, instance))

    @router.get(PREFIX)
    async def listed(request: Request) -> Response:
        """Of programs, for who decides; the page is for who asks as well, as each request is."""
        if takes_pages(request):
            return await shown.listed(request, await work.readers.admit(request, Action.ASK_WITHDRAWAL))
        reader = await work.readers.admit(request, Action.DECIDE_WITHDRAWAL)
        found = await work.desk.ask(withdrawals.listed, _who(reader)[1])
        await reader.record(detail={"withdrawals": len(found)})
        return json_answer([as_json(each) for each in found])

    @router.get(f"{PREFIX}/{{number}}")
    async def withdrawal(request: Request, number: int) -> Response:
        """Who may ask sees what became of it."""
        reader = await work.readers.admit(request, Action.ASK_WITHDRAWAL)
        found = await work.desk.ask(withdrawals.withdrawal, _number(number), _who(reader)[1])
        if takes_pages(request):
            return await shown.one(request, reader, found)
        await reader.record(found.study_uid, {"withdrawal": found.id})
        return json_answer(as_json(found))

    @router.put(f"{PREFIX}/{{number}}/decision")
    async def decide(request: Request, number: int) -> Response:
        reader = await work.readers.admit(request, Action.DECIDE_WITHDRAWAL)
        choice = (await json_body(request)).get("choice")
        return json_answer(as_json(await decided(reader, number, choice)))

    async def decided(reader: Reader, number: int, choice: object) -> Withdrawal:
        if choice not in ("approve", "reject"):
            raise BadInput('say {"choice": "approve"} or {"choice": "reject"}')
        by, trust = _who(reader)
        found = await work.desk.ask(withdrawals.withdrawal, _number(number), trust)
        await reader.record(found.study_uid, {"withdrawal": found.id, "choice": choice})
        if found.asked_by == by:
            await work.readers.refuse(
                reader, found.study_uid, "who asks does not decide: another person does"
            )
        verb = withdrawals.approve if choice == "approve" else withdrawals.reject
        return await work.desk.ask(verb, found.id, by, trust)

    @router.post(f"{PREFIX}/{{number}}/undo")
    async def ask_undo(request: Request, number: int) -> Response:
        reader = await work.readers.admit(request, Action.ASK_WITHDRAWAL)
        return _accepted(await undoing(reader, number, await _reason(request)))

    async def undoing(reader: Reader, number: int, because: str) -> Withdrawal:
        by, trust = _who(reader)
        found = await work.desk.ask(withdrawals.withdrawal, _number(number), trust)
        await reader.record(found.study_uid, {"undo": found.id})
        return await work.desk.ask(withdrawals.ask_undo, found.id, because, by, trust)

    @router.get(f"{PREFIX}/studies/{{study}}")
    async def asking(request: Request, study: str) -> Response:
        """The page at which somebody asks."""
        uid = study_uid(study)
        reader = await work.readers.admit(request, Action.ASK_WITHDRAWAL, uid)
        return await shown.asking(request, reader, uid)

    @router.post(f"{PREFIX}/studies/{{study}}")
    async def ask_by_form(request: Request, study: str) -> Response:
        uid = study_uid(study)
        reader = await work.readers.admit(request, Action.ASK_WITHDRAWAL, uid)
        form = await work.readers.form(request, Action.ASK_WITHDRAWAL)
        resource = resource_of(uid, form["part"])
        await reader.record(uid, {resource.level: resource.uids[-1]})
        by, trust = _who(reader)
        try:
            found = await work.desk.ask(withdrawals.ask, resource, form["reason"], by, trust)
        except BadInput as error:
            errors = why_not(form["reason"], error)
            return await shown.asking(request, reader, uid, errors, form.fields)
        return see(found, "asked")

    @router.post(f"{PREFIX}/{{number:int}}")
    async def decide_by_form(request: Request, number: int) -> Response:
        """Approve or reject a request, or ask that what it withdrew be brought back."""
        reader = await work.readers.admit(request, Action.ASK_WITHDRAWAL)
        form = await work.readers.form(request, Action.ASK_WITHDRAWAL)
        is_undo = form["choice"] == "undo"
        if not is_undo:
            reader = await work.readers.admit(request, Action.DECIDE_WITHDRAWAL)
        try:
            if is_undo:
                return see(await undoing(reader, number, form["reason"]), "asked")
            return see(await decided(reader, number, form["choice"]), form["choice"])
        except (AlreadyDecided, BadInput) as error:
            errors = why_not(form["reason"], error) if is_undo else {"": sentence(error)}
            found = await work.desk.ask(withdrawals.withdrawal, _number(number), _who(reader)[1])
            return await shown.one(request, reader, found, errors, answered(error).status)

    return router


def as_json(found: Withdrawal) -> dict[str, Any]:
    """All of it, and how it stands."""
    fields = {name: getattr(found, name) for name in Withdrawal.__dataclass_fields__ if name != "is_expired"}
    return {"standing": found.standing.value, **fields}


def _accepted(asked: Withdrawal) -> Response:
    """202: it is not done, and where one sees what becomes of it (RFC 9110 §15.3.3)."""
    answer = json_answer(as_json(asked), HTTPStatus.ACCEPTED)
    answer.headers["Location"] = f"{PREFIX}/{asked.id}"
    return answer


def _who(reader: Reader) -> tuple[str, str]:
    """The account, and its trust."""
    return reader.look.actor.name, reader.look.actor.trust


def _number(number: int) -> int:
    """As a row may have it."""
    if not 0 < number < 2**63:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return number


async def _reason(request: Request) -> str:
    """Why, by header or body. Raises BadInput."""
    said = request.headers.get(REASON_HEADER)
    if said is None:
        said = (await json_body(request)).get("reason")
    if not isinstance(said, str):
        raise BadInput(f'say why: {{"reason": "…"}}, or the header {REASON_HEADER}')
    return said
