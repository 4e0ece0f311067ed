"""Sessions: by a cookie that only the browser has, and not for ever."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from exchange.accounts import Account, PostgresAccounts
from exchange.policy import Role
from exchange.sessions import Lasting, PostgresSessions, SessionHolders, Stage
from storage.connecting import open_pool

T = TypeVar("T")
LASTING = Lasting(idle_s=600, longest_s=3600)


@pytest.fixture
def sessions(database: str) -> Iterator[PostgresSessions]:
    with ConnectionPool(database, min_size=1, max_size=4) as pool:
        yield PostgresSessions(pool, LASTING)


@pytest.fixture
def ann(sessions: PostgresSessions) -> Account:
    accounts = PostgresAccounts(sessions.pool)
    accounts.create("ann", Role.READER, "", "test")
    return accounts.named("ann")


def asking(database: str, ask: Callable[[SessionHolders], Awaitable[T]]) -> T:
    async def run() -> T:
        async with open_pool(database, 2, 5.0) as pool:
            return await ask(SessionHolders(pool, LASTING))

    return asyncio.run(run())


def is_good(database: str, cookie: str) -> bool:
    return asking(database, lambda holders: holders.holder(cookie)) is not None


def begun(
    sessions: PostgresSessions, account: Account, stage: Stage = Stage.DONE, before: str | None = None
) -> str:
    return sessions.begin(account.id, stage, "10.0.0.1", "a browser", before)


def test_a_session_stands_for_its_account_as_it_is_now(
    database: str, sessions: PostgresSessions, ann: Account
) -> None:
    cookie = begun(sessions, ann)
    PostgresAccounts(sessions.pool).change("ann", Role.AUDITOR, None, "test")

    holder = asking(database, lambda holders: holders.holder(cookie))
    assert holder is not None
    assert (holder.actor.name, holder.actor.role, holder.stage) == ("ann", Role.AUDITOR, Stage.DONE)
    assert not is_good(database, cookie[:-1])
    with psycopg.connect(database) as connection:
        assert cookie not in str(connection.execute("select * from session").fetchall())


def test_signing_in_anew_ends_what_the_browser_held(
    database: str, sessions: PostgresSessions, ann: Account
) -> None:
    first = begun(sessions, ann, Stage.CODE)
    second = begun(sessions, ann, before=first)
    assert (is_good(database, first), is_good(database, second)) == (False, True)


@pytest.mark.parametrize(
    ("what", "passes_s", "good"),
    [("seen_at", 500, True), ("seen_at", 700, False), ("ends_at", 3000, True), ("ends_at", 3700, False)],
)
def test_a_session_ends_by_itself(
    database: str, sessions: PostgresSessions, ann: Account, what: str, passes_s: float, good: bool
) -> None:
    cookie = begun(sessions, ann)
    with psycopg.connect(database) as connection:
        connection.execute(f"update session set {what} = {what} - %s * interval '1 s'", (passes_s,))
    assert is_good(database, cookie) is good


def test_a_session_that_is_used_stays(database: str, sessions: PostgresSessions, ann: Account) -> None:
    cookie = begun(sessions, ann)
    for _ in range(3):
        with psycopg.connect(database) as connection:
            connection.execute("update session set seen_at = seen_at - interval '9 min'")
        assert is_good(database, cookie)


def test_sessions_are_ended_by_their_owner_and_by_an_administrator(
    database: str, sessions: PostgresSessions, ann: Account
) -> None:
    accounts = PostgresAccounts(sessions.pool)
    accounts.create("bob", Role.READER, "", "test")
    bob = accounts.named("bob")
    one, two, his = begun(sessions, ann), begun(sessions, ann), begun(sessions, bob)
    [newest, oldest] = sessions.of(ann.id)

    sessions.end_one(bob.id, oldest.id)  # not his
    assert is_good(database, one)
    sessions.end_one(ann.id, oldest.id)
    assert not is_good(database, one)
    assert [each.id for each in sessions.of(ann.id)] == [newest.id]
    accounts.disable("ann", "test")
    assert (is_good(database, two), is_good(database, his)) == (False, True)


def test_a_session_that_ended_here_is_not_believed(
    database: str, sessions: PostgresSessions, ann: Account
) -> None:
    cookie = begun(sessions, ann)

    async def act(holders: SessionHolders) -> tuple[bool, bool, bool]:
        before = await holders.holder(cookie)
        await asyncio.to_thread(sessions.end, cookie)
        meanwhile = await holders.holder(cookie)
        holders.forget()
        return before is not None, meanwhile is not None, await holders.holder(cookie) is not None

    assert asking(database, act) == (True, True, False)


def test_an_account_has_so_many_sessions_and_no_more(
    database: str, sessions: PostgresSessions, ann: Account
) -> None:
    first = begun(sessions, ann)
    for _ in range(20):
        begun(sessions, ann)
    assert len(sessions.of(ann.id)) == 20
    assert not is_good(database, first)


def test_browsers_are_known_by_account(sessions: PostgresSessions, ann: Account) -> None:
    sessions.know_browser("a cookie", ann.id)
    assert sessions.knows_browser("a cookie", ann.id)
    assert not sessions.knows_browser("a cookie", ann.id + 1)
    for number in range(25):
        sessions.know_browser(f"cookie {number}", ann.id)
    assert not sessions.knows_browser("a cookie", ann.id)
