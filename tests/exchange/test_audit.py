"""Who looked, and who was refused: a row in ten minutes, and no more of strangers."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import psycopg
import pytest

from exchange import audit as audit_module
from exchange.audit import Audit, Look
from exchange.policy import Action, Actor, ActorKind, Decision, Purpose, Role
from storage.connecting import open_pool
from storage.errors import IndexUnavailable

READER = Actor(ActorKind.ACCOUNT, "reader", "RBS", Role.READER)
LOOK = Look(READER, "10.0.0.1", Action.RETRIEVE, Purpose.TREATMENT, Decision(True, "may"), "1.2.3")


def auditing(database: str, act: Callable[[Audit], Awaitable[None]]) -> list[tuple[str, ...]]:
    async def run() -> None:
        async with open_pool(database, 4, 5.0) as pool:
            audit = Audit(pool)
            await act(audit)
            await audit.close()

    asyncio.run(run())
    with psycopg.connect(database) as connection:
        return connection.execute("select actor, study_uid, outcome from audit order by id").fetchall()


def test_many_at_once_are_one_row(database: str) -> None:
    async def act(audit: Audit) -> None:
        await asyncio.gather(*(audit.record(LOOK) for _ in range(20)))

    assert auditing(database, act) == [("reader", "1.2.3", "allowed")]


def test_another_reader_study_or_purpose_is_another_row(database: str) -> None:
    async def act(audit: Audit) -> None:
        for look in (
            LOOK,
            replace(LOOK, study_uid="1.2.4"),
            replace(LOOK, actor=replace(READER, name="other")),
            replace(LOOK, purpose=Purpose.OPERATIONS),
            LOOK,
        ):
            await audit.record(look)

    assert len(auditing(database, act)) == 4


def test_a_refusal_is_written_once_in_a_window_and_beside_what_is_allowed(database: str) -> None:
    async def act(audit: Audit) -> None:
        await audit.record(LOOK)
        for uid in ("1.2.3", "1.2.3", "1.2.4"):
            await audit.record(replace(LOOK, decision=Decision(False, "may not"), study_uid=uid))

    assert auditing(database, act) == [
        ("reader", "1.2.3", "allowed"),
        ("reader", "1.2.3", "refused"),
        ("reader", "1.2.4", "refused"),
    ]


def test_a_stranger_cannot_fill_the_audit(database: str) -> None:
    stranger = Actor(ActorKind.ANONYMOUS, "anonymous", "")
    refused = replace(LOOK, actor=stranger, decision=Decision(False, "nobody knows them"))

    async def act(audit: Audit) -> None:
        for number in range(30):
            await audit.record(replace(refused, study_uid=f"1.2.{number}"))
        await audit.record(replace(refused, address="10.0.0.2", study_uid="1.3"))

    assert auditing(database, act) == [("anonymous", "1.2.0", "refused"), ("anonymous", "1.3", "refused")]


def test_a_look_after_the_window_is_written_again(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_module, "WINDOW_S", 1e-6)

    async def act(audit: Audit) -> None:
        await audit.record(LOOK)
        await audit.record(LOOK)

    assert len(auditing(database, act)) == 2


def test_rows_never_change(database: str) -> None:
    async def act(audit: Audit) -> None:
        await audit.record(LOOK)

    auditing(database, act)
    for statement in ("update audit set actor = 'nobody'", "delete from audit", "truncate audit"):
        with psycopg.connect(database) as connection, pytest.raises(psycopg.errors.RestrictViolation):
            connection.execute(statement)


def counts(database: str) -> list[tuple[str, int]]:
    with psycopg.connect(database) as connection:
        return connection.execute(
            "select a.outcome, coalesce(c.times, 0) from audit a left join audit_count c on c.audit = a.id"
            " order by a.id"
        ).fetchall()


def test_later_looks_and_refusals_count_on_their_row(database: str) -> None:
    refused = replace(LOOK, decision=Decision(False, "may not"))

    async def act(audit: Audit) -> None:
        await asyncio.gather(*(audit.record(LOOK) for _ in range(20)))
        await audit.settle()
        for _ in range(30):
            await audit.record(LOOK)
        await audit.record_all([LOOK, refused, refused])
        await audit.record(refused)

    auditing(database, act)
    assert counts(database) == [("allowed", 50), ("refused", 2)]


def test_processes_share_the_row_of_a_stretch(database: str) -> None:
    async def run() -> None:
        async with open_pool(database, 8, 5.0) as pool:
            several = [Audit(pool) for _ in range(6)]
            await asyncio.gather(*(audit.record(LOOK) for audit in several))
            await asyncio.gather(*(audit.record_all([LOOK]) for audit in several))
            for audit in several:
                await audit.close()

    asyncio.run(run())
    assert counts(database) == [("allowed", 11)]


def test_a_look_that_is_known_asks_the_database_nothing(database: str) -> None:
    async def run() -> None:
        async with open_pool(database, 2, 5.0) as pool:
            audit = Audit(pool)
            await audit.record(LOOK)
            asked = pool.get_stats().get("requests_num", 0)
            for _ in range(1000):
                await audit.record(LOOK)
            assert pool.get_stats().get("requests_num", 0) == asked
            await audit.close()

    asyncio.run(run())
    assert counts(database) == [("allowed", 1000)]


def test_counts_wait_for_a_database_that_is_away(database: str) -> None:
    async def run() -> None:
        async with open_pool(database, 2, 5.0) as pool:
            audit = Audit(pool)
            for _ in range(3):
                await audit.record(LOOK)
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute("alter table audit_count rename to elsewhere")
                with pytest.raises(IndexUnavailable):
                    await audit.settle()
                connection.execute("alter table elsewhere rename to audit_count")
            await audit.record(LOOK)
            await audit.close()

    asyncio.run(run())
    assert counts(database) == [("allowed", 3)]
