"""A small directory in memory: what the rules are asked with, without a database."""

from collections.abc import Iterable
from itertools import count
from uuid import uuid4

from exchange.linking.rules import Held
from exchange.people.directory import Standing
from exchange.people.person import (
    Demographics,
    Identifier,
    Known,
    NumberStatus,
    Person,
    PersonName,
    Sensitivity,
    Sex,
)

_numbers = count(1)

JANE = Demographics((PersonName("Smith", ("Jane", "Margaret")),), "19800305", Sex.FEMALE, postcode="L1 8JQ")


def person(
    said: Demographics = JANE,
    number: str = "9990000018",
    *,
    local: Iterable[Identifier] = (Identifier("J1", "RBL"),),
    superseded: Iterable[str] = (),
    status: NumberStatus = NumberStatus.VERIFIED,
    sensitivity: Sensitivity = Sensitivity.NORMAL,
) -> Person:
    """Somebody by their NHS number, and by numbers that stand for them."""
    others = (*local, *map(Identifier.nhs, superseded))
    return Person(
        next(_numbers), uuid4(), Identifier.nhs(number), status, sensitivity, said,
        tuple(Known(each, status) for each in others),
    )  # fmt: skip


def unverified(said: Demographics = JANE) -> Person:
    """Somebody whom only a trust knows."""
    local = Identifier("J9", "RBL")
    return Person(next(_numbers), uuid4(), local, NumberStatus.NOT_TRACED, Sensitivity.NORMAL, said)


def held(*people: Person, claims: str = "") -> Held:
    """They, by all their numbers; `claims` is an NHS number that a trust's record holds, not verified."""
    standings = {}
    for each in people:
        for identifier in (each.identifier, *(other.identifier for other in each.others)):
            said = "" if each.is_verified else claims
            standings[identifier] = Standing(each.id, identifier, each.status, said, each.id)
    return Held(standings, {each.id: each for each in people})
