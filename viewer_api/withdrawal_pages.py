"""The pages of withdrawals: what was asked, a study to ask about, a request that another person decides."""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from exchange.policy import Action, Purpose, Subject, may
from exchange.record.reading import kept_studies
from exchange.record.specialty import kinds_of
from exchange.record.study import SharedStudy
from exchange.withdrawn import Looked, look_at
from storage.driver_errors import mapped_errors
from storage.errors import ArchiveError, BadInput, NotHeld
from storage.stored import Resource
from storage.uids import is_uid
from storage.withdrawal import Standing, Withdrawal
from storage.withdrawals import Withdrawals
from viewer_api.linking.rows import SEXES, known_as, numbers_of
from viewer_api.pages import Pages
from viewer_api.parts import Working
from viewer_api.readers import Reader
from viewer_api.written import written_day, written_name

PREFIX = "/withdrawals"
#: Requests on the page of them: the newest.
SHOWN_AT_ONCE = 50

#: How a request stands, and the colour of its tag (NHS.UK frontend).
STANDINGS: Mapping[Standing, tuple[str, str]] = {
    Standing.WAITING: ("Waits for a second person", "yellow"),
    Standing.EXPIRED: ("Nobody decided in time", "grey"),
    Standing.REJECTED: ("Rejected", "grey"),
    Standing.APPROVED: ("Withdrawn", "red"),
    Standing.UNDONE: ("Brought back", "green"),
    Standing.PURGED: ("Withdrawn, and deleted for good", "red"),
}
#: The same of a request to bring something back.
UNDOINGS: Mapping[Standing, tuple[str, str]] = {
    **STANDINGS,
    Standing.APPROVED: ("Brought back", "green"),
}
#: What was done just now, above the request that stands so; of a request to bring something back, the last.
DONE: Mapping[tuple[str, Standing], str] = {
    ("asked", Standing.WAITING): "You asked for it. Nothing has changed yet: another person decides.",
    ("approve", Standing.APPROVED): "It is withdrawn: it is shown to nobody any more.",
    ("reject", Standing.REJECTED): "You rejected the request. Nothing has changed.",
}
BROUGHT_BACK = "It is brought back: it is shown again as it was."


class WithdrawalPages:
    """Answers people who ask for withdrawals and decide over them."""

    def __init__(self, work: Working, pages: Pages, withdrawals: Withdrawals) -> None:
        self._work, self._pages, self._withdrawals = work, pages, withdrawals

    async def listed(self, request: Request, reader: Reader) -> Response:
        """The newest requests, those that wait first."""
        found = await self._work.desk.ask(
            self._withdrawals.listed, reader.look.actor.trust, SHOWN_AT_ONCE + 1
        )
        rows = found[:SHOWN_AT_ONCE]
        studies = await self._work.desk.ask(self._studies, {each.study_uid for each in rows})
        for uid in studies:
            await reader.record(uid, {"of": "withdrawals"})
        await reader.record(detail={"withdrawals": len(rows)})
        waits = [each for each in rows if each.standing is Standing.WAITING]
        decided = [each for each in rows if each.standing is not Standing.WAITING]
        return self._page(
            request, reader, "withdrawals.html", waits=waits, decided=decided, studies=studies,
            is_cut=len(found) > SHOWN_AT_ONCE,
        )  # fmt: skip

    async def asking(
        self,
        request: Request,
        reader: Reader,
        uid: str,
        errors: Mapping[str, str] | None = None,
        typed: Mapping[str, str] | None = None,
    ) -> Response:
        """A study, and what of it could be withdrawn."""
        looked = await self._look(reader, uid, reader.look.actor.trust or None)
        if not looked.shown:
            raise NotHeld(f"study {uid}")
        return self._page(
            request, reader, "withdrawal_ask.html", looked=looked, errors=errors or {}, typed=typed or {},
            may_review=may(reader.look.actor, Action.DECIDE_LINK, Purpose.OPERATIONS, Subject(uid)).allowed,
            status=HTTPStatus.BAD_REQUEST if errors else HTTPStatus.OK,
        )  # fmt: skip

    async def one(
        self,
        request: Request,
        reader: Reader,
        found: Withdrawal,
        errors: Mapping[str, str] | None = None,
        status: HTTPStatus = HTTPStatus.OK,
    ) -> Response:
        """A request, and what there is to decide by."""
        try:
            looked = await self._look(reader, found.study_uid, None)  # theirs, since the request is
        except NotHeld:
            looked = None  # nothing is left of it
            await reader.record(found.study_uid, {"withdrawal": found.id})
        is_own = found.asked_by == reader.look.actor.name
        may_decide = may(reader.look.actor, Action.DECIDE_WITHDRAWAL, Purpose.OPERATIONS, Subject()).allowed
        return self._page(
            request, reader, "withdrawal.html", found=found, looked=looked, errors=errors or {},
            what=_what(found, looked), is_own=is_own, may_decide=may_decide and not is_own, status=status,
            did="" if errors else _done(found, request.query_params.get("did", "")),
        )  # fmt: skip

    async def _look(self, reader: Reader, uid: str, trust: str | None) -> Looked:
        looked = await self._work.desk.ask(self._looked, uid, trust)
        await reader.record(uid, {"of": "withdrawals"}, person=looked.person.uid if looked.person else None)
        return looked

    def _looked(self, uid: str, trust: str | None) -> Looked:
        with mapped_errors(), self._work.desk.pool.connection() as connection:
            return look_at(connection, uid, trust)

    def _studies(self, uids: set[str]) -> Mapping[str, SharedStudy]:
        with mapped_errors(), self._work.desk.pool.connection() as connection:
            return kept_studies(connection, uids)

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
            request,
            template,
            status=status,
            signed_in=reader.name,
            actor=reader.look.actor,
            form_token=self._work.readers.form_token(request),
            prefix=PREFIX,
            standings=STANDINGS,
            undoings=UNDOINGS,
            retention_days=self._withdrawals.settings.retention_days,
            written_day=written_day,
            written_name=written_name,
            kinds_of=kinds_of,
            sexes=SEXES,
            numbers_of=numbers_of,
            known_as=known_as,
            headers=None,
            **values,
        )


def resource_of(study: str, part: str) -> Resource:
    """What the form names: the study, or a series of it. Raises BadInput."""
    if part == "study":
        return Resource(study)
    if not is_uid(part):
        raise BadInput("the form does not say what should be withdrawn")
    return Resource(study, part)


def see(found: Withdrawal, did: str) -> Response:
    """Lead a browser to a request after what it sent was done."""
    return RedirectResponse(f"{PREFIX}/{found.id}?did={did}", HTTPStatus.SEE_OTHER)


def sentence(error: ArchiveError) -> str:
    """What is wrong, as a page says it."""
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}"


def why_not(reason: str, error: ArchiveError) -> Mapping[str, str]:
    """What is wrong with a request, by the field of the form."""
    return {"": sentence(error)} if reason.strip() else {"reason": "Say why, in a few words"}


def _done(found: Withdrawal, did: str) -> str:
    """What to say of it, where it stands so."""
    said = DONE.get((did, found.standing), "")
    return BROUGHT_BACK if said and did == "approve" and found.restores else said


def _what(found: Withdrawal, looked: Looked | None) -> str:
    """What a request is about, in words."""
    if found.series_uid is None:
        return "The whole study"
    all_series = looked.study.series if looked else ()
    series = next((each for each in all_series if each.uid == found.series_uid), None)
    named = ", ".join(filter(None, (*kinds_of([series.modality]), series.description))) if series else ""
    what = "One image of a series" if found.instance_uid else "One series"
    return f"{what}: {named}" if named else what
