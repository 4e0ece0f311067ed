"""Who looked, and who was refused: rows that are added and never changed.

A reader who goes through a study asks a thousand times in a minute; one row says so, whichever process was
asked, and what comes later in the same ten minutes counts on it. The row is committed before the first byte
leaves; the count follows within seconds. A refusal that is repeated is one row as well, and counted; whatever
study a stranger names, the rows of one address are bounded.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from time import time
from uuid import UUID

import psycopg
import structlog
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from exchange.policy import Action, Actor, ActorKind, Decision, Purpose
from storage.errors import IndexUnavailable

log = structlog.get_logger(__name__)

#: One row a reader, purpose, action, study and outcome in each of these stretches of the clock.
WINDOW_S = 600.0

#: How long a count may wait for its row. A process that is killed loses as much of the counts, and no row.
COUNT_EVERY_S = 5.0
_REMEMBERED = 20_000

_COLUMNS = (
    "actor_kind, actor, trust, address, action, purpose, study_uid, person, outcome, because, detail, fold"
)

#: The row of a stretch, by whomever it was added; none where another adds it at this moment.
_ADD = f"""
    with added as (
        insert into audit ({_COLUMNS}) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        on conflict (fold) do nothing returning id
    )
    select id, true from added union all select id, false from audit where fold = %s
"""
_COUNT = """
    insert into audit_count (audit, times, last_at)
    select * from unnest(%s::bigint[], %s::bigint[], %s::timestamptz[]) order by 1
    on conflict (audit) do update set times = audit_count.times + excluded.times,
        last_at = greatest(audit_count.last_at, excluded.last_at)
"""

Detail = Mapping[str, str | int | list[str]]


@dataclass(frozen=True, slots=True)
class Look:
    """Somebody asked to see something. `detail` holds which keys were asked for, never a value."""

    actor: Actor
    address: str
    action: Action
    purpose: Purpose
    decision: Decision
    study_uid: str | None = None
    detail: Detail = field(default_factory=dict)
    person: UUID | None = None  # whose record it was, by their uid

    @property
    def values(self) -> tuple[object, ...]:
        """A row of `audit`, but for its fold."""
        outcome = "allowed" if self.decision.allowed else "refused"
        return (
            self.actor.kind.value, self.actor.name, self.actor.trust, self.address, self.action.value,
            self.purpose.value, self.study_uid, self.person, outcome, self.decision.because,
            Jsonb(dict(self.detail)),
        )  # fmt: skip

    @property
    def key(self) -> tuple[object, ...]:
        """What makes two looks one."""
        actor, decision = self.actor, self.decision
        key = (
            actor.kind, actor.name, actor.trust, self.address,
            self.action, self.purpose, decision.allowed, decision.because,
        )  # fmt: skip
        if actor.kind is ActorKind.ANONYMOUS and not decision.allowed:
            return key
        detail = repr(sorted(self.detail.items())) if self.detail else ""
        of_person = (str(self.person),) if self.person else ()
        return (*key, self.study_uid or "", detail, *of_person)

    def fold(self, stretch: int) -> UUID:
        """The same, and in which stretch of the clock, for every process."""
        said = [str(getattr(part, "value", part)) for part in self.key]
        return UUID(bytes=blake2b(repr((stretch, said)).encode(), digest_size=16).digest())


@dataclass(slots=True)
class _Row:
    """A row that is committed, and the looks since that it does not count yet."""

    id: int
    stretch: int
    uncounted: int = 0
    last_at: float = 0.0


class Audit:
    """Writes who looked. Cheap to ask: in one stretch, a look that is known costs the database nothing."""

    def __init__(self, pool: AsyncConnectionPool) -> None:
        self._pool = pool
        self._rows: OrderedDict[tuple[object, ...], _Row] = OrderedDict()
        self._writing: dict[tuple[object, ...], asyncio.Task[None]] = {}
        self._uncounted: dict[int, _Row] = {}  # by id
        self._counting: asyncio.Task[None] | None = None

    async def record(self, look: Look) -> None:
        """When this returns, the row is committed. Raises IndexUnavailable; then nothing may be shown."""
        key, now = look.key, time()
        stretch = int(now // WINDOW_S)
        row = self._rows.get(key)
        if row is not None and row.stretch == stretch:
            self._count(row, now)
            return
        # Many requests of one reader come at once: they wait for one row together.
        writing = self._writing.get(key)
        if writing is None:
            writing = self._writing[key] = asyncio.create_task(self._write(key, look, stretch))
            await asyncio.shield(writing)
        else:
            await asyncio.shield(writing)
            self._count(self._rows.get(key), now)

    async def record_all(self, looks: Sequence[Look]) -> None:
        """The same for many, in one commit."""
        now = time()
        stretch = int(now // WINDOW_S)
        fresh: dict[tuple[object, ...], Look] = {}
        others = []
        for look in looks:
            key = look.key
            row = self._rows.get(key)
            if key in fresh or (row is not None and row.stretch == stretch):
                others.append(key)
            else:
                fresh[key] = look
        if fresh:
            await self._write_all(fresh, stretch)
        for key in others:
            self._count(self._rows.get(key), now)

    async def _write_all(self, fresh: Mapping[tuple[object, ...], Look], stretch: int) -> None:
        try:
            async with self._pool.connection() as connection, connection.transaction():
                # In one order, so that two who record the same looks at once do not wait for each other.
                found = [
                    (key, await _added(connection, look, stretch))
                    for key, look in sorted(fresh.items(), key=lambda each: each[1].fold(stretch))
                ]
        except psycopg.Error as error:
            raise _away(error) from error
        for key, (number, is_ours) in found:
            self._note(key, number, stretch, is_ours)

    async def settle(self) -> None:
        """Write down what is counted and not written yet. Raises IndexUnavailable; it is then kept."""
        counted = [(row, row.uncounted, row.last_at) for row in self._uncounted.values() if row.uncounted]
        self._uncounted.clear()
        for row, _, _ in counted:
            row.uncounted = 0
        if not counted:
            return
        columns = (
            [row.id for row, _, _ in counted],
            [times for _, times, _ in counted],
            [datetime.fromtimestamp(last_at, UTC) for _, _, last_at in counted],
        )
        try:
            async with self._pool.connection() as connection:
                await connection.execute(_COUNT, columns)
        except psycopg.Error as error:
            for row, times, last_at in counted:
                row.uncounted += times
                row.last_at = max(row.last_at, last_at)
                self._uncounted[row.id] = row
            raise _away(error) from error

    async def close(self) -> None:
        """Write down the last counts, before the pool closes; what cannot be is lost, and said so."""
        if self._counting is not None:
            self._counting.cancel()
        try:
            await self.settle()
        except IndexUnavailable as error:
            log.warning("audit.counts_lost", because=str(error))

    def _count(self, row: _Row | None, now: float) -> None:
        if row is None:  # so many others came meanwhile that it is forgotten
            return
        row.uncounted += 1
        row.last_at = now
        self._uncounted[row.id] = row
        if self._counting is None:
            self._counting = asyncio.create_task(self._settle_soon())

    async def _settle_soon(self) -> None:
        while self._uncounted:
            await asyncio.sleep(COUNT_EVERY_S)
            try:
                await self.settle()
            except IndexUnavailable as error:
                log.warning("audit.counts_wait", because=str(error))
        self._counting = None

    async def _write(self, key: tuple[object, ...], look: Look, stretch: int) -> None:
        try:
            async with self._pool.connection() as connection:
                number, is_ours = await _added(connection, look, stretch)
            self._note(key, number, stretch, is_ours)
        except psycopg.Error as error:
            raise _away(error) from error
        finally:
            del self._writing[key]

    def _note(self, key: tuple[object, ...], number: int, stretch: int, is_ours: bool) -> None:
        row = self._rows[key] = _Row(number, stretch)
        self._rows.move_to_end(key)
        while len(self._rows) > _REMEMBERED:
            self._rows.popitem(last=False)
        if not is_ours:
            self._count(row, time())


async def _added(connection: psycopg.AsyncConnection, look: Look, stretch: int) -> tuple[int, bool]:
    """The row's number, and whether this look made it rather than counts on it."""
    fold = look.fold(stretch)
    values = (*look.values, fold, fold)
    row = await (await connection.execute(_ADD, values)).fetchone()
    if row is None:  # another process added it while we did: its transaction has ended, so it is there now
        row = await (await connection.execute(_ADD, values)).fetchone()
    if row is None:
        raise IndexUnavailable("the database lost a row of the audit")
    return row[0], row[1]


def _away(error: psycopg.Error) -> IndexUnavailable:
    return IndexUnavailable(f"the database does not answer: {type(error).__name__}")
