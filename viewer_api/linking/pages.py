"""The pages at which people decide whose studies are, below /review."""

from collections.abc import Callable
from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from exchange.linking.reviewing import NobodySuch
from exchange.linking.reviews import Decider
from exchange.people.numbers import is_nhs_number
from exchange.people.person import NHS, Identifier
from exchange.policy import Action
from storage.errors import AlreadyDecided, BadInput
from viewer_api.linking import asked
from viewer_api.linking.correcting import admit_also
from viewer_api.linking.showing import PREFIX, ReviewPages, see, sentence, why_not
from viewer_api.pages import Pages
from viewer_api.parts import Working
from viewer_api.readers import Reader
from viewer_api.signing_in.forms import Form


def review_pages(work: Working, pages: Pages) -> APIRouter:
    """GET and POST below /review."""
    router = APIRouter()
    review = ReviewPages(work, pages)
    desk = review.desk

    async def admitted(request: Request, study: str) -> tuple[Reader, str]:
        uid = asked.study_uid(study)
        return await work.readers.admit(request, Action.DECIDE_LINK, uid), uid

    async def sent(request: Request, study: str) -> tuple[Reader, str, Form]:
        reader, uid = await admitted(request, study)
        return reader, uid, await work.readers.form(request, Action.DECIDE_LINK)

    @router.get(PREFIX)
    async def worklist(request: Request) -> Response:
        reader = await work.readers.admit(request, Action.DECIDE_LINK)
        return await review.worklist(request, reader)

    @router.get(f"{PREFIX}/wrong")
    async def wrong(request: Request) -> Response:
        reader = await work.readers.admit(request, Action.DECIDE_LINK)
        return await review.wrong(request, reader)

    @router.get(f"{PREFIX}/{{study}}")
    async def case(request: Request, study: str) -> Response:
        return await review.case(request, *await admitted(request, study))

    @router.post(f"{PREFIX}/{{study}}/find")
    async def find(request: Request, study: str) -> Response:
        """Somebody by a number: shown beside the study. The number stands in no address."""
        reader, uid = await admitted(request, study)
        await work.readers.admit(request, Action.FIND_PEOPLE, uid)
        form = await work.readers.form(request, Action.DECIDE_LINK)
        identifier, errors = _identifier(form)
        if not errors:
            try:
                found = await work.desk.ask(desk.known_as, identifier)
            except NobodySuch:
                errors = {"number": "Nobody in the directory has this number"}
            else:
                await reader.record(uid, {"did": "looked for somebody"}, person=found.uid)
                return see(f"{PREFIX}/{uid}?person={found.uid}")
        await reader.record(uid, {"did": "looked for somebody"})
        return await review.case(
            request, reader, uid, errors=errors, typed=form.fields, status=HTTPStatus.BAD_REQUEST
        )

    async def of_somebody(
        request: Request, study: str, did: str, act: Callable[[str, UUID, int, Decider], int]
    ) -> Response:
        """Decide whether it is that of one of the people who are shown."""
        reader, uid, form = await sent(request, study)
        person, seen = asked.person_uid(form["person"]), asked.seen(form["seen"])
        await reader.record(uid, {"did": did}, person=person)
        return await review.decide(
            request, reader, uid, form, f"reason-{person}", lambda by: act(uid, person, seen, by)
        )

    @router.post(f"{PREFIX}/{{study}}/link")
    async def link(request: Request, study: str) -> Response:
        return await of_somebody(request, study, "link", desk.link)

    @router.post(f"{PREFIX}/{{study}}/reject")
    async def reject(request: Request, study: str) -> Response:
        return await of_somebody(request, study, "reject", desk.reject)

    async def of_trust(
        request: Request, study: str, did: str, act: Callable[[str, Decider], int]
    ) -> Response:
        """Ask its trust, or answer."""
        reader, uid, form = await sent(request, study)
        await reader.record(uid, {"did": did})
        return await review.decide(request, reader, uid, form, did, lambda by: act(uid, by))

    @router.post(f"{PREFIX}/{{study}}/question")
    async def question(request: Request, study: str) -> Response:
        return await of_trust(request, study, "question", desk.ask)

    @router.post(f"{PREFIX}/{{study}}/answer")
    async def answer(request: Request, study: str) -> Response:
        return await of_trust(request, study, "answer", desk.answer)

    @router.get(f"{PREFIX}/{{study}}/correction/{{person}}")
    async def preview(request: Request, study: str, person: str) -> Response:
        reader, uid = await admitted(request, study)
        also = await admit_also(work, request, request.query_params.getlist("also"), uid)
        return await review.preview(request, reader, uid, person, also)

    @router.post(f"{PREFIX}/{{study}}/correction/{{person}}")
    async def correct(request: Request, study: str, person: str) -> Response:
        reader, uid, form = await sent(request, study)
        whose, also = asked.person_uid(person), await admit_also(work, request, form["also"].split(), uid)
        try:
            by = asked.decider(reader, form["reason"])
        except BadInput as error:
            errors = {"reason": why_not(form, error)}
            return await review.preview(request, reader, uid, person, also, errors, HTTPStatus.BAD_REQUEST)
        for each in (uid, *also):
            await reader.record(each, {"did": "correction"}, person=whose)
        try:
            number = await work.desk.ask(desk.correct, uid, whose, form["token"], by, also)
        except AlreadyDecided:
            errors = {"": "Something changed since you looked. Check it again before you correct it."}
            return await review.preview(request, reader, uid, person, also, errors, HTTPStatus.CONFLICT)
        return see(f"{PREFIX}/{uid}?did={number}")

    @router.get(f"{PREFIX}/{{study}}/undo/{{number:int}}")
    async def undoing(request: Request, study: str, number: int) -> Response:
        return await review.undoing(request, *await admitted(request, study), number)

    @router.post(f"{PREFIX}/{{study}}/undo/{{number:int}}")
    async def undo(request: Request, study: str, number: int) -> Response:
        reader, uid, form = await sent(request, study)
        try:
            by = asked.decider(reader, form["reason"])
        except BadInput as error:
            return await review.undoing(request, reader, uid, number, {"reason": why_not(form, error)})
        await reader.record(uid, {"did": "undid a decision", "decision": number})
        try:
            await work.desk.ask(desk.undo, uid, number, by)
        except AlreadyDecided as error:
            return await review.undoing(request, reader, uid, number, {"": sentence(error)})
        return see(f"{PREFIX}/{uid}?did={number}")

    @router.post(f"{PREFIX}/{{study}}/copies")
    async def see_to_copy(request: Request, study: str) -> Response:
        """Have a copy sent again, or say that somebody saw to it there."""
        reader, uid, form = await sent(request, study)
        destination, is_again = form["destination"], form["choice"] == "send again"
        reason = "to be sent again" if is_again else form["reason"]
        try:
            by = asked.decider(reader, reason)
        except BadInput:
            return await review.wrong(request, reader, {"": f"Say what was done at {destination[:64]}"})
        await reader.record(uid, {"did": "saw to a copy", "destination": destination[:64]})
        await work.desk.ask(desk.send_again if is_again else desk.settle, uid, destination, by)
        return see(f"{PREFIX}/wrong")

    return router


def _identifier(form: Form) -> tuple[Identifier, dict[str, str]]:
    number, issuer = form["number"].strip(), form["issuer"].strip() or NHS
    if not number or len(number) > 64 or len(issuer) > 64:
        return Identifier("", ""), {"number": "Enter a number of no more than 64 characters"}
    if issuer == NHS:
        number = number.replace(" ", "")
        if not is_nhs_number(number):
            return Identifier("", ""), {"number": "Enter an NHS number of 10 digits, and check each of them"}
    return Identifier(number, issuer), {}
