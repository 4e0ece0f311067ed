"""Ordering deliveries, on a real PostgreSQL."""

from collections.abc import Iterator
from typing import Any

import pytest
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from dicom_router.deliveries.ordering import PostgresDeliveries
from exchange.deliveries import Priority


@pytest.fixture
def pool(database: str) -> Iterator[ConnectionPool]:
    with ConnectionPool(database, min_size=1, max_size=8, timeout=60) as pool:
        yield pool


@pytest.fixture
def deliveries(pool: ConnectionPool) -> PostgresDeliveries:
    return PostgresDeliveries(pool)


def rows(pool: ConnectionPool, query: str) -> list[dict[str, Any]]:
    with pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query).fetchall()


def test_an_order_is_a_row_and_a_job_that_names_only_the_destination(
    pool: ConnectionPool, deliveries: PostgresDeliveries
) -> None:
    deliveries.order("1.2.3", "PACS", because="rule all")

    [row] = rows(pool, "select * from delivery")
    assert (row["state"], row["priority"], row["tries"], row["orders"]) == ("waiting", "medium", 0, 1)
    [job] = rows(pool, "select * from procrastinate_jobs")
    assert (job["args"], job["lock"], job["queueing_lock"]) == ({"destination": "PACS"}, None, None)


def test_ordered_again_it_is_the_same_delivery_and_the_more_urgent_wins(
    pool: ConnectionPool, deliveries: PostgresDeliveries
) -> None:
    first = deliveries.order("1.2.3", "PACS", priority=Priority.HIGH, because="rule urgent")
    again = deliveries.order("1.2.3", "PACS", priority=Priority.LOW, because="rule all")

    assert first == again
    [row] = rows(pool, "select priority::text, orders, because from delivery")
    assert row == {"priority": "high", "orders": 2, "because": "rule all"}


def test_another_round_and_another_destination_are_other_deliveries(deliveries: PostgresDeliveries) -> None:
    numbers = {
        deliveries.order("1.2.3", "PACS", because="rule"),
        deliveries.order("1.2.3", "PACS", because="rule", round=2),
        deliveries.order("1.2.3", "CLOUD", because="rule"),
    }

    assert len(numbers) == 3


@pytest.mark.parametrize(
    ("before", "after"), [("delivered", "waiting"), ("dead", "dead"), ("cancelled", "cancelled")]
)
def test_what_was_delivered_may_have_grown_what_a_person_holds_stays(
    pool: ConnectionPool, deliveries: PostgresDeliveries, before: str, after: str
) -> None:
    deliveries.order("1.2.3", "PACS", because="rule")
    with pool.connection() as connection:
        connection.execute("update delivery set state = %s, ended_at = now()", (before,))

    deliveries.order("1.2.3", "PACS", because="rule")

    [row] = rows(pool, "select state, ended_at is null as is_open from delivery")
    assert row == {"state": after, "is_open": after == "waiting"}


def test_nobody_is_woken_while_somebody_is_at_work(
    pool: ConnectionPool, deliveries: PostgresDeliveries
) -> None:
    with pool.connection() as connection:
        connection.execute(
            "insert into turn values ('PACS', 1, gen_random_uuid(), now() + interval '1 minute')"
        )

    deliveries.order("1.2.3", "PACS", because="rule")

    assert rows(pool, "select from procrastinate_jobs") == []
