"""Routing: what has come is looked at by the rules in force, and sent when it is complete.

Everything that waits is a row of `routing`, written before the follower moves its place-mark: a restart loses
nothing. What is looked at twice ends in the same rows; what is ordered twice is one delivery.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import structlog
from psycopg import Connection
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool

from dicom_router.rules.arrived import arrived
from dicom_router.rules.book import RuleBook
from dicom_router.rules.coercing import Coercing
from dicom_router.rules.held import Held, gathering, priors_wanted, standing_of
from dicom_router.rules.holding import from_json, to_json
from dicom_router.rules.prefetching import priors, round_of
from dicom_router.rules.rule import RuleSet
from dicom_router.rules.wishes import Priors, Wish, Wishes, together, wishes
from exchange.deliveries import Priority
from exchange.registry import Peer, PostgresRegistry
from storage.changes import Change, ChangeFeed, ChangeKind, follow
from storage.driver_errors import mapped_errors
from storage.errors import NotHeld, Unavailable

log = structlog.get_logger(__name__)

FOLLOWER = "routing"

#: Held by the one process that routes; others look again later.
_ALONE = 0x726F757465  # "route"

_EARLIER = """
    select destination, state, rules, priority, transfer_syntax, hold from routing
    where study_id = %s and destination <> '' for update
"""
_GATHER = """
    insert into routing as r (study_id, destination, rules, priority, transfer_syntax, hold,
                              opened_at, latest_at)
    values (%s, %s, %s, %s, %s, %s, %s, %s)
    on conflict (study_id, destination) do update set
        state = 'gathering', rules = excluded.rules, priority = excluded.priority,
        transfer_syntax = excluded.transfer_syntax, hold = excluded.hold,
        opened_at = case r.state when 'gathering' then least(r.opened_at, excluded.opened_at)
                                 else excluded.opened_at end,
        latest_at = greatest(r.latest_at, excluded.latest_at),
        released_at = case r.state when 'gathering' then r.released_at end,
        released_by = case r.state when 'gathering' then r.released_by end
"""
_WANT_PRIORS = """
    insert into prefetch (study_id, destination, rule, priority, wanted) values (%s, %s, %s, %s, %s)
    on conflict do nothing
"""
_TROUBLE = """
    insert into routing (study_id, destination, rules, priority, opened_at, latest_at, because)
    select id, '', '{}', 'medium', now(), now(), %s from study where uid = %s
    on conflict (study_id, destination) do update set state = 'gathering', because = excluded.because
"""
_ORDERED = """
    update routing set state = 'ordered', orders = orders + 1, ordered_at = now(), because = %s
    where study_id = %s and destination = %s
"""


class Deliveries(Protocol):
    """Where what is to be sent is ordered (dicom_router.deliveries.ordering)."""

    def order(
        self,
        study_uid: str,
        destination: str,
        *,
        priority: Priority,
        because: str,
        round: int = 1,
        transfer_syntax: str | None = None,
    ) -> int:
        """Ordered again, it is the same delivery: exactly what the destination lacks goes."""


@dataclass(frozen=True, slots=True)
class Routing:
    """The follower. Every verb raises Unavailable, and then nothing is skipped."""

    pool: ConnectionPool
    coercing: Coercing
    deliveries: Deliveries

    def run(self) -> int:
        """Look at all that has come, and send what is complete; how many changes that were."""
        with self._alone() as is_alone:
            if not is_alone:
                return 0
            count = follow(ChangeFeed(self.pool), FOLLOWER, self.look)
            self.send_complete()
            return count

    def look(self, changes: Sequence[Change]) -> None:
        """Coerce what has come, then write down what rules want done with it: study by study."""
        came: dict[str, dict[str, datetime]] = {}
        for change in changes:
            if change.kind is ChangeKind.KEPT and change.instance_uid:
                came.setdefault(change.study_uid, {})[change.instance_uid] = change.at
        if not came:
            return
        version = RuleBook(self.pool).in_force()
        if version is None:
            return
        peers = PostgresRegistry(self.pool).peers()
        for study_uid, instances in came.items():
            try:
                self._look(study_uid, instances, version.rules, peers)
            except (Unavailable, NotHeld) as error:
                if isinstance(error, Unavailable):
                    raise
            except Exception as error:  # one study's trouble is no other's; a person sees it
                log.error("routing.failed", error=type(error).__name__)
                self._note_trouble(study_uid, f"it could not be looked at: {type(error).__name__}")

    def send_complete(self) -> int:
        """Order what is complete, and the priors that are wanted; how many orders."""
        count = 0
        with mapped_errors(), self.pool.connection() as connection:
            waiting = gathering(connection)
        for held in waiting:
            if held.destination == "" and held.is_released:
                self.look_again(held.study_uid)
                continue
            if not held.may_go:
                continue
            with mapped_errors(), self.pool.connection() as connection:
                standing = standing_of(connection, held)
            if standing.is_complete:
                self._order(held, standing.because)
                count += 1
        return count + self._prefetch()

    def look_again(self, study_uid: str) -> None:
        """At all of a study, by the rules in force now. Raises NotHeld."""
        version = RuleBook(self.pool).in_force()
        with mapped_errors(), self.pool.connection() as connection:
            instances = {each.uid: each.received_at for each in arrived(connection, study_uid)}
            connection.execute(
                "delete from routing where destination = '' and study_id ="
                " (select id from study where uid = %s)",
                (study_uid,),
            )
        if not instances:
            raise NotHeld(f"study {study_uid}")
        if version is not None:
            self._look(study_uid, instances, version.rules, PostgresRegistry(self.pool).peers())

    def _look(
        self, study_uid: str, instances: Mapping[str, datetime], rules: RuleSet, peers: Sequence[Peer]
    ) -> None:
        self.coercing.coerce(study_uid, instances, peers, rules.coercions)
        with mapped_errors(), self.pool.connection() as connection:
            found = arrived(connection, study_uid, list(instances))
            if not found:
                return
            wanted = wishes(rules, [each.facts(instances[each.uid]) for each in found])
            row = connection.execute("select id from study where uid = %s", (study_uid,)).fetchone()
            assert row is not None
            moments = [instances[each.uid] for each in found]
            _write_down(connection, row[0], wanted, min(moments), max(moments))

    def _order(self, held: Held, because: str) -> None:
        said = f"{held.said}: {because}"
        self.deliveries.order(
            held.study_uid,
            held.destination,
            priority=held.wish.priority,
            because=said,
            transfer_syntax=held.wish.transfer_syntax,
        )
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute(_ORDERED, (because, held.study_id, held.destination))

    def _prefetch(self) -> int:
        with mapped_errors(), self.pool.connection() as connection:
            waiting = priors_wanted(connection)
        count = 0
        for each in waiting:
            with mapped_errors(), self.pool.connection() as connection:
                found = priors(connection, each.study_id, each.priors.prefetch)
                rounds = {uid: round_of(connection, uid, each.priors.prefetch.to) for uid in found}
            for uid in found:
                self.deliveries.order(
                    uid,
                    each.priors.prefetch.to,
                    priority=each.priors.priority,
                    because=f"rule {each.priors.rule}: an earlier study of the patient",
                    round=rounds[uid],
                )
            with mapped_errors(), self.pool.connection() as connection:
                connection.execute(
                    "update prefetch set ordered_at = now(), priors = %s"
                    " where study_id = %s and destination = %s",
                    (found, each.study_id, each.priors.prefetch.to),
                )
            count += len(found)
        return count

    def _note_trouble(self, study_uid: str, because: str) -> None:
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute(_TROUBLE, (because, study_uid))

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """A lock that its holder's end frees, and that holds no change up: it writes nothing."""
        with mapped_errors(), self.pool.connection() as connection:
            row = connection.execute("select pg_try_advisory_xact_lock(%s)", (_ALONE,)).fetchone()
            yield bool(row and row[0])


def _write_down(
    connection: Connection[Any], study_id: int, wanted: Wishes, opened_at: datetime, latest_at: datetime
) -> None:
    """A study that grows goes on growing wherever an earlier part of it went."""
    rows = connection.execute(_EARLIER, (study_id,)).fetchall()
    earlier = {destination: (state, _wish(*rest)) for destination, state, *rest in rows}
    sends = {destination: wish for destination, (_, wish) in earlier.items()}
    for destination, wish in wanted.sends.items():
        state, before = earlier.get(destination, ("", wish))
        sends[destination] = together(before, wish) if state == "gathering" else wish
    for destination, wish in sends.items():
        values = (
            study_id, destination, list(wish.rules), wish.priority.value, wish.transfer_syntax,
            Jsonb([to_json(hold) for hold in wish.holds]), opened_at, latest_at,
        )  # fmt: skip
        connection.execute(_GATHER, values)
    for destination, each in wanted.priors.items():
        prefetch = Jsonb(_prefetch_json(each))
        connection.execute(_WANT_PRIORS, (study_id, destination, each.rule, each.priority.value, prefetch))


def _wish(rules: list[str], priority: str, syntax: str | None, hold: list[dict[str, Any]]) -> Wish:
    return Wish(tuple(rules), Priority(priority), syntax, tuple(map(from_json, hold)))


def _prefetch_json(wanted: Priors) -> dict[str, Any]:
    prefetch = wanted.prefetch
    return {
        "same": sorted(each.value for each in prefetch.same),
        "at_most": prefetch.at_most,
        "within_days": prefetch.within_days,
    }
