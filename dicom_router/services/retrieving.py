"""What a C-GET and a C-MOVE have in common (PS3.4 §C.4.2, §C.4.3): what is asked for is found, allowed and
written down, before the first byte leaves. `getting.py` and `moving.py` then send it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from dicom_router.commands import Command, write_response
from dicom_router.contexts import Context
from dicom_router.established import Established
from dicom_router.outgoing import leaving_for
from dicom_router.peers import actor_for
from dicom_router.reading import Reading
from dicom_router.services.identifier import BadIdentifier, take_identifier
from dicom_router.services.retrieve_keys import instances_asked
from dicom_router.statuses import (
    ALL_FAILED,
    CANNOT_COUNT,
    IDENTIFIER_DOES_NOT_MATCH,
    NOT_AUTHORIZED,
)
from exchange.audit import Detail
from exchange.peers import Peer
from exchange.policy import Action, Purpose, Subject, may
from exchange.trusts import Trust
from storage.errors import BadQuery, Unavailable
from storage.leaving import Leaving
from storage.query import Query
from storage.stored import Stored

_NO_LABELS = "labels of slides do not leave for who asks or receives them"


class Refused(Exception):
    """A request that is answered at once, with this status and this Error Comment."""

    def __init__(self, status: int, because: str) -> None:
        super().__init__(because)
        self.status = status


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request is about."""

    leaving: list[Leaving]
    refused: list[str]  # SOP Instance UIDs of what may not leave
    because: str = ""  # and why


@dataclass(frozen=True, slots=True)
class Retrieving:
    """Finds what peers retrieve. `trusts` are all that the registry knows; it may raise Unavailable."""

    reading: Reading
    trusts: Callable[[], Sequence[Trust]]

    def query(self, association: Established, context: Context, command: Command) -> Query:
        """The search for what is asked for; the identifier is read to its end. Raises Refused."""
        try:
            identifier = take_identifier(association, context, command)
            return instances_asked(identifier, context.abstract_syntax, association.actor.issuer)
        except BadIdentifier as error:
            raise Refused(IDENTIFIER_DOES_NOT_MATCH, str(error)) from error

    def found(self, association: Established, query: Query, receiver: Peer, detail: Detail) -> Asked:
        """What of it may leave for `receiver`, whoever asked for it. Who looked at what is written down when
        this returns, refusals too. Raises Refused."""
        try:
            self._require_permission(association, receiver, detail)
            stored = self.reading.wait_for(self.reading.archive.stored_matching(query))
        except Unavailable as error:
            raise Refused(CANNOT_COUNT, str(error)) from error
        except BadQuery as error:
            raise Refused(IDENTIFIER_DOES_NOT_MATCH, str(error)) from error
        try:
            return self._allowed(association, stored, receiver, detail)
        except Unavailable as error:
            raise Refused(ALL_FAILED, str(error)) from error

    def _require_permission(self, association: Established, receiver: Peer, detail: Detail) -> None:
        """Whether the asker and the receiver may have anything at all."""
        because = self._permission(association, receiver, None, detail)
        if because:
            raise Refused(NOT_AUTHORIZED, because)

    def _permission(
        self, association: Established, receiver: Peer, study_uid: str | None, detail: Detail
    ) -> str:
        """Why a study may not leave, "" where it may. Written down but where nothing is looked at yet."""
        look = association.look(Action.RETRIEVE, Purpose.TREATMENT, study_uid, detail)
        if look.decision.allowed and receiver is not association.peer:
            actor = actor_for(receiver, association.settings)
            decision = may(actor, Action.RETRIEVE, Purpose.TREATMENT, Subject(study_uid))
            if not decision.allowed:
                because = f"{receiver.ae_title}: {decision.because}"
                look = replace(look, decision=replace(decision, because=because))
        if study_uid is not None or not look.decision.allowed:
            self.reading.record(look)
        return "" if look.decision.allowed else look.decision.because

    def _allowed(
        self, association: Established, stored: Sequence[Stored], receiver: Peer, detail: Detail
    ) -> Asked:
        studies = dict.fromkeys(each.study_uid for each in stored)
        why_not = {
            uid: because
            for uid in studies
            if (because := self._permission(association, receiver, uid, detail))
        }
        sees_labels = self._sees_labels(association, receiver)
        allowed = [
            each for each in stored if each.study_uid not in why_not and (sees_labels or not each.shows_label)
        ]
        leaving = {each.id for each in allowed}
        is_open = receiver.trust is association.settings.open_trust  # of no trust in particular
        return Asked(
            leaving_for(self.reading, allowed, None if is_open else receiver.trust, self.trusts),
            [each.uid for each in stored if each.id not in leaving],
            next(iter(why_not.values()), "" if len(allowed) == len(stored) else _NO_LABELS),
        )

    def _sees_labels(self, association: Established, receiver: Peer) -> bool:
        """Whether both who asks and who receives may see slides' labels."""
        actors = (association.actor, actor_for(receiver, association.settings))
        subject = Subject()
        return all(may(each, Action.SEE_LABEL, Purpose.TREATMENT, subject).allowed for each in actors)


def refuse(association: Established, context: Context, command: Command, refusal: Refused) -> None:
    """Answer at once."""
    association.answer(context, write_response(command, refusal.status, str(refusal)))
