"""Whatever order statements come in, the directory comes to the same end."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random
from threading import Thread
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection
from psycopg_pool import ConnectionPool

from exchange.people.clusters import relation_of
from exchange.people.directory import person_known_as
from exchange.people.person import Demographics, Identifier, NumberStatus, Record, Said
from exchange.people.standing import Facts, standing
from exchange.people.statements import Apart, Linked, Merged, Statement
from exchange.people.telling import tell
from tests.exchange.people import strategies
from tests.exchange.people.strategies import NOON

Heard = Sequence[tuple[Statement, Said]]

A, B = Identifier("A", "RBL"), Identifier("B", "RBL")
RUTH = Identifier.nhs("9990000018")


@contextmanager
def told(connection: Connection[Any], heard: Heard) -> Iterator[None]:
    """A directory that heard this, for as long as it lasts."""
    with connection.transaction(force_rollback=True):
        for statement, said in heard:
            tell(connection, statement, said)
        yield


def everything(connection: Connection[Any]) -> tuple[list[Any], list[Any]]:
    """All that the directory holds, without the numbers of its rows."""
    rows = connection.execute(
        "select r.issuer, r.value, r.nhs_number, r.number_status, r.demographics, r.said_at, r.said_by,"
        " c.issuer, c.value, r.sensitivity from person_record r join person_record c on c.id = r.current_id"
        " order by r.issuer, r.value"
    ).fetchall()
    relations = connection.execute(
        "select distinct s.kind, a.issuer, a.value, b.issuer, b.value, s.said_at, s.said_by"
        " from person_statement s join person_record a on a.id = s.from_id"
        " left join person_record b on b.id = s.into_id order by 1, 2, 3, 4, 5, 6, 7"
    ).fetchall()
    return rows, relations


def at_once(connection: Connection[Any]) -> dict[tuple[str, str], tuple[str, str]]:
    """For whom every number stands, decided from everything in one piece."""
    rows = connection.execute(
        "select id, issuer, value, nhs_number, number_status, said_at is null from person_record"
    ).fetchall()
    numbers = {id: Identifier(value, issuer) for id, issuer, value, *_ in rows}
    claims = {
        numbers[id]: None if is_bare else number if status == "01" else ""
        for id, _, _, number, status, is_bare in rows
    }
    relations = connection.execute("select kind, from_id, into_id, said_at, said_by from person_statement")
    said = [
        (relation_of(kind, numbers[one], numbers[other or one]), Said(at, by))
        for kind, one, other, at, by in relations
    ]
    found = standing(Facts(claims, said))
    return {(number.issuer, number.value): (one.issuer, one.value) for number, one in found.items()}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(strategies.heard, st.integers())
def test_any_order_and_any_repetition_is_the_same_directory(
    pool: ConnectionPool, heard: Heard, seed: int
) -> None:
    chance = Random(seed)
    shuffled = [*heard, *chance.choices(heard, k=3)] if heard else []
    chance.shuffle(shuffled)
    with pool.connection() as connection:
        with told(connection, heard):
            first = everything(connection)
            whole = at_once(connection)
        with told(connection, shuffled):
            assert everything(connection) == first
    # What was decided piece by piece is what follows from everything at once.
    assert {(row[0], row[1]): (row[7], row[8]) for row in first[0]} == whole


@pytest.mark.parametrize("seed", range(3))
def test_two_feeds_at_once_neither_block_each_other_nor_lose(database: str, seed: int) -> None:
    chance = Random(seed)
    heard = [(said_by_chance(chance), Said(NOON, f"{at:03}")) for at in range(120)]
    faults: list[BaseException] = []

    def feed(part: Heard) -> None:
        try:
            with psycopg.connect(database) as connection:
                for at in range(0, len(part), 3):  # several statements a transaction
                    for statement, said in part[at : at + 3]:
                        tell(connection, statement, said)
                    connection.commit()
        except BaseException as fault:
            faults.append(fault)

    feeds = [Thread(target=feed, args=(heard[at::3],)) for at in range(3)]
    for each in feeds:
        each.start()
    for each in feeds:
        each.join()
    assert not faults
    with psycopg.connect(database) as connection:
        together = everything(connection)
        assert {(row[0], row[1]): (row[7], row[8]) for row in together[0]} == at_once(connection)
        with connection.transaction(force_rollback=True):
            for statement, said in reversed(heard):
                tell(connection, statement, said)
            assert everything(connection) == together


def said_by_chance(chance: Random) -> Statement:
    """Something that a source may say, by chance."""
    one, other = chance.sample(chance.choice((strategies.OWN, strategies.OWN, strategies.OF_NHS)), 2)
    match chance.randrange(4):
        case 0:
            return Merged(one, other)
        case 1 if not one.is_nhs:
            return Linked(one, other)
        case 2:
            return Apart(one)
        case _:
            number = chance.choice(strategies.NHS_NUMBERS)
            return Record(one, Demographics(), number, NumberStatus.VERIFIED)


def test_the_linker_hears_of_what_changed_and_of_nothing_else(pool: ConnectionPool) -> None:
    def considered(connection: Connection[Any]) -> set[str]:
        rows = connection.execute("select value from person_record where not is_considered").fetchall()
        connection.execute("update person_record set is_considered = true")
        return {value for (value,) in rows}

    verified = Record(A, Demographics(postcode="CH1 1AA"), RUTH.value, NumberStatus.VERIFIED)
    with pool.connection() as connection:
        tell(connection, verified, Said(NOON, "1"))
        tell(connection, Record(B, Demographics()), Said(NOON, "1"))
        assert considered(connection) == {A.value, B.value, RUTH.value}
        tell(connection, verified, Said(NOON, "2"))
        assert considered(connection) == set()
        tell(connection, Merged(B, A), Said(NOON, "3"))
        assert considered(connection) == {B.value, RUTH.value}
        tell(connection, Record(A, verified.demographics), Said(NOON, "4"))
        assert considered(connection) == {A.value, B.value, RUTH.value}


def test_a_number_that_its_source_took_an_nhs_number_from_does_not_have_it_from_an_old_one(
    pool: ConnectionPool,
) -> None:
    with pool.connection() as connection:
        tell(connection, Record(A, Demographics(), RUTH.value, NumberStatus.VERIFIED), Said(NOON, "1"))
        tell(connection, Merged(A, B), Said(NOON, "2"))
        found = person_known_as(connection, B)
        assert found is not None
        assert found.identifier == RUTH
        tell(connection, Record(B, Demographics()), Said(NOON, "3"))
        found = person_known_as(connection, A)
        assert found is not None
        assert found.identifier == B


def test_who_was_merged_is_known_by_either_number_until_it_is_undone(pool: ConnectionPool) -> None:
    with pool.connection() as connection:
        tell(connection, Record(B, Demographics(), RUTH.value, NumberStatus.VERIFIED), Said(NOON, "1"))
        assert tell(connection, Merged(A, B), Said(NOON, "2"))
        assert not tell(connection, Merged(A, B), Said(NOON, "2"))
        found = person_known_as(connection, A)
        assert found is not None
        assert found.identifier == RUTH
        assert tell(connection, Apart(A), Said(NOON, "3"))
        found = person_known_as(connection, A)
        assert found is not None
        assert found.identifier == A
