"""Who looked, and who was refused: rows that are added and never changed.

A reader who goes through a study asks a thousand times in a minute; one row says so. It is committed
before the first byte leaves. A refusal that is repeated is one row as well; whatever study a stranger names,
the rows of one address are bounded.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic

import psycopg
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from exchange.policy import Action, Actor, ActorKind, Decision, Purpose
from storage.errors import IndexUnavailable

#: One row a reader, purpose, action, study and outcome in this time. Each process keeps its own count.
WINDOW_S = 600.0
_REMEMBERED = 20_000

_ADD = (
    "insert into audit"
    " (actor_kind, actor, trust, address, action, purpose, study_uid, outcome, because, detail)"
    " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)

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

    @property
    def values(self) -> tuple[object, ...]:
        """A row of `audit`."""
        outcome = "allowed" if self.decision.allowed else "refused"
        return (
            self.actor.kind.value, self.actor.name, self.actor.trust, self.address, self.action.value,
            self.purpose.value, self.study_uid, outcome, self.decision.because, Jsonb(dict(self.detail)),
        )  # fmt: skip

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two looks one."""
        who = (self.actor.kind.value, self.actor.name, self.actor.trust, self.address)
        decision = self.decision
        what = (self.action.value, self.purpose.value, str(decision.allowed), decision.because)
        if self.actor.kind is ActorKind.ANONYMOUS and not decision.allowed:
            return who + what
        return (*who, *what, self.study_uid or "", repr(sorted(self.detail.items())))


class Audit:
    """Writes who looked. Cheap to ask: what was written lately is remembered."""

    def __init__(self, pool: AsyncConnectionPool, window_s: float = WINDOW_S) -> None:
        self._pool = pool
        self._window_s = window_s
        self._written: OrderedDict[tuple[str, ...], float] = OrderedDict()
        self._writing: dict[tuple[str, ...], asyncio.Task[None]] = {}

    async def record(self, look: Look) -> None:
        """When this returns, the row is committed. Raises IndexUnavailable; then nothing may be shown."""
        key = look.key
        written_at = self._written.get(key)
        if written_at is not None and monotonic() - written_at < self._window_s:
            return
        # Many requests of one reader come at once: they wait for one row together.
        writing = self._writing.get(key)
        if writing is None:
            writing = self._writing[key] = asyncio.create_task(self._remember(key, look))
        await asyncio.shield(writing)

    async def record_all(self, looks: Sequence[Look]) -> None:
        """The same for many, in one commit."""
        now = monotonic()
        fresh = {
            look.key: look
            for look in looks
            if now - self._written.get(look.key, -self._window_s) >= self._window_s
        }
        if not fresh:
            return
        try:
            async with self._pool.connection() as connection, connection.transaction():
                cursor = connection.cursor()
                await cursor.executemany(_ADD, [look.values for look in fresh.values()])
        except psycopg.Error as error:
            raise IndexUnavailable(f"the database does not answer: {type(error).__name__}") from error
        for key in fresh:
            self._note(key)

    def _note(self, key: tuple[str, ...]) -> None:
        self._written[key] = monotonic()
        self._written.move_to_end(key)
        while len(self._written) > _REMEMBERED:
            self._written.popitem(last=False)

    async def _remember(self, key: tuple[str, ...], look: Look) -> None:
        try:
            await self._add(look)
            self._note(key)
        finally:
            del self._writing[key]

    async def _add(self, look: Look) -> None:
        try:
            async with self._pool.connection() as connection:
                await connection.execute(_ADD, look.values)
        except psycopg.Error as error:
            raise IndexUnavailable(f"the database does not answer: {type(error).__name__}") from error
