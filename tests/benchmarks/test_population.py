"""A made-up region is one that the directory takes, and looks like one."""

from collections import Counter

from benchmarks.population import SOURCE, lines
from exchange.people.bulk import COLUMNS, line_of
from exchange.people.numbers import is_nhs_number


def test_every_line_is_taken_and_nobody_has_a_number_that_is_issued() -> None:
    found = [line_of(dict(zip(COLUMNS, line, strict=True)), SOURCE) for line in lines(3_000)]
    numbers = {each.record.nhs_number for each in found} - {""}
    assert len(numbers) > 2_900
    assert all(number.startswith("5") and is_nhs_number(number) for number in numbers)
    assert len({each.record.identifier for each in found}) == len(found) > 3_000
    assert len({each.record.identifier.value for each in found}) < len(found)  # reused between trusts


def test_it_has_twins_households_and_common_and_rare_names_and_is_the_same_again() -> None:
    rows = [dict(zip(COLUMNS, line, strict=True)) for line in lines(3_000)]
    assert any(row["birth_order"] for row in rows)
    families = Counter(row["family"] for row in rows)
    assert len(families) > 300
    assert families.most_common(1)[0][1] > 20
    assert len({row["address"] + row["postcode"] for row in rows}) < len(rows) * 0.6
    assert [dict(zip(COLUMNS, line, strict=True)) for line in lines(3_000)] == rows
