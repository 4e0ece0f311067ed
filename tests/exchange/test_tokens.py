"""Tokens: shown once, kept as a digest, with an expiry and a way to revoke them."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import psycopg
import pytest

from exchange import tokens
from exchange.policy import ActorKind, Role
from exchange.tokens import NameTaken, TokenHolders
from storage.connecting import open_pool
from storage.errors import IndexUnavailable

T = TypeVar("T")
SOON = timedelta(hours=1)


def asking(database: str, ask: Callable[[TokenHolders], Awaitable[T]]) -> T:
    async def run() -> T:
        async with open_pool(database, 2, 5.0) as pool:
            return await ask(TokenHolders(pool))

    return asyncio.run(run())


def test_a_token_stands_for_its_holder(database: str) -> None:
    text = tokens.create(database, "ward 7", Role.READER, "RBS", datetime.now(UTC) + SOON)

    actor = asking(database, lambda accounts: accounts.holder(text))

    assert actor is not None
    assert (actor.kind, actor.name, actor.trust, actor.role) == (
        ActorKind.ACCOUNT, "ward 7", "RBS", Role.READER,
    )  # fmt: skip
    assert asking(database, lambda accounts: accounts.holder(text[:-1])) is None
    with psycopg.connect(database) as connection:
        assert text not in str(connection.execute("select * from access_token").fetchall())


def test_names_are_taken_once_and_all_tokens_are_listed(database: str) -> None:
    expires_at = datetime.now(UTC) + SOON
    tokens.create(database, "one", Role.READER, "", expires_at)
    tokens.create(database, "two", Role.AUDITOR, "RBS", expires_at)
    with pytest.raises(NameTaken, match="one"):
        tokens.create(database, "one", Role.READER, "", expires_at)
    tokens.revoke(database, "one")

    two, one = tokens.tokens(database)

    assert (two.name, two.role, two.trust, two.revoked_at) == ("two", Role.AUDITOR, "RBS", None)
    assert one.revoked_at is not None


def test_an_expiry_counts_while_the_token_is_believed(database: str) -> None:
    text = tokens.create(database, "brief", Role.READER, "", datetime.now(UTC) + timedelta(seconds=0.4))

    async def twice(accounts: TokenHolders) -> tuple[bool, bool]:
        before = await accounts.holder(text)
        await asyncio.sleep(0.5)
        return before is not None, await accounts.holder(text) is not None

    assert asking(database, twice) == (True, False)


def test_a_database_that_is_away_is_told(database: str) -> None:
    nowhere = psycopg.conninfo.make_conninfo(database, port=1)
    with pytest.raises(IndexUnavailable):
        tokens.tokens(nowhere)
