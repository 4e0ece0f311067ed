"""Links over HTTP, for programs: what waits, a case, decisions, corrections, copies that are still wrong."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from exchange.linking.desk import LinkDesk
from exchange.linking.reviews import Decider
from exchange.policy import Action
from storage.errors import BadInput
from viewer_api.desk import json_answer, json_body
from viewer_api.linking import asked
from viewer_api.linking.as_json import case_json, preview_json, review_json, waiting_json, wrong_json
from viewer_api.linking.correcting import admit_also, previewed
from viewer_api.parts import Working

PREFIX = "/links"


def link_routes(work: Working) -> APIRouter:
    """For those who may decide whose a study is; somebody of one trust sees to that trust's studies."""
    router = APIRouter()
    desk = LinkDesk(work.desk.pool)
    ask = work.desk.ask

    @router.get(f"{PREFIX}/waiting")
    async def waiting(request: Request) -> Response:
        """The oldest first; `after` is the number of the last one before."""
        reader = await work.readers.admit(request, Action.DECIDE_LINK)
        keys = request.query_params
        state = asked.state(keys)
        after = asked.number(keys, "after", 0, 2**62)
        limit = asked.number(keys, "limit", 100, asked.LIMIT)
        await reader.record(detail={"keys": sorted({"state", "after", "limit"} & keys.keys())})
        found = await ask(desk.worklist, reader.trust, state, after, limit)
        for each in found.rows:
            await reader.record(each.study.uid)
        return json_answer(
            {
                "waiting": [waiting_json(each) for each in found.rows],
                "counts": {each.value: count for each, count in found.counts.items()},
                "still_wrong": found.wrong,
            }
        )

    @router.get(f"{PREFIX}/still-wrong")
    async def still_wrong(request: Request) -> Response:
        """Copies at destinations that bear other names than their studies do here."""
        reader = await work.readers.admit(request, Action.DECIDE_LINK)
        found = await ask(desk.still_wrong, reader.trust)
        await reader.record(detail={"copies": len(found)})
        for study in {each.study_uid for each in found}:
            await reader.record(study, {"of": "copies that are still wrong"})
        return json_answer([wrong_json(each) for each in found])

    @router.get(f"{PREFIX}/told")
    async def told(request: Request) -> Response:
        """Copies that are right again since their studies' names changed, and how they were told."""
        reader = await work.readers.admit(request, Action.DECIDE_LINK)
        found = await ask(desk.told, reader.trust)
        await reader.record(detail={"copies": len(found)})
        for study in {each.study_uid for each in found}:
            await reader.record(study, {"of": "copies that are right again"})
        return json_answer(found)

    @router.get(f"{PREFIX}/{{study}}")
    async def case(request: Request, study: str) -> Response:
        """One study and the people whose it may be; `person` adds somebody whom nobody proposed."""
        uid = asked.study_uid(study)
        reader = await work.readers.admit(request, Action.DECIDE_LINK, uid)
        also = request.query_params.get("person")
        person = asked.person_uid(also) if also else None
        await reader.record(uid, person=person)
        found = await ask(desk.case, uid, reader.trust, person)
        for each in found.candidates:
            await reader.record(uid, person=each.person.uid)
        return json_answer(case_json(found))

    @router.get(f"{PREFIX}/{{study}}/correction")
    async def preview(request: Request, study: str) -> Response:
        """What correcting the study, and `also` others, to somebody would do: nothing is done yet."""
        uid = asked.study_uid(study)
        reader = await work.readers.admit(request, Action.DECIDE_LINK, uid)
        person = asked.person_uid(request.query_params.get("person"))
        also = await admit_also(work, request, request.query_params.getlist("also"), uid)
        found, others = await previewed(work, desk, reader, uid, person, also)
        return json_answer(preview_json(found, others))

    def decision(
        verb: str, decide: Callable[[str, UUID, object, Decider], Awaitable[int]], shown: str
    ) -> None:
        """POST one of them: {"person": …, "reason": …} and what was shown."""

        async def decided(request: Request, study: str) -> Response:
            uid = asked.study_uid(study)
            reader = await work.readers.admit(request, Action.DECIDE_LINK, uid)
            body = await json_body(request)
            if shown not in body:
                raise BadInput(f"say what you were shown: {shown}")
            person, by = asked.person_uid(body.get("person")), asked.decider(reader, body.get("reason"))
            await reader.record(uid, {"did": verb}, person=person)
            number = await decide(uid, person, body[shown], by)
            return json_answer({"decision": number}, HTTPStatus.CREATED)

        router.add_api_route(f"{PREFIX}/{{study}}/{verb}", decided, methods=["POST"])

    async def link(uid: str, person: UUID, seen: object, by: Decider) -> int:
        return await ask(desk.link, uid, person, asked.seen(seen), by)

    async def reject(uid: str, person: UUID, seen: object, by: Decider) -> int:
        return await ask(desk.reject, uid, person, asked.seen(seen), by)

    decision("link", link, "seen")
    decision("reject", reject, "seen")

    @router.post(f"{PREFIX}/{{study}}/correction")
    async def correct(request: Request, study: str) -> Response:
        """Put in force what was previewed: {"person": …, "reason": …, "token": …, "also": […]}."""
        uid = asked.study_uid(study)
        reader = await work.readers.admit(request, Action.DECIDE_LINK, uid)
        body = await json_body(request)
        if "token" not in body:
            raise BadInput("say what you were shown: token")
        person, by = asked.person_uid(body.get("person")), asked.decider(reader, body.get("reason"))
        also = await admit_also(work, request, body.get("also", []), uid)
        for each in (uid, *also):
            await reader.record(each, {"did": "correction"}, person=person)
        number = await ask(desk.correct, uid, person, str(body["token"]), by, also)
        return json_answer({"decision": number}, HTTPStatus.CREATED)

    def words(verb: str, say: Callable[[str, Decider], int]) -> None:
        """POST a question or an answer: {"reason": …}."""

        async def said(request: Request, study: str) -> Response:
            uid = asked.study_uid(study)
            reader = await work.readers.admit(request, Action.DECIDE_LINK, uid)
            by = asked.decider(reader, (await json_body(request)).get("reason"))
            await reader.record(uid, {"did": verb})
            return json_answer({"decision": await ask(say, uid, by)}, HTTPStatus.CREATED)

        router.add_api_route(f"{PREFIX}/{{study}}/{verb}", said, methods=["POST"])

    words("question", desk.ask)
    words("answer", desk.answer)

    @router.post(f"{PREFIX}/{{study}}/decisions/{{number:int}}/undo")
    async def undo(request: Request, study: str, number: int) -> Response:
        """Take a decision back: {"reason": …}."""
        uid = asked.study_uid(study)
        reader = await work.readers.admit(request, Action.DECIDE_LINK, uid)
        by = asked.decider(reader, (await json_body(request)).get("reason"))
        await reader.record(uid, {"did": "undid a decision", "decision": number})
        return json_answer(review_json(await ask(desk.undo, uid, number, by)))

    @router.post(f"{PREFIX}/{{study}}/copies/{{destination}}")
    async def see_to_copy(request: Request, study: str, destination: str) -> Response:
        """{"choice": "send again"} or {"choice": "settled"}, and why."""
        uid = asked.study_uid(study)
        reader = await work.readers.admit(request, Action.DECIDE_LINK, uid)
        body = await json_body(request)
        by = asked.decider(reader, body.get("reason"))
        if body.get("choice") not in ("send again", "settled"):
            raise BadInput('say {"choice": "send again"} or {"choice": "settled"}')
        await reader.record(uid, {"did": str(body["choice"]), "destination": destination[:64]})
        verb = desk.send_again if body["choice"] == "send again" else desk.settle
        await ask(verb, uid, destination, by)
        return json_answer({"destination": destination, "choice": body["choice"]})

    return router
