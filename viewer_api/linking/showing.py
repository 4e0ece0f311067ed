"""What the pages of review show: what waits, a case side by side, a correction before it is made, copies."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from exchange.linking.case import Case
from exchange.linking.desk import LinkDesk
from exchange.linking.link import LinkState, Verdict
from exchange.linking.reviews import Decider, Verb
from exchange.policy import Action, Purpose, Subject, may
from exchange.record.specialty import kinds_of
from exchange.reports.deciding import PostgresReports
from storage.errors import AlreadyDecided, ArchiveError, BadInput
from viewer_api.linking import asked
from viewer_api.linking.correcting import previewed
from viewer_api.linking.rows import SEXES, is_open, known_as, numbers_of, side_by_side
from viewer_api.ohif import viewer_url
from viewer_api.pages import Pages
from viewer_api.parts import Working
from viewer_api.readers import Reader
from viewer_api.signing_in.forms import Form
from viewer_api.written import spaced, written_day, written_name

Made = TypeVar("Made")

PREFIX = "/review"
SHOWN_AT_ONCE = 25

#: What each state means, for a person.
STATES: Mapping[LinkState, tuple[str, str, str]] = {
    LinkState.LINKED: ("Linked", "green", "It is in the person’s record."),
    LinkState.AMBIGUOUS: ("Ambiguous", "yellow", "Somebody could be meant, and nothing proves it."),
    LinkState.UNMATCHED: ("Unmatched", "grey", "Nobody in the directory is like the patient it names."),
    LinkState.CONFLICTING: (
        "Conflicting",
        "red",
        "A number says one person, and something else says that it is not.",
    ),
}
VERDICTS: Mapping[Verdict, tuple[str, str]] = {
    Verdict.AGREES: ("Agrees", "green"),
    Verdict.DISAGREES: ("Differs", "red"),
    Verdict.UNKNOWN: ("Not known", "grey"),
}
#: What somebody did, in the list of decisions and above the case.
DID: Mapping[Verb, str] = {
    Verb.LINK: "linked the study to this person",
    Verb.REJECT: "said that it is not this person’s",
    Verb.CORRECT: "corrected the study to this person",
    Verb.ASK: "asked the trust",
    Verb.ANSWER: "answered",
}


class ReviewPages:
    """Answers people who decide whose studies are."""

    def __init__(self, work: Working, pages: Pages) -> None:
        self._work, self._pages = work, pages
        self.desk = LinkDesk(work.desk.pool)
        self._reports = PostgresReports(work.desk.pool)

    async def worklist(self, request: Request, reader: Reader) -> Response:
        """What waits, the oldest first."""
        keys = request.query_params
        state, after = asked.state(keys), asked.number(keys, "after", 0, 2**62)
        trust = reader.trust
        found = await self._work.desk.ask(self.desk.worklist, trust, state, after, SHOWN_AT_ONCE + 1)
        rows = found.rows[:SHOWN_AT_ONCE]
        for each in rows:
            await reader.record(each.study.uid, {"of": "review list"})
        await reader.record(detail={"of": "review list"})
        reports = await self._work.desk.ask(self._reports.counts, reader.look.actor.trust)
        return self._page(
            request, reader, "review.html", rows=rows, counts=found.counts, state=state,
            is_first=not after, wrong=found.wrong,
            reports=sum(count for state, count in reports.items() if state != "decided"),
            following=rows[-1].number if found.rows[len(rows) :] else 0,
        )  # fmt: skip

    async def case(
        self,
        request: Request,
        reader: Reader,
        uid: str,
        *,
        errors: Mapping[str, str] | None = None,
        typed: Mapping[str, str] | None = None,
        status: HTTPStatus = HTTPStatus.OK,
    ) -> Response:
        """One study, and people whose it may be. `errors` are by field; `typed` is shown again."""
        keys = request.query_params
        also = asked.person_uid(keys["person"]) if keys.get("person") else None
        await reader.record(uid, person=also)
        case = await self._work.desk.ask(self.desk.case, uid, reader.trust, also)
        for each in case.candidates:
            await reader.record(uid, person=each.person.uid)
        did = asked.number(keys, "did", 0, 2**62)
        following = await self._work.desk.ask(self.desk.next_waiting, reader.trust, case.study.id)
        return self._page(
            request, reader, "review_case.html", status=status, case=case, errors=errors or {},
            typed=typed or {}, people=[(each, side_by_side(case, each)) for each in case.candidates],
            did=next((each for each in case.reviews if each.id == did), None),
            whose=_whose(case), also=also or "", following=following,
            url=viewer_url(uid, case.study.modalities),
            may_open=may(reader.look.actor, Action.RETRIEVE, Purpose.TREATMENT, Subject(uid)).allowed,
        )  # fmt: skip

    async def preview(
        self,
        request: Request,
        reader: Reader,
        uid: str,
        person: str,
        also: Sequence[str] = (),
        errors: Mapping[str, str] | None = None,
        status: HTTPStatus = HTTPStatus.OK,
    ) -> Response:
        """What a correction would do; with the others that are ticked, once somebody asked for them."""
        whose = asked.person_uid(person)
        shown, others = await previewed(self._work, self.desk, reader, uid, whose, also)
        return self._page(
            request, reader, "review_correction.html", status=status, shown=shown, others=others,
            ticked=set(also), errors=errors or {},
        )  # fmt: skip

    async def undoing(
        self, request: Request, reader: Reader, uid: str, number: int, errors: Mapping[str, str] | None = None
    ) -> Response:
        """Why a decision is taken back."""
        await reader.record(uid, {"decision": number})
        case = await self._work.desk.ask(self.desk.case, uid, reader.trust)
        review = next((each for each in case.reviews if each.id == number and each.is_in_force), None)
        if review is None:
            return see(f"{PREFIX}/{uid}")
        status = HTTPStatus.BAD_REQUEST if errors else HTTPStatus.OK
        return self._page(
            request, reader, "review_undo.html", status=status, case=case, review=review,
            whose=_whose(case), errors=errors or {},
        )  # fmt: skip

    async def wrong(
        self, request: Request, reader: Reader, errors: Mapping[str, str] | None = None
    ) -> Response:
        """Copies elsewhere that bear other names than their studies do here."""
        found = await self._work.desk.ask(self.desk.still_wrong, reader.trust)
        await reader.record(detail={"copies": len(found)})
        for study in {each.study_uid for each in found}:
            await reader.record(study, {"of": "copies that are still wrong"})
        right = await self._work.desk.ask(self.desk.told, reader.trust)
        for study in {each.study_uid for each in right}:
            await reader.record(study, {"of": "copies that are right again"})
        status = HTTPStatus.BAD_REQUEST if errors else HTTPStatus.OK
        return self._page(
            request, reader, "review_wrong.html", status=status, rows=found, right=right, errors=errors or {}
        )

    async def decide(
        self,
        request: Request,
        reader: Reader,
        uid: str,
        form: Form,
        field: str,
        act: Callable[[Decider], int],
    ) -> Response:
        """Do it and say so above the case; what is wrong with it is said there, too."""
        number, errors = await decided(self._work, reader, form, field, act)
        if not errors:
            return see(f"{PREFIX}/{uid}?did={number}")
        typed = {field: form["reason"]}
        return await self.case(
            request, reader, uid, errors=errors, typed=typed, status=HTTPStatus.BAD_REQUEST
        )

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
            states=STATES,
            verdicts=VERDICTS,
            done=DID,
            verbs=Verb,
            sexes=SEXES,
            written_day=written_day,
            written_name=written_name,
            spaced=spaced,
            kinds_of=kinds_of,
            is_open=is_open,
            known_as=known_as,
            numbers_of=numbers_of,
            headers=None,
            **values,
        )


async def decided(
    work: Working,
    reader: Reader,
    form: Form,
    field: str,
    act: Callable[[Decider], Made],
    refused: tuple[type[ArchiveError], ...] = (AlreadyDecided,),
) -> tuple[Made | None, Mapping[str, str]]:
    """What came of a decision; or what is wrong with it, by the field at which that is said."""
    try:
        by = asked.decider(reader, form["reason"])
    except BadInput as error:
        return None, {field: why_not(form, error)}
    try:
        return await work.desk.ask(act, by), {}
    except refused as error:
        return None, {"": sentence(error)}


def sentence(error: Exception) -> str:
    """What went wrong, as a page says it."""
    text = str(error)
    return text[:1].upper() + text[1:]


def why_not(form: Form, error: BadInput) -> str:
    """What is wrong with a reason."""
    return sentence(error) if form["reason"].strip() else "Say why, in a few words"


def _whose(case: Case) -> Mapping[int, str]:
    """Names by directory number, for the list of decisions."""
    return {each.person.id: written_name(each.person.demographics.name.dicom) for each in case.candidates}


def see(url: str) -> RedirectResponse:
    """Lead a browser there after what it sent was done."""
    return RedirectResponse(url, HTTPStatus.SEE_OTHER)
