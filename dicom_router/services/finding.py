"""C-FIND (PS3.4 §C.4.1, PS3.7 §9.1.2): from an identifier to a search, and from its answer to responses."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain

import structlog

from dicom_router.commands import C_FIND_RQ, Command, write_response
from dicom_router.contexts import Context
from dicom_router.errors import AssociationError
from dicom_router.established import Established
from dicom_router.faults import without_values
from dicom_router.reading import Reading
from dicom_router.services.identifier import BadIdentifier, Identifier, level_of, take_identifier
from dicom_router.services.models import FIND_LEVELS, Extended, check_keys, unsupported
from dicom_router.services.responses import PENDING, PENDING_UNSUPPORTED, Responses
from dicom_router.services.table import Services
from dicom_router.statuses import NOT_AUTHORIZED, SUCCESS
from exchange.audit import Detail, Look
from exchange.namespaces import ISSUER_OF_PATIENT_ID, within_issuer
from exchange.policy import Action, Purpose
from storage.answers import Found, Members
from storage.archive import PAGE, Answer
from storage.columns import STUDY_UID
from storage.errors import BadQuery, Unavailable
from storage.query import AnyOf, Path, Query

log = structlog.get_logger()

_LEVEL: Path = (0x00080052,)
_RETRIEVE_AE_TITLE: Path = (0x00080054,)
_AVAILABILITY: Path = (0x00080056,)

#: What every answer holds, whether or not it was asked for: an identifier means nothing without its issuer.
ALWAYS = frozenset({_LEVEL, _RETRIEVE_AE_TITLE, _AVAILABILITY, ISSUER_OF_PATIENT_ID})


class Ending(Enum):
    """How a query ends."""

    COMPLETE = "complete"
    CANCELLED = "cancelled"
    CUT = "cut by a limit"
    AWAY = "the index is away"
    MISMATCH = "identifier does not match the SOP class"
    MEANINGLESS = "a key that means nothing"
    REFUSED = "refused by policy"
    FAULT = "a fault of ours"


#: Final C-FIND answers, PS3.4 Table C.4-1. The conformance statement prints this table.
FIND_STATUS: Mapping[Ending, int] = {
    Ending.COMPLETE: SUCCESS,
    Ending.CANCELLED: 0xFE00,
    Ending.CUT: 0xA700,
    Ending.AWAY: 0xA700,
    Ending.MISMATCH: 0xA900,
    Ending.MEANINGLESS: 0xC001,  # unable to process: the Offending Element says which key
    Ending.REFUSED: NOT_AUTHORIZED,
    Ending.FAULT: 0xC002,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a C-FIND comes to."""

    ending: Ending
    because: str = ""
    offending: int | None = None  # tag
    unsent: bytes = b""  # the last pending responses, which leave in one write with the final one


def services(reading: Reading) -> Services:
    """C-FIND for every information model, from this archive."""
    return {model: {C_FIND_RQ: _Finding(reading)} for model in FIND_LEVELS}


def answer_find(
    association: Established, context: Context, command: Command, find: Callable[[Identifier], Verdict]
) -> None:
    """Take what is asked for, find it, and say how that ended (PS3.4 §C.4.1, §K.4.1)."""
    verdict = _verdict(association, context, command, find)
    status = FIND_STATUS[verdict.ending]
    response = write_response(command, status, verdict.because, offending=verdict.offending)
    association.answer(context, response, before=verdict.unsent)


def _verdict(
    association: Established, context: Context, command: Command, find: Callable[[Identifier], Verdict]
) -> Verdict:
    try:
        return find(take_identifier(association, context, command))
    except BadIdentifier as error:
        return Verdict(Ending.MEANINGLESS, str(error), error.tag)
    except Mismatch as error:
        return Verdict(Ending.MISMATCH, str(error), error.tag)
    except BadQuery as error:
        return Verdict(Ending.MEANINGLESS, str(error))
    except Unavailable as error:
        return Verdict(Ending.AWAY, f"try again later: {error}")
    except AssociationError:
        raise
    except Exception as error:
        log.error("find.fault", error=type(error).__name__, exc_info=without_values(error))
        return Verdict(Ending.FAULT, "a fault of this service; its log says more")


@dataclass(frozen=True, slots=True)
class _Finding:
    reading: Reading

    def __call__(self, association: Established, context: Context, command: Command) -> None:
        """Answer one query: every match, then how it ended."""

        def find(identifier: Identifier) -> Verdict:
            return self._find(association, context, command, identifier, query_of(identifier, context))

        answer_find(association, context, command, find)

    def _find(
        self,
        association: Established,
        context: Context,
        command: Command,
        identifier: Identifier,
        query: Query,
    ) -> Verdict:
        look = association.look(Action.QUERY, Purpose.TREATMENT, _study_of(query), _detail(query))
        if not look.decision.allowed:
            self.reading.record(look)
            return Verdict(Ending.REFUSED, look.decision.because)
        meant = within_issuer(query, association.actor.issuer, association.actor.accession_issuer)
        answer, first = self.reading.wait_for(self._begun(look, meant))
        is_short = bool(answer.unmatched) or unsupported(query.level, query.asked)
        status = PENDING_UNSUPPORTED if is_short else PENDING
        responses = Responses(association, context, command, status, identifier.character_set)
        pages = chain((first,), self.reading.each(answer.pages) if len(first) == PAGE else ())
        if not _answered(responses, pages, identifier.level, association.called):
            return Verdict(Ending.CANCELLED, "cancelled as asked")
        if answer.is_truncated:
            because = f"the first {responses.sent:,} of more matches: ask more narrowly"
            return Verdict(Ending.CUT, because, unsent=responses.take())
        return Verdict(Ending.COMPLETE, unsent=responses.take())

    async def _begun(self, look: Look, query: Query) -> tuple[Answer, list[Found]]:
        """The answer and its first page, once it is written down who asks: one visit to the event loop."""
        await self.reading.audit.record(look)
        answer = await self.reading.archive.search(query)
        return answer, await anext(answer.pages, [])


def _answered(responses: Responses, pages: Iterable[Sequence[Found]], level: str, retrieve_from: str) -> bool:
    """Send every match, but for the last few, which wait; False where the peer has cancelled the query."""
    for page in pages:
        if responses.cancelled():
            return False
        for found in page:
            if not responses.add(_members(found, level, retrieve_from)):
                return False
    return True


class Mismatch(ValueError):
    """An identifier that is no query of the SOP class. `tag` is the offending element."""

    def __init__(self, error: BadIdentifier) -> None:
        super().__init__(str(error))
        self.tag = error.tag


def query_of(identifier: Identifier, context: Context) -> Query:
    """The search that an identifier asks for in a context. Raises Mismatch."""
    extended = Extended.of(context.extended)
    try:
        level = level_of(identifier)
        check_keys(context.abstract_syntax, level, identifier, extended)
    except BadIdentifier as error:
        raise Mismatch(error) from error
    return Query(level, identifier.matches, include=ALWAYS, joins_date_and_time=extended.joins_date_and_time)


def _members(found: Found, level: str, retrieve_from: str) -> Members:
    """A match as its response holds it (PS3.4 §C.4.1.1.3.2)."""
    members = found.members
    members["00080052"] = {"vr": "CS", "Value": [level]}
    members["00080054"] = {"vr": "AE", "Value": [retrieve_from]}
    return members


def _study_of(query: Query) -> str | None:
    """The one study that is asked about, if it is one."""
    match query.matches.get(STUDY_UID):
        case AnyOf((uid,)):
            return uid
    return None


def _detail(query: Query) -> Detail:
    """What was asked for, never which values."""
    keys = sorted(".".join(f"{tag:08X}" for tag in path) for path in query.matches)
    return {"level": query.level.value, "keys": keys}
