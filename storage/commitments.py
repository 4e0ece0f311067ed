"""What peers asked us to answer for, in the database: who looks next, what is found, what they heard.

A request is a row before it is answered. Whoever works on one has it for a while (`next_at` lies in the
future); one who dies leaves it to the next. No transaction is held while objects are read or peers called.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import LiteralString

import structlog
from psycopg import Connection
from psycopg.rows import class_row
from psycopg_pool import ConnectionPool

from storage.commitment import (
    ASIDE,
    COMMITTED,
    KEPT,
    NO_SUCH_OBJECT_INSTANCE,
    PROCESSING_FAILURE,
    Asker,
    Claimed,
    CommitmentSettings,
    Listed,
    Looked,
    Reference,
    Report,
    TransactionTaken,
    reason_of,
)
from storage.driver_errors import mapped_errors
from storage.errors import ArchiveError
from storage.objects import ObjectStore
from storage.verify import Condition, reread

log = structlog.get_logger()

#: How long somebody who works on a request has it, since the last sign of life.
LEASE = timedelta(minutes=5)
#: Looks for what is unknown: at first this often, then at a tenth of the time that has passed.
LOOK_S = 2.0
#: Between two tries to deliver a report: doubled each time, up to the limit, and spread a little.
RETRY_S, RETRY_LIMIT_S = 5.0, 3600.0
#: Instances that are looked at together.
_BATCH = 100

_CLAIMED: LiteralString = (
    "id, transaction_uid, peer_id, peer, trust, called, on_association, settled_at is not null as is_settled"
)
_CLAIM: LiteralString = f"""
    update commitment set next_at = now() + %(lease)s where id = (
        select id from commitment
        where delivered_at is null and given_up_at is null and next_at <= now()
        and (not on_association or settled_at is null)
        order by next_at limit 1 for update skip locked)
    returning {_CLAIMED}
"""
_CLAIM_OF: LiteralString = f"""
    update commitment set next_at = now() + %(lease)s where id = (
        select id from commitment
        where delivered_at is null and given_up_at is null and peer = %(peer)s and trust = %(trust)s
        and on_association and (settled_at is not null or next_at <= now()) and not id = any(%(but)s)
        order by id limit 1 for update skip locked)
    returning {_CLAIMED}
"""
_LOOK: LiteralString = """
    select c.place, c.sop_class, n.sop_class, n.object_id, last.outcome, last.object_id
    from commitment_instance c join commitment m on m.id = c.commitment_id
    left join (instance n join series r on r.id = n.series_id join study s on s.id = r.study_id)
        on n.uid = c.uid and not (n.hidden and is_withdrawn(s.uid, r.uid, n.uid))
    left join lateral (
        select a.outcome, a.object_id from arrival a
        where a.sop_instance_uid = c.uid and a.peer = m.peer and a.trust = m.trust and a.outcome = any(%s)
        order by a.id desc limit 1) last on true
    where c.commitment_id = %s and c.reason is null and c.place > %s order by c.place limit %s
"""
_LISTED: LiteralString = """
    select m.id, m.transaction_uid, m.peer, m.trust, m.asked_at, m.settled_at, m.delivered_at, m.given_up_at,
        c.instances, c.committed, c.failed, m.tries, m.next_at, m.because
    from commitment m cross join lateral (
        select count(*) as instances, count(*) filter (where reason = 0) as committed,
            count(*) filter (where reason <> 0) as failed
        from commitment_instance where commitment_id = m.id) c
    where (%s or m.delivered_at is null) and (%s::text is null or m.trust = %s) order by m.id desc limit %s
"""


@dataclass(frozen=True, slots=True)
class Commitments:
    """Requests for storage commitment. Every verb raises Unavailable when a part is away."""

    pool: ConnectionPool
    objects: ObjectStore
    settings: CommitmentSettings = field(default_factory=CommitmentSettings)

    def ask(self, transaction_uid: str, references: Sequence[Reference], asker: Asker) -> int:
        """Write a request down, durably; its number.

        The same request again is the same request; one that was answered is looked at and answered anew.
        Raises TransactionTaken.
        """
        wanted = list(dict.fromkeys(references))
        patience = timedelta(seconds=self.settings.wait_s)
        with mapped_errors(), self.pool.connection() as connection:
            row = connection.execute(
                "insert into commitment (transaction_uid, peer_id, peer, trust, called, on_association,"
                " waits_until) values (%s, %s, %s, %s, %s, %s, now() + %s)"
                " on conflict do nothing returning id",
                (
                    transaction_uid, asker.peer_id, asker.peer, asker.trust, asker.called,
                    asker.on_association, patience,
                ),
            ).fetchone()  # fmt: skip
            if row is None:
                return _ask_again(connection, transaction_uid, wanted, asker, patience)
            number: int = row[0]
            with connection.cursor().copy(
                "copy commitment_instance (commitment_id, place, sop_class, uid) from stdin"
            ) as copy:
                for place, each in enumerate(wanted):
                    copy.write_row((number, place, each.sop_class_uid, each.uid))
        return number

    def claim(self) -> Claimed | None:
        """The one that is longest due, if any is; of those for the peer's own association, only to settle."""
        return self._claim(_CLAIM)

    def claim_of(self, asker: Asker, but: Iterable[int] = ()) -> Claimed | None:
        """One that is to be reported on this peer's own association."""
        return self._claim(_CLAIM_OF, peer=asker.peer, trust=asker.trust, but=list(but))

    def is_awaited(self, asker: Asker, but: Iterable[int] = ()) -> bool:
        """Whether anything is yet to be reported on this peer's own association."""
        with mapped_errors(), self.pool.connection() as connection:
            row = connection.execute(
                "select from commitment where delivered_at is null and given_up_at is null and peer = %s"
                " and trust = %s and on_association and not id = any(%s) limit 1",
                (asker.peer, asker.trust, list(but)),
            ).fetchone()
        return row is not None

    def _claim(self, statement: LiteralString, **values: object) -> Claimed | None:
        with (
            mapped_errors(),
            self.pool.connection() as connection,
            connection.cursor(row_factory=class_row(Claimed)) as cursor,
        ):
            return cursor.execute(statement, {"lease": LEASE, **values}).fetchone()

    def settle(self, claimed: Claimed) -> bool:
        """Find out what is not known yet; whether all of it is. Otherwise the next look is set.

        Stop it anywhere: what was found is kept.
        """
        place = -1
        try:
            while batch := self._look(claimed.id, place):
                place = batch[-1].place
                self._write(claimed.id, {each.place: self._found(each) for each in batch})
        except ArchiveError:
            self._later(claimed.id)
            raise
        return self._is_settled(claimed.id)

    def _found(self, looked: Looked) -> int | None:
        reason = reason_of(looked)
        if reason is not COMMITTED or looked.kept_object is None:
            return reason
        condition = reread(self.objects, self.pool, looked.kept_object)
        if condition is Condition.SOUND:
            return COMMITTED
        log.error("commitment.damaged", object=looked.kept_object, condition=condition.value)
        return PROCESSING_FAILURE

    def report(self, claimed: Claimed) -> Report:
        """What the peer is to hear of a settled request."""
        with mapped_errors(), self.pool.connection() as connection:
            rows = connection.execute(
                "select sop_class, uid, reason from commitment_instance where commitment_id = %s"
                " order by place",
                (claimed.id,),
            ).fetchall()
        return Report(
            claimed.transaction_uid,
            tuple(Reference(sop_class, uid) for sop_class, uid, reason in rows if reason == COMMITTED),
            tuple((Reference(sop_class, uid), reason) for sop_class, uid, reason in rows if reason),
        )

    def delivered(self, claimed: Claimed) -> None:
        """The peer has heard."""
        self._execute(
            "update commitment set delivered_at = now(), tries = tries + 1, because = '' where id = %s",
            claimed.id,
        )

    def failed(self, claimed: Claimed, because: str) -> None:
        """It has not: the next try is later, until the days are over."""
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute(
                "update commitment set tries = tries + 1, because = %s,"
                " next_at = now() + (0.8 + 0.4 * random()) * interval '1 second'"
                " * least(%s * power(2, least(tries, 20)), %s),"
                " given_up_at = case when settled_at < now() - %s then now() end where id = %s",
                (because, RETRY_S, RETRY_LIMIT_S, timedelta(days=self.settings.days), claimed.id),
            )

    def leave(self, claimed: Claimed) -> None:
        """Not ours any more: whoever looks next may have it."""
        self._execute("update commitment set next_at = now() where id = %s", claimed.id)

    def give_up_old(self) -> None:
        """Those that wait for an association of their peer's that never came."""
        self._execute(
            "update commitment set given_up_at = now() where on_association and delivered_at is null"
            " and given_up_at is null and settled_at < now() - %s",
            timedelta(days=self.settings.days),
        )

    def listed(
        self, *, with_delivered: bool = False, trust: str | None = None, limit: int = 1_000
    ) -> list[Listed]:
        """Those that are not delivered, the last first. All of them, or one trust's, where it is said."""
        with (
            mapped_errors(),
            self.pool.connection() as connection,
            connection.cursor(row_factory=class_row(Listed)) as cursor,
        ):
            return cursor.execute(_LISTED, (with_delivered, trust, trust, limit)).fetchall()

    def _look(self, number: int, after: int) -> list[Looked]:
        with mapped_errors(), self.pool.connection() as connection:
            rows = connection.execute(_LOOK, ([*KEPT, *ASIDE], number, after, _BATCH)).fetchall()
        return [Looked(*row) for row in rows]

    def _write(self, number: int, reasons: dict[int, int | None]) -> None:
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute(
                "update commitment_instance set reason = found.reason"
                " from unnest(%s::int[], %s::int[]) as found (place, reason)"
                " where commitment_id = %s and commitment_instance.place = found.place",
                (list(reasons), list(reasons.values()), number),
            )
            connection.execute("update commitment set next_at = now() + %s where id = %s", (LEASE, number))

    def _is_settled(self, number: int) -> bool:
        """Once nothing is unknown, or it was waited for long enough."""
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute(
                "update commitment_instance c set reason = %s from commitment m"
                " where m.id = c.commitment_id and m.id = %s and c.reason is null and m.waits_until <= now()",
                (NO_SUCH_OBJECT_INSTANCE, number),
            )
            row = connection.execute(
                "update commitment m set settled_at = now() where id = %s and not exists ("
                " select from commitment_instance c where c.commitment_id = m.id and c.reason is null)"
                " returning id",
                (number,),
            ).fetchone()
            if row is None:
                connection.execute(
                    "update commitment set next_at = least(waits_until,"
                    " now() + greatest(%s * interval '1 second', (now() - asked_at) / 10)) where id = %s",
                    (LOOK_S, number),
                )
        return row is not None

    def _later(self, number: int) -> None:
        self._execute("update commitment set next_at = now() + interval '30 seconds' where id = %s", number)

    def _execute(self, statement: LiteralString, *values: object) -> None:
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute(statement, values)


def _ask_again(
    connection: Connection,
    transaction_uid: str,
    wanted: Sequence[Reference],
    asker: Asker,
    patience: timedelta,
) -> int:
    row = connection.execute(
        "select id, coalesce(delivered_at, given_up_at) is not null from commitment"
        " where trust = %s and peer = %s and transaction_uid = %s for update",
        (asker.trust, asker.peer, transaction_uid),
    ).fetchone()
    assert row is not None
    number, is_over = row
    rows = connection.execute(
        "select sop_class, uid from commitment_instance where commitment_id = %s", (number,)
    ).fetchall()
    if {Reference(*row) for row in rows} != set(wanted):
        raise TransactionTaken
    if is_over:
        connection.execute(
            "update commitment set delivered_at = null, given_up_at = null, settled_at = null, tries = 0,"
            " because = '', peer_id = %s, called = %s, on_association = %s, asked_at = now(),"
            " next_at = now(), waits_until = now() + %s where id = %s",
            (asker.peer_id, asker.called, asker.on_association, patience, number),
        )
        connection.execute("update commitment_instance set reason = null where commitment_id = %s", (number,))
    return int(number)
