"""Modality Worklist (PS3.4 §K): what a modality is to do, from the orders of its trust.

A peer sees the orders of its own trust, and those that are explicitly shared with it: the same Patient ID or
accession number of another trust is never among its answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from dicom_router.commands import C_FIND_RQ, Command
from dicom_router.contexts import Context
from dicom_router.established import Established
from dicom_router.reading import Reading
from dicom_router.services.finding import Ending, Verdict, answer_find
from dicom_router.services.identifier import Identifier
from dicom_router.services.responses import PENDING, PENDING_UNSUPPORTED, Responses
from dicom_router.services.table import Services
from dicom_router.services.worklist_items import asked_of, knows, worklist_items
from exchange.namespaces import ISSUER_OF_PATIENT_ID, within_issuer
from exchange.orders import PostgresOrders
from exchange.policy import Action, Purpose
from storage.matching import is_answer
from storage.query import Anything, Between, Exactly, Level, Match, Path, Query

#: Modality Worklist Information Model - FIND.
WORKLIST = "1.2.840.10008.5.1.4.31"

STEP_DATE: Path = (0x00400100, 0x00400002)


def services(reading: Reading, orders: PostgresOrders) -> Services:
    """C-FIND of the worklist."""
    return {WORKLIST: {C_FIND_RQ: _Worklist(reading, orders)}}


@dataclass(frozen=True, slots=True)
class _Worklist:
    reading: Reading
    orders: PostgresOrders

    def __call__(self, association: Established, context: Context, command: Command) -> None:
        """Answer one query: every step that matches, then how it ended (PS3.4 Table K.4-1)."""

        def find(identifier: Identifier) -> Verdict:
            return self._find(association, context, command, identifier)

        answer_find(association, context, command, find)

    def _find(
        self, association: Established, context: Context, command: Command, identifier: Identifier
    ) -> Verdict:
        keys = sorted(".".join(f"{tag:08X}" for tag in path) for path in identifier.matches)
        look = association.look(Action.QUERY_WORKLIST, Purpose.TREATMENT, detail={"keys": keys})
        self.reading.record(look)
        if not look.decision.allowed:
            return Verdict(Ending.REFUSED, look.decision.because)
        asked = {
            **identifier.matches,
            ISSUER_OF_PATIENT_ID: identifier.matches.get(ISSUER_OF_PATIENT_ID, Anything()),
        }
        is_short = not all(knows(path) for path in asked)
        meant = meaning_of(identifier.matches, association.actor.issuer, association.actor.accession_issuer)
        responses = Responses(
            association,
            context,
            command,
            PENDING_UNSUPPORTED if is_short else PENDING,
            identifier.character_set,
        )
        first, last = days_of(meant)
        for placed in self.orders.scheduled(association.peer.trust.ods_code, first, last):
            for item in worklist_items(placed):
                if is_answer(item, meant) and not responses.add(asked_of(item, asked)):
                    return Verdict(Ending.CANCELLED, "cancelled as asked")
        if responses.cancelled():
            return Verdict(Ending.CANCELLED, "cancelled as asked")
        return Verdict(Ending.COMPLETE, unsent=responses.take())


def meaning_of(keys: Mapping[Path, Match], issuer: str, accession_issuer: str = "") -> Mapping[Path, Match]:
    """The keys that are matched: bare identifiers count in the asker's namespace."""
    matched = {path: match for path, match in keys.items() if knows(path)}
    return within_issuer(Query(Level.STUDY, matched), issuer, accession_issuer).matches


def days_of(keys: Mapping[Path, Match]) -> tuple[str | None, str | None]:
    """The first and the last day that a query asks for, where it does."""
    match keys.get(STEP_DATE):
        case Exactly(day):
            return day, day
        case Between(first, last):
            return first, last
    return None, None
