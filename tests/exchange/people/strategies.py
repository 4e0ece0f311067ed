"""What sources may say of a few numbers, in any order, at once, and again."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations

from hypothesis import strategies as st

from exchange.people.person import (
    Demographics,
    Identifier,
    NumberStatus,
    PersonName,
    Record,
    Said,
    Sensitivity,
)
from exchange.people.statements import Apart, Linked, Merged, Statement, Unlinked

NHS_NUMBERS = ("9990000018", "9990000026", "9990000034")
NUMBERS = (
    *(Identifier(value, issuer) for value in "123" for issuer in ("RBL", "REM")),
    *map(Identifier.nhs, NHS_NUMBERS),
)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

numbers = st.sampled_from(NUMBERS)
#: Few instants and authors, so that many things are said in one breath.
said = st.builds(
    lambda minute, by: Said(NOON + timedelta(minutes=minute), by), st.integers(0, 4), st.sampled_from("ab")
)
records = st.builds(
    Record,
    numbers,
    st.builds(lambda family: Demographics((PersonName(family),)), st.sampled_from(("Jones", "Walsh"))),
    st.sampled_from(("", *NHS_NUMBERS, "9990000019")),  # the last has a wrong check digit
    st.sampled_from((NumberStatus.VERIFIED, NumberStatus.VERIFIED, NumberStatus.NOT_TRACED)),
    st.sampled_from((None, *Sensitivity)),
)


def pairs(numbers: Sequence[Identifier]) -> st.SearchStrategy[tuple[Identifier, Identifier]]:
    """Two different ones."""
    return st.sampled_from(list(permutations(numbers, 2)))


OWN, OF_NHS = NUMBERS[:-3], NUMBERS[-3:]
relations = st.one_of(
    pairs(OWN).map(lambda pair: Merged(*pair)),
    pairs(OF_NHS).map(lambda pair: Merged(*pair)),
    pairs(OWN).map(lambda pair: Linked(*pair)),
    pairs(OWN).map(lambda pair: Unlinked(*pair)),
    st.builds(Apart, numbers),
)
statements: st.SearchStrategy[Statement] = st.one_of(records, relations)
heard = st.lists(st.tuples(statements, said), max_size=12)
