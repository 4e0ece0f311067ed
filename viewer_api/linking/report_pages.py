"""The pages at which people decide to which study a report belongs, below /review/reports."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from exchange.linking.reviews import Decider
from exchange.policy import Action, Purpose, Subject, may
from exchange.reports.case import Shown
from exchange.reports.deciding import PostgresReports
from storage.errors import AlreadyDecided, BadInput, BadQuery, NotHeld
from storage.uids import is_uid
from viewer_api.linking import asked
from viewer_api.linking.report_rows import beside
from viewer_api.linking.showing import SHOWN_AT_ONCE, VERDICTS, decided, see
from viewer_api.pages import Pages
from viewer_api.parts import Working
from viewer_api.readers import Reader
from viewer_api.signing_in.forms import Form
from viewer_api.written import written_day, written_name

PREFIX = "/review/reports"

#: Why a report is listed, and what that means, for a person.
STATES: Mapping[str, tuple[str, str, str]] = {
    "doubt": ("In doubt", "yellow", "It may belong to a study, and something speaks against it."),
    "unmatched": ("No study", "grey", "No study that it names is here."),
    "decided": ("Decided", "green", "Somebody said where it belongs."),
}
#: What somebody did, above the case and in the list of decisions.
DID: Mapping[str, str] = {
    "match": "put the report beside this study",
    "dismiss": "said that the report belongs to none of these studies",
    "undo": "took back what was decided",
}


def report_pages(work: Working, pages: Pages) -> APIRouter:
    """GET and POST below /review/reports. They are to be asked before those below /review."""
    router = APIRouter()
    review = _ReportPages(work, pages)
    reports = review.reports

    @router.get(PREFIX)
    async def worklist(request: Request) -> Response:
        return await review.worklist(request, await work.readers.admit(request, Action.DECIDE_LINK))

    @router.get(f"{PREFIX}/{{report}}")
    async def case(request: Request, report: UUID) -> Response:
        reader = await work.readers.admit(request, Action.DECIDE_LINK)
        return await review.case(request, reader, report)

    @router.post(f"{PREFIX}/{{report}}/find")
    async def find(request: Request, report: UUID) -> Response:
        """A study by its accession number or its UID. What was typed stands in no address but a UID."""
        reader = await work.readers.admit(request, Action.DECIDE_LINK)
        form = await work.readers.form(request, Action.DECIDE_LINK)
        typed = form["number"].strip()
        found: list[str] = []
        if 0 < len(typed) <= 64:
            found += await work.desk.ask(reports.numbered, report, typed, reader.look.actor.trust)
            found += [typed] if is_uid(typed) and "." in typed else []
        await reader.record(detail={"report": str(report), "did": "looked for a study"})
        if len(found) == 1:
            return see(f"{PREFIX}/{report}?study={found[0]}")
        errors = {"number": _not_one(typed, found)}
        return await review.case(request, reader, report, errors=errors, typed=form.fields)

    @router.post(f"{PREFIX}/{{report}}/match")
    async def match(request: Request, report: UUID) -> Response:
        reader = await work.readers.admit(request, Action.DECIDE_LINK)
        form = await work.readers.form(request, Action.DECIDE_LINK)
        study, seen = asked.study_uid(form["study"]), _seen(form)
        await work.readers.admit(request, Action.DECIDE_LINK, study)
        await reader.record(study, {"report": str(report), "did": "match"})
        field = f"reason-{study}"
        return await review.decide(
            request, reader, report, form, field, "match", lambda by: reports.match(report, study, by, seen)
        )

    @router.post(f"{PREFIX}/{{report}}/dismiss")
    async def dismiss(request: Request, report: UUID) -> Response:
        reader = await work.readers.admit(request, Action.DECIDE_LINK)
        form = await work.readers.form(request, Action.DECIDE_LINK)
        seen = _seen(form)
        await reader.record(detail={"report": str(report), "did": "dismiss"})
        return await review.decide(
            request, reader, report, form, "dismiss", "dismiss", lambda by: reports.dismiss(report, by, seen)
        )

    @router.post(f"{PREFIX}/{{report}}/undo")
    async def undo(request: Request, report: UUID) -> Response:
        reader = await work.readers.admit(request, Action.DECIDE_LINK)
        form = await work.readers.form(request, Action.DECIDE_LINK)
        seen = _seen(form)
        await reader.record(detail={"report": str(report), "did": "undo"})
        return await review.decide(
            request, reader, report, form, "undo", "undo", lambda by: reports.reconsider(report, by, seen)
        )

    return router


def _not_one(typed: str, found: Sequence[str]) -> str:
    if not typed:
        return "Enter an accession number or a Study Instance UID"
    return "Several studies bear it: give the UID of one" if found else "No study of yours bears it"


def _seen(form: Form) -> str:
    """What was shown with the case. Raises BadInput."""
    if not form["seen"]:
        raise BadInput("seen is what came with the case")
    return form["seen"]


class _ReportPages:
    """Answers people who decide to which study a report belongs."""

    def __init__(self, work: Working, pages: Pages) -> None:
        self._work, self._pages = work, pages
        self.reports = PostgresReports(work.desk.pool)

    async def worklist(self, request: Request, reader: Reader) -> Response:
        """What waits, and of what somebody's word stands. No patient is named."""
        keys, trust = request.query_params, reader.look.actor.trust
        state, after = keys.get("state", ""), asked.number(keys, "after", 0, 10**6)
        if state not in ("", *STATES):
            raise BadQuery(f"state is one of {', '.join(STATES)}")
        found = await self._work.desk.ask(
            self.reports.waiting, trust, SHOWN_AT_ONCE + 1, state or "waiting", after
        )
        await reader.record(detail={"of": "list of reports"})
        return self._page(
            request, reader, "review_reports.html", rows=found[:SHOWN_AT_ONCE], state=state, after=after,
            counts=await self._work.desk.ask(self.reports.counts, trust),
            following=after + SHOWN_AT_ONCE if found[SHOWN_AT_ONCE:] else 0,
        )  # fmt: skip

    async def case(
        self,
        request: Request,
        reader: Reader,
        uid: UUID,
        *,
        errors: Mapping[str, str] | None = None,
        typed: Mapping[str, str] | None = None,
    ) -> Response:
        """One report, and the studies to which it may belong. `errors` are by field."""
        keys, trust = request.query_params, reader.look.actor.trust
        also = asked.study_uid(keys["study"]) if keys.get("study") else ""
        listed = await self._work.desk.ask(self.reports.listed, uid, trust)
        shown = await self._work.desk.ask(self.reports.case, uid, trust, also)
        await reader.record(detail={"report": str(uid)})
        for each in shown.case.studies:
            await self._work.readers.admit(request, Action.DECIDE_LINK, each.study_uid)
            await reader.record(each.study_uid, {"report": str(uid)})
        sides = [
            (side, study, beside(shown.case.report, side))
            for side, study in zip(shown.case.studies, shown.studies, strict=True)
        ]
        actor = reader.look.actor
        may_read = may(actor, Action.SEE_RECORD, Purpose.TREATMENT, Subject()).allowed
        return self._page(
            request, reader, "review_report.html",
            status=HTTPStatus.BAD_REQUEST if errors else HTTPStatus.OK,
            listed=listed, shown=shown, case=shown.case, sides=sides, also=also, title=_title(shown),
            did=keys.get("did", "") if keys.get("did") in DID else "", may_read=may_read,
            is_missing=bool(also) and all(each.study_uid != also for each in shown.case.studies),
            errors=errors or {}, typed=typed or {},
        )  # fmt: skip

    async def decide(
        self,
        request: Request,
        reader: Reader,
        uid: UUID,
        form: Form,
        field: str,
        verb: str,
        act: Callable[[Decider], None],
    ) -> Response:
        """Do it and say so above the case; what is wrong with it is said there, too."""
        refused = (AlreadyDecided, NotHeld)
        _, errors = await decided(self._work, reader, form, field, act, refused)
        if not errors:
            return see(f"{PREFIX}/{uid}?did={verb}")
        return await self.case(request, reader, uid, errors=errors, typed={field: form["reason"]})

    def _page(
        self,
        request: Request,
        reader: Reader,
        template: str,
        *,
        status: HTTPStatus = HTTPStatus.OK,
        **values: object,
    ) -> Response:
        return self._pages.answer(
            request, template, status=status, signed_in=reader.name,
            actor=reader.look.actor, form_token=self._work.readers.form_token(request), states=STATES,
            verdicts=VERDICTS, done=DID, base=PREFIX, written_day=written_day, written_name=written_name,
            headers=None, **values,
        )  # fmt: skip


def _title(shown: Shown) -> str:
    content = shown.content
    words = next((each.meaning for each in content.codes if each.meaning), "")
    return words or content.category or "Report"
