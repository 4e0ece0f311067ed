"""Taking a study, a series or an instance out of use: one person asks, another approves. It can be undone.

Approved, a withdrawal hides everything under its UID, now and whenever it comes again (storage.showing), in
one transaction with its tombstone and its changes; before that, the decision is durable beside the bytes
(storage.tombstones). The bytes stay for a time; then they go for good (storage.purging).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row
from psycopg_pool import ConnectionPool

from storage.driver_errors import mapped_errors
from storage.elements import EXPLICIT_LITTLE
from storage.errors import AlreadyDecided, BadInput, NotHeld
from storage.index import KeptObject
from storage.keys import fresh_key
from storage.objects import ObjectStore
from storage.stored import Resource
from storage.tombstones import DECIDER, Decided, write_decision
from storage.withdrawal import NotYours, Standing, Withdrawal, WithdrawalSettings

#: Characters of a reason.
REASON_LIMIT = 1_000

_ROWS = """
    select id, restores, level, study_uid, series_uid, instance_uid, trusts, instances, because, asked_by,
        asked_at, expires_at, decision, decided_by, decided_at, keep_until, undone_at, purged_at,
        decision is null and expires_at <= now() as is_expired
    from withdrawal
"""
#: Of what is asked for: whether it shows, is hidden or both; and whose it is.
_COVERED = """
    select count(*)::integer, count(*) filter (where not n.hidden)::integer,
        coalesce(array_agg(distinct heir_of(i.trust)), '{}')
    from study s join series r on r.study_id = s.id join instance n on n.series_id = r.id
    join identity i on i.id = n.identity_id
    where s.uid = %(study)s and (%(series)s::text is null or r.uid = %(series)s)
    and (%(instance)s::text is null or n.uid = %(instance)s)
"""
_ASK = """
    insert into withdrawal (restores, level, study_uid, series_uid, instance_uid, trusts, instances, because,
        asked_by, expires_at)
    values (%s, %s, %s, %s, %s, %s, %s, %s, %s, now() + %s) returning id
"""


@dataclass(frozen=True, slots=True)
class Withdrawals:
    """Requests and decisions. Every verb raises Unavailable when a part is away."""

    pool: ConnectionPool
    objects: ObjectStore
    settings: WithdrawalSettings = field(default_factory=WithdrawalSettings)

    def ask(self, resource: Resource, because: str, by: str, trust: str = "") -> Withdrawal:
        """A request that what shows of a resource be withdrawn; one that waits already is the same request.

        `trust` is that of whoever asks, "" for none. Raises NotHeld, NotYours and BadInput.
        """
        because = _reason(because)
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute("select lock_studies(array[%s])", (resource.study,))
            waiting = _waiting(connection, resource)
            if waiting is not None:
                _require_own(connection, waiting.trusts, trust)
                return waiting
            _, shown, trusts = _covered(connection, resource)
            if not shown:
                raise NotHeld(str(resource))
            _require_own(connection, trusts, trust)
            return self._add(connection, None, resource, trusts, shown, because, by)

    def ask_undo(self, number: int, because: str, by: str, trust: str = "") -> Withdrawal:
        """A request that a withdrawal be undone. Raises NotHeld, NotYours, BadInput and AlreadyDecided."""
        because = _reason(because)
        found = self.withdrawal(number, trust)
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute("select lock_studies(array[%s])", (found.study_uid,))
            found = _locked(connection, number)
            if found.restores is not None or found.standing not in (Standing.APPROVED, Standing.PURGED):
                raise AlreadyDecided(f"request {number} is {found.standing.value}: there is nothing to undo")
            waiting = _waiting(connection, found.resource, number)
            if waiting is not None:
                return waiting
            return self._add(connection, number, found.resource, found.trusts, found.instances, because, by)

    def approve(self, number: int, by: str, trust: str = "") -> Withdrawal:
        """It is done. Raises NotHeld, NotYours for one's own request, and AlreadyDecided."""
        found = self.withdrawal(number, trust)
        with mapped_errors(), self.pool.connection() as connection:
            # Nobody adds to the study meanwhile; then the request, as whoever decides over it at once.
            connection.execute("select lock_studies(array[%s])", (found.study_uid,))
            found = _open(connection, number, by)
            _require_own(connection, found.trusts, trust)
            connection.execute(
                "update withdrawal set decision = 'approve', decided_by = %s, decided_at = now(),"
                " keep_until = case when restores is null then now() + %s end where id = %s",
                (by, timedelta(days=self.settings.retention_days), number),
            )
            if found.restores is None:
                self._bury(connection, number)
            else:
                self._raise(connection, number, found.restores)
            connection.execute("select settle_hidden(%s)", (found.study_uid,))
        return self.withdrawal(number)

    def reject(self, number: int, by: str, trust: str = "") -> Withdrawal:
        """It is not done. Raises as `approve`."""
        self.withdrawal(number, trust)
        with mapped_errors(), self.pool.connection() as connection:
            _open(connection, number, by)
            connection.execute(
                "update withdrawal set decision = 'reject', decided_by = %s, decided_at = now()"
                " where id = %s",
                (by, number),
            )
        return self.withdrawal(number)

    def withdrawal(self, number: int, trust: str = "") -> Withdrawal:
        """One request; of another trust's there is none. Raises NotHeld."""
        found = self._rows("where id = %s and (%s = '' or heir_of(%s) = any(trusts))", number, trust, trust)
        if not found:
            raise NotHeld(f"request {number} for a withdrawal")
        return found[0]

    def listed(self, trust: str = "", limit: int = 100, *, only_waiting: bool = False) -> list[Withdrawal]:
        """The last ones first; those about what is a trust's, where it is named."""
        return self._rows(
            "where (%s = '' or heir_of(%s) = any(trusts))"
            " and (not %s or decision is null and expires_at > now()) order by id desc limit %s",
            trust, trust, only_waiting, limit,
        )  # fmt: skip

    def _add(
        self,
        connection: Connection,
        restores: int | None,
        resource: Resource,
        trusts: Sequence[str],
        instances: int,
        because: str,
        by: str,
    ) -> Withdrawal:
        row = connection.execute(
            _ASK,
            (
                restores, resource.level, resource.study, resource.series, resource.instance, list(trusts),
                instances, because, by, timedelta(days=self.settings.request_days),
            ),
        ).fetchone()  # fmt: skip
        assert row is not None
        return _locked(connection, row[0])

    def _bury(self, connection: Connection, number: int) -> None:
        """A tombstone, and the decision beside the bytes."""
        held, _, trusts = _covered(connection, _locked(connection, number).resource)
        connection.execute(
            "update withdrawal set instances = %s, trusts = %s where id = %s", (held, trusts, number)
        )
        found = _locked(connection, number)
        self._write_down(connection, found)
        buried = bury(connection, found.id, _decided(found))
        if not buried:
            raise AlreadyDecided(f"the {found.resource} is withdrawn by another request")

    def _raise(self, connection: Connection, number: int, withdrawn: int) -> None:
        """The tombstone goes, and the decision to do so is beside the bytes."""
        if _locked(connection, withdrawn).undone_at is not None:
            raise AlreadyDecided(f"request {withdrawn} is undone")
        self._write_down(connection, _locked(connection, number))
        unbury(connection, withdrawn)

    def _write_down(self, connection: Connection, found: Withdrawal) -> None:
        """Durable before the rows are committed: bytes without a row are swept."""
        decided = _decided(found)
        meta, data_set = write_decision(decided)
        key = fresh_key(datetime.now(UTC))
        self.objects.put(key, (meta, data_set))
        size, digest = len(meta) + len(data_set), sha256(data_set).digest()
        _add_object(connection, KeptObject(key, size, len(meta), digest, EXPLICIT_LITTLE), decided)

    def _rows(self, condition: str, *values: Any) -> list[Withdrawal]:
        with mapped_errors(), self.pool.connection() as connection:
            return _found(connection, condition, *values)


def bury(connection: Connection, number: int, decided: Decided) -> bool:
    """The tombstone of a withdrawal; False where there is one."""
    row = connection.execute(
        "insert into tombstone (uid, level, study_uid, withdrawal_id, withdrawn_at, asked_by, approved_by,"
        " because) values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing returning uid",
        (
            decided.uid, decided.level, decided.study_uid, number, decided.decided_at, decided.asked_by,
            decided.approved_by, decided.because,
        ),
    ).fetchone()  # fmt: skip
    return row is not None


def unbury(connection: Connection, number: int) -> None:
    """A withdrawal is in force no more."""
    connection.execute("delete from tombstone where withdrawal_id = %s", (number,))
    connection.execute("update withdrawal set undone_at = now() where id = %s", (number,))


def decide_again(connection: Connection, decided: Decided, kept: KeptObject) -> None:
    """An approved decision, of which only the object is left (storage.rebuild)."""
    connection.execute("select lock_studies(array[%s])", (decided.study_uid,))
    restored = connection.execute(
        "select withdrawal_id from tombstone where uid = %s and level = %s", (decided.uid, decided.level)
    ).fetchone()
    row = connection.execute(
        "insert into withdrawal (restores, level, study_uid, series_uid, instance_uid, trusts, instances,"
        " because, asked_by, asked_at, expires_at, decision, decided_by, decided_at, keep_until)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'approve', %s, %s, %s) returning id",
        (
            restored[0] if decided.is_undoing and restored else None, decided.level, decided.study_uid,
            decided.series_uid, decided.instance_uid, list(decided.trusts), decided.instances,
            decided.because, decided.asked_by, decided.asked_at, decided.decided_at, decided.approved_by,
            decided.decided_at, decided.keep_until,
        ),
    ).fetchone()  # fmt: skip
    assert row is not None
    _add_object(connection, kept, decided)
    if not decided.is_undoing:
        bury(connection, row[0], decided)
    elif restored:
        unbury(connection, restored[0])
    connection.execute("select settle_hidden(%s)", (decided.study_uid,))


def _add_object(connection: Connection, kept: KeptObject, decided: Decided) -> None:
    trust = decided.trusts[0] if decided.trusts else ""
    connection.execute(
        "insert into object (key, size, data_offset, digest, transfer_syntax, peer, trust, received_at)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            kept.key, kept.size, kept.data_offset, kept.digest, kept.transfer_syntax_uid, DECIDER, trust,
            decided.decided_at,
        ),
    )  # fmt: skip


def _decided(found: Withdrawal) -> Decided:
    assert found.decided_by is not None
    assert found.decided_at is not None
    return Decided(
        found.restores is not None, found.level, found.study_uid, found.series_uid, found.instance_uid,
        tuple(found.trusts), found.instances, found.because, found.asked_by, found.asked_at, found.decided_by,
        found.decided_at, found.keep_until,
    )  # fmt: skip


def _reason(text: str) -> str:
    because = " ".join(text.replace("\0", " ").split())
    if not because or len(because) > REASON_LIMIT:
        raise BadInput(f"say why, in at most {REASON_LIMIT:,} characters")
    return because


def _require_own(connection: Connection, trusts: Sequence[str], trust: str) -> None:
    """Somebody of one trust asks and decides over what is that trust's alone, or its successor's."""
    if not trust:
        return
    row = connection.execute("select heir_of(%s)", (trust,)).fetchone()
    if row is None or set(trusts) != {row[0]}:
        raise NotYours("it is another trust's as well: somebody of that trust, or of none, asks and decides")


def _covered(connection: Connection, resource: Resource) -> tuple[int, int, list[str]]:
    """Instances that are kept of it and that show, and whose they are."""
    named = {"study": resource.study, "series": resource.series, "instance": resource.instance}
    row = connection.execute(_COVERED, named).fetchone()
    assert row is not None
    kept, shown, trusts = row
    return kept, shown, trusts


def _waiting(connection: Connection, resource: Resource, restores: int | None = None) -> Withdrawal | None:
    found = _found(
        connection,
        "where decision is null and expires_at > now() and restores is not distinct from %s"
        " and study_uid = %s and series_uid is not distinct from %s and instance_uid is not distinct from %s",
        restores, resource.study, resource.series, resource.instance,
    )  # fmt: skip
    return found[0] if found else None


def _open(connection: Connection, number: int, by: str) -> Withdrawal:
    """A request that waits for somebody else. Raises AlreadyDecided and NotYours."""
    found = _locked(connection, number)
    if found.standing is not Standing.WAITING:
        raise AlreadyDecided(f"request {number} is {found.standing.value}")
    if found.asked_by == by:
        raise NotYours("you asked for it: another person decides")
    return found


def _locked(connection: Connection, number: int) -> Withdrawal:
    return _found(connection, "where id = %s for update", number)[0]


def _found(connection: Connection, condition: str, *values: Any) -> list[Withdrawal]:
    with connection.cursor(row_factory=class_row(Withdrawal)) as cursor:
        return cursor.execute(_ROWS + condition, values).fetchall()
