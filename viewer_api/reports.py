"""Reports over HTTP: those that wait for a person, and the documents that came with them."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from psycopg_pool import ConnectionPool
from starlette.responses import Response

from exchange.linking.links import link_of
from exchange.people.directory import person
from exchange.policy import Action
from exchange.reports.deciding import PostgresReports
from exchange.reports.reading import document_of, report_with_uid
from exchange.reports.report import Form
from storage.driver_errors import mapped_errors
from storage.errors import BadInput, NotHeld
from storage.uids import is_uid
from viewer_api.caching import kept_by_reader
from viewer_api.desk import json_answer, json_body
from viewer_api.linking import asked
from viewer_api.parts import Working
from viewer_api.retrieved import retrieved

PREFIX = "/reports"

#: What browsers show themselves; every other kind of document is saved.
_SHOWN = frozenset({"application/pdf", "image/jpeg", "image/png"})


class WrongDecision(BadInput):
    """A body that decides nothing."""


def report_routes(work: Working) -> APIRouter:
    """For co-ordinators, who see those of their own trust; and documents for whoever may see the record."""
    router = APIRouter(prefix=PREFIX)
    reports = PostgresReports(work.desk.pool)

    @router.get("/waiting")
    async def waiting(request: Request) -> Response:
        """Reports that belong to no study yet. No names, no text."""
        reader = await work.readers.admit(request, Action.DECIDE_LINK)
        await reader.record()
        return json_answer(await work.desk.ask(reports.waiting, reader.look.actor.trust))

    @router.get("/waiting/{report}")
    async def one_waiting(request: Request, report: UUID) -> Response:
        """Whom it names, beside whom each study names to which it may belong."""
        reader = await work.readers.admit(request, Action.DECIDE_LINK)
        shown = await work.desk.ask(reports.case, report, reader.look.actor.trust)
        found = shown.case
        for each in found.studies:
            await reader.record(each.study_uid, {"report": str(report)})
        if not found.studies:
            await reader.record(detail={"report": str(report)})
        return json_answer(found)

    @router.post("/waiting/{report}")
    async def decide(request: Request, report: UUID) -> Response:
        """It belongs to a study ("match") or to none ("dismiss"), or the rules decide ("reconsider"): why."""
        reader = await work.readers.admit(request, Action.DECIDE_LINK)
        body = await json_body(request)
        study, decision = str(body.get("study") or ""), body.get("decision")
        if decision == "match" and not is_uid(study):
            raise WrongDecision("say to which study it belongs: its Study Instance UID")
        if decision not in ("match", "dismiss", "reconsider"):
            raise WrongDecision("a decision is one of match, dismiss, reconsider")
        by, seen = asked.decider(reader, body.get("reason")), str(body.get("seen") or "")
        await reader.record(study if decision == "match" else None, {"report": str(report), "did": decision})
        if decision == "match":
            await work.desk.ask(reports.match, report, study, by, seen)
        elif decision == "dismiss":
            await work.desk.ask(reports.dismiss, report, by, seen)
        else:
            await work.desk.ask(reports.reconsider, report, by, seen)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @retrieved(router, "/{report}/forms/{number}")
    async def form(request: Request, report: UUID, number: int) -> Response:
        """A document that came with a report (FHIR DiagnosticReport.presentedForm)."""
        held = await work.desk.ask(_held, work.desk.pool, report, number)
        study, whose = (held.study_uid, held.person) if held else (None, None)
        reader = await work.readers.admit(request, Action.SEE_RECORD, study, whose)
        if held is None:
            await reader.record(detail={"report": str(report)})
            raise NotHeld("such a document of a report")
        await reader.record(study, {"report": str(report)}, whose)
        how = "inline" if held.form.content_type in _SHOWN else "attachment"
        headers: dict[str, Any] = {"Content-Disposition": f"{how}; filename=report-{number}"}
        return kept_by_reader(request, held.content, held.form.content_type, headers)

    return router


@dataclass(frozen=True, slots=True)
class _Held:
    form: Form
    content: bytes
    study_uid: str
    person: UUID | None


def _held(pool: ConnectionPool, uid: UUID, number: int) -> _Held | None:
    """What is not (or no longer) a report of a study is none for readers."""
    with mapped_errors(), pool.connection() as connection:
        report = report_with_uid(connection, uid)
        if report is None or not (report.study_uid and report.status.is_readable):
            return None
        forms = report.content.forms
        content = document_of(connection, forms[number - 1]) if 0 < number <= len(forms) else None
        if content is None:
            return None
        link = link_of(connection, report.study_uid)
        linked = link.decided.person_id if link is not None else None
        whose = person(connection, linked) if linked is not None else None
    return _Held(forms[number - 1], content, report.study_uid, whose.uid if whose else None)
