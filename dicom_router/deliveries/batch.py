"""A few deliveries to one destination, sent together: what each still needs, and what becomes of it."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic

import structlog

from dicom_router.deliveries.claims import Claimed, Claims, Wanted
from dicom_router.deliveries.destinations.port import CutOff, Destination, DestinationFailed, NotReached, Sent
from dicom_router.deliveries.loading import Loading
from dicom_router.deliveries.rejecting import Rejecting
from dicom_router.deliveries.turns import Turn
from dicom_router.metrics import FORWARDED
from exchange.destinations import Entry
from storage.leaving import Leaving

log = structlog.get_logger(__name__)

#: What was answered for is noted after this long, in one commit: a process that is killed makes the next one
#: send that much again, and no more. What takes longer to send is noted before the next is sent.
NOTE_EVERY_S = 0.02


@dataclass(slots=True)
class Attempt:
    """One delivery of the batch. Instances are by UID."""

    claimed: Claimed
    wanted: dict[str, Wanted] = field(default_factory=dict)
    leaving: dict[str, Leaving] = field(default_factory=dict)  # all that is wanted, sent now or before
    unanswered: dict[str, Leaving] = field(default_factory=dict)  # what the destination has yet to answer for
    refused: list[Sent] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Deliveries claimed for a turn."""

    entry: Entry
    turn: Turn
    destination: Destination
    claims: Claims
    attempts: list[Attempt]
    rejecting: Rejecting
    is_stopping: Callable[[], bool]

    def send(self) -> int:
        """Everything that is missing; how many instances were taken. Raises DestinationFailed.

        However it ends, what became of each delivery is written down; one of which nothing is, is released
        with the turn.
        """
        try:
            for each in list(self.attempts):
                self._reject_first(each)
            for each in self.attempts:
                self._leave_out_what_it_holds(each)
            taken = self._send_all()
            is_ill = self._end_answered()
        except DestinationFailed as error:
            self._end_broken(error)
            raise
        if is_ill and not taken:
            raise NotReached("it answers, and takes nothing now")
        return taken

    def _reject_first(self, each: Attempt) -> None:
        """What it has of a study that was corrected since: who does not take the note gets no more."""
        with self.rejecting.note(self.entry, each.claimed) as note:
            for sent in self.destination.send([note] if note else []):
                if not sent.is_kept:
                    self.attempts.remove(each)
                    self._failed(each, f"it refused the rejection note: {sent.because}")

    def _leave_out_what_it_holds(self, each: Attempt) -> None:
        """A try that failed may have brought more than was answered for.

        What is sent once more it holds in any case, as it was.
        """
        if not (self.entry.is_asked and each.claimed.tries and each.unanswered) or each.claimed.round > 1:
            return
        held = self.destination.holds(list(each.unanswered.values())) or frozenset()
        self.claims.note([each.wanted[uid] for uid in held])
        for uid in held:
            del each.unanswered[uid]

    def _send_all(self) -> int:
        # Two rounds of one study may be sent together: each instance goes once.
        waiting: dict[str, list[Attempt]] = {}
        to_send: dict[str, Leaving] = {}
        for each in self.attempts:
            to_send |= each.unanswered
            for uid in each.unanswered:
                waiting.setdefault(uid, []).append(each)
        taken: list[Wanted] = []
        count, noted_at = 0, monotonic()
        answers = self.destination.send(list(to_send.values()))
        try:
            for sent in answers:
                for each in waiting[sent.uid]:
                    del each.unanswered[sent.uid]
                    if sent.is_kept:
                        taken.append(each.wanted[sent.uid])
                    else:
                        each.refused.append(sent)
                if taken and monotonic() - noted_at >= NOTE_EVERY_S:
                    count += self._note(taken)
                    taken, noted_at = [], monotonic()
                if self.is_stopping():
                    break
        finally:
            count += self._note(taken)
        return count

    def _note(self, taken: Sequence[Wanted]) -> int:
        if taken:
            self.claims.note(taken)
            FORWARDED.labels(self.entry.name).inc(len(taken))
        return len(taken)

    def _end_answered(self) -> bool:
        """Each delivery whose instances were all answered for ends; whether one was refused for no fault of
        its own."""
        done = []
        is_ill = False
        for each in self.attempts:
            if each.unanswered:  # we are stopping: it is released as it was
                continue
            why = self._fault(each)
            if why is None:
                done.append(each.claimed)
            elif each.refused and all(sent.is_ill for sent in each.refused):
                self.claims.wait(self.turn, [each.claimed], why)
                is_ill = True
            else:
                self._failed(each, why)
        if done:
            self.claims.done(self.turn, done)
        return is_ill

    def _fault(self, each: Attempt) -> str | None:
        """What is wrong with a delivery that was answered for, in words."""
        if each.refused:
            return in_words(each.refused, len(each.leaving))
        if not each.leaving and not self.claims.has_taken_any(each.claimed):
            return "nothing of this study is kept here, or all of it is hidden"
        if not self.entry.is_asked:
            return None
        held = self.destination.holds(list(each.leaving.values()))
        lacking = [uid for uid in each.leaving if held is not None and uid not in held]
        if not lacking:
            return None
        self.claims.take_back([each.wanted[uid] for uid in lacking])
        return f"it answered success for {len(each.leaving)} instances and, asked, lacks {len(lacking)}"

    def _end_broken(self, error: DestinationFailed) -> None:
        """What was under way when it was cut off has failed; what was complete is done; the rest waits."""
        done, waiting = [], []
        for each in self.attempts:
            if each.unanswered or self.entry.is_asked:
                waiting.append(each)
            elif each.refused:
                self._failed(each, in_words(each.refused, len(each.leaving)))
            else:
                done.append(each.claimed)
        if isinstance(error, CutOff) and waiting:
            first = next((each for each in waiting if each.unanswered), waiting[0])
            waiting.remove(first)
            self._failed(first, str(error))
        if done:
            self.claims.done(self.turn, done)
        if waiting:
            self.claims.wait(self.turn, [each.claimed for each in waiting], str(error))

    def _failed(self, each: Attempt, why: str) -> None:
        if self.claims.failed(self.turn, each.claimed, why, luck()):
            log.error("delivery.dead", delivery=each.claimed.id, destination=self.entry.name)


def attempts_for(entry: Entry, claimed: Sequence[Claimed], claims: Claims, loading: Loading) -> list[Attempt]:
    """What each delivery needs. What nobody may read is not wanted."""
    wanted: dict[int, list[Wanted]] = {}
    for each in claims.wanted(claimed, with_taken=entry.is_asked):
        wanted.setdefault(each.instance_id, []).append(each)
    attempts = {each.id: Attempt(each) for each in claimed}
    for one in loading.leaving(entry, claimed, list(wanted)):
        uid = one.stored.uid
        for each in wanted[one.stored.id]:
            attempt = attempts[each.delivery_id]
            attempt.wanted[uid], attempt.leaving[uid] = each, one
            if not each.is_taken:
                attempt.unanswered[uid] = one
    return list(attempts.values())


def in_words(refused: Sequence[Sent], asked: int) -> str:
    """Why instances were refused: each reason once, with how many it was given for."""
    reasons: dict[str, int] = {}
    for sent in refused:
        reasons[sent.because] = reasons.get(sent.because, 0) + 1
    told = "; ".join(f"{because} ({count})" for because, count in reasons.items())
    return f"it refused {len(refused)} of {asked} instances: {told}"


def luck() -> float:
    """What keeps retries apart."""
    return random.random()  # noqa: S311 -- nothing secret hangs on it
