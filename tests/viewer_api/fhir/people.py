"""People for the facade's tests: told as a trust's feed and the PDS would."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import psycopg

from exchange.people.directory import person_known_as
from exchange.people.person import (
    Demographics,
    Identifier,
    NumberStatus,
    Person,
    PersonName,
    Record,
    Said,
    Sensitivity,
    Sex,
)
from exchange.people.statements import Merged, Statement
from exchange.people.telling import tell
from exchange.registry import PostgresRegistry
from exchange.trusts import Trust
from tests.viewer_api.conftest import Place

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RUTH = Demographics(
    (PersonName("O'Neill", ("Ruth", "Ann")),), "19710304", Sex.FEMALE, ("1 Hill Road",), "CH41 1AA", "N85001"
)
RUTHS_NUMBER, RUTHS_OLD_NUMBER = Identifier.nhs("9990000018"), Identifier.nhs("9990000026")
RUTHS_LOCAL = Identifier("123456", "RBL")
HIDDEN = Demographics(
    (PersonName("O'Neal", ("Ada",)),), "19710304", Sex.FEMALE, ("2 Hill Road",), "CH41 1AA", "N85001"
)
HIDDENS_NUMBER = Identifier.nhs("9990000034")


def tell_all(place: Place, *statements: Statement) -> None:
    """In that order, a minute apart."""
    with psycopg.connect(place.database) as connection:
        for minute, each in enumerate(statements):
            tell(connection, each, Said(NOON + timedelta(minutes=minute), f"message {minute}"))


def known(place: Place, identifier: Identifier) -> Person:
    """Somebody whom the directory knows."""
    with psycopg.connect(place.database) as connection:
        found = person_known_as(connection, identifier)
    assert found is not None
    return found


def fill(place: Place) -> None:
    """Two trusts; Ruth, who had another number once; and somebody restricted."""
    registry = PostgresRegistry(place.objects.pool)
    registry.add_trust(Trust("RBL", "Wirral", "RBL"))
    registry.add_trust(Trust("REM", "Liverpool", "REM"))
    verified = NumberStatus.VERIFIED
    tell_all(
        place,
        Record(RUTHS_NUMBER, RUTH, RUTHS_NUMBER.value, verified),
        Record(RUTHS_LOCAL, RUTH, RUTHS_NUMBER.value, verified),
        Merged(RUTHS_OLD_NUMBER, RUTHS_NUMBER),
        Record(HIDDENS_NUMBER, HIDDEN, HIDDENS_NUMBER.value, verified, Sensitivity.RESTRICTED),
    )


def many(place: Place, count: int) -> Sequence[Identifier]:
    """So many people called Jones, of Liverpool."""
    numbers = [Identifier(f"J{each:04}", "REM") for each in range(count)]
    said = [Record(each, Demographics((PersonName("Jones", (each.value,)),))) for each in numbers]
    tell_all(place, *said)
    return numbers
