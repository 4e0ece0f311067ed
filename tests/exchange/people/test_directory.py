"""Who somebody is by any of their numbers."""

from datetime import UTC, datetime, timedelta

from psycopg_pool import ConnectionPool

from exchange.people.directory import people, person_known_as, person_with_uid, standings
from exchange.people.person import (
    Demographics,
    Identifier,
    NumberStatus,
    PersonName,
    Record,
    Said,
    Sensitivity,
    Sex,
)
from exchange.people.telling import tell

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RUTH = Demographics((PersonName("O'Neill", ("Ruth", "Ann")),), "19710304", Sex.FEMALE, postcode="CH1 1AA")
NHS_NUMBER = Identifier.nhs("9990000018")
OF_WIRRAL = Identifier("123456", "RBL")


def said(minute: int = 0) -> Said:
    return Said(NOON + timedelta(minutes=minute), f"message {minute}")


def told(pool: ConnectionPool, record: Record, at: Said) -> bool:
    with pool.connection() as connection:
        return tell(connection, record, at)


def test_a_verified_number_joins_a_trusts_own_to_the_person(pool: ConnectionPool) -> None:
    told(pool, Record(OF_WIRRAL, RUTH, NHS_NUMBER.value, NumberStatus.VERIFIED), said())

    with pool.connection() as connection:
        found = person_known_as(connection, OF_WIRRAL)
        assert found == person_known_as(connection, NHS_NUMBER)
        assert found is not None
        assert person_with_uid(connection, found.uid) == found
        assert people(connection, [found.id]) == {found.id: found}
    assert (found.nhs_number, found.is_verified, found.demographics) == (NHS_NUMBER.value, True, RUTH)
    assert [each.identifier for each in found.others] == [OF_WIRRAL]


def test_one_that_is_not_traced_joins_nobody(pool: ConnectionPool) -> None:
    told(pool, Record(OF_WIRRAL, RUTH, NHS_NUMBER.value, NumberStatus.NOT_TRACED), said())

    with pool.connection() as connection:
        found = person_known_as(connection, OF_WIRRAL)
        assert found is not None
        assert (found.nhs_number, found.is_verified) == ("", False)
        assert person_known_as(connection, NHS_NUMBER) is None
        standing = standings(connection, [OF_WIRRAL, Identifier("123456", "REM")])
    assert {each: known.claims for each, known in standing.items()} == {OF_WIRRAL: NHS_NUMBER.value}


def test_what_was_said_later_stands_whenever_it_comes(pool: ConnectionPool) -> None:
    newer = Record(OF_WIRRAL, RUTH, sensitivity=Sensitivity.RESTRICTED)
    older = Record(OF_WIRRAL, Demographics((PersonName("Oneill"),)))
    assert told(pool, newer, said(5))
    assert not told(pool, older, said(1))
    assert not told(pool, newer, said(5))

    with pool.connection() as connection:
        found = person_known_as(connection, OF_WIRRAL)
    assert found is not None
    assert (found.demographics, found.sensitivity) == (RUTH, Sensitivity.RESTRICTED)


def test_the_nhs_says_who_somebody_is_before_any_trust_does(pool: ConnectionPool) -> None:
    elsewhere = Identifier("9", "REM")
    later = Demographics((PersonName("Walsh", ("Ruth",)),), "19710304", Sex.FEMALE)
    told(pool, Record(OF_WIRRAL, RUTH, NHS_NUMBER.value, NumberStatus.VERIFIED), said(1))
    told(pool, Record(elsewhere, later, NHS_NUMBER.value, NumberStatus.VERIFIED), said(2))
    with pool.connection() as connection:
        found = person_known_as(connection, OF_WIRRAL)
        assert found is not None
        assert (found.demographics, found.is_verified) == (later, True)

    own = Demographics((PersonName("Jones", ("Ruth",)),), "19710304", Sex.FEMALE)
    told(pool, Record(NHS_NUMBER, own, NHS_NUMBER.value, NumberStatus.NO_MATCH), said(0))
    with pool.connection() as connection:
        found = person_known_as(connection, elsewhere)
    assert found is not None
    assert (found.demographics, found.status, found.is_verified) == (own, NumberStatus.NO_MATCH, False)


def test_the_strictest_that_any_source_says_of_who_may_know_stands(pool: ConnectionPool) -> None:
    told(
        pool,
        Record(OF_WIRRAL, RUTH, NHS_NUMBER.value, NumberStatus.VERIFIED, Sensitivity.RESTRICTED),
        said(1),
    )
    told(pool, Record(NHS_NUMBER, RUTH, NHS_NUMBER.value, NumberStatus.VERIFIED), said(2))
    with pool.connection() as connection:
        found = person_known_as(connection, NHS_NUMBER)
    assert found is not None
    assert found.sensitivity is Sensitivity.RESTRICTED
