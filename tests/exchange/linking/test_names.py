"""How names compare."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.linking.names import Family, Given, NamesCompared, compare_names
from exchange.people.person import PersonName

JANE = (PersonName("Smith", ("Jane", "Margaret")),)


@pytest.mark.parametrize(
    ("said", "names", "expected"),
    [
        ("SMITH^JANE", JANE, (Given.FULL, Family.SAME)),
        ("SMITH^JANE^M", JANE, (Given.FULL, Family.SAME)),
        ("SMITH^JANE^PAULA", JANE, (Given.A_FORM, Family.SAME)),
        ("SMITH^MRS JANE", JANE, (Given.FULL, Family.SAME)),
        ("SMITH, JANE", JANE, (Given.FULL, Family.SAME)),
        ("JANE SMITH", JANE, (Given.A_FORM, Family.SAME)),
        ("SMITH", JANE, (Given.UNSAID, Family.SAME)),
        ("SMITH^JM", JANE, (Given.ABBREVIATED, Family.SAME)),
        ("SMITH^JAN", JANE, (Given.ABBREVIATED, Family.SAME)),
        ("SMITH^JEAN", JANE, (Given.OTHER, Family.SAME)),
        ("JANE^SMITH", JANE, (Given.SWAPPED, Family.OTHER)),
        ("MARTIN^JAMES", (PersonName("James", ("Martin",)),), (Given.SWAPPED, Family.OTHER)),
        ("", JANE, (Given.UNSAID, Family.UNSAID)),
        ("^^^", JANE, (Given.UNSAID, Family.UNSAID)),
        ("SMITH^JANE", (), (Given.UNSAID, Family.UNSAID)),
        ("O NEILL^RUTH-ANN", (PersonName("O'Neill", ("Ruth Ann",)),), (Given.FULL, Family.SAME)),
        ("MACDONALD^IAN", (PersonName("Mac Donald", ("Iain",)),), (Given.A_FORM, Family.SAME)),
        ("KHAN^MUHAMMAD", (PersonName("Khan", ("Mohammed", "Ali")),), (Given.ABBREVIATED, Family.SAME)),
        ("KHAN^MUHAMMAD HASSAN", (PersonName("Khan", ("Mohammed", "Ali")),), (Given.OTHER, Family.SAME)),
        ("KHAN^MD ALI", (PersonName("Khan", ("Mohammed", "Ali")),), (Given.FULL, Family.SAME)),
        ("SMITH^BABY OF JANE", JANE, (Given.UNSAID, Family.SAME)),
        ("SMITH^TWIN 2", (PersonName("Smith", ("Twin 1",)),), (Given.OTHER, Family.SAME)),
        ("GARCÍA LÓPEZ^JOSÉ", (PersonName("Garcia", ("Jose",)),), (Given.FULL, Family.PART)),
    ],
)  # fmt: skip
def test_names(said: str, names: tuple[PersonName, ...], expected: tuple[Given, Family]) -> None:
    assert compare_names(said, names) == NamesCompared(*expected)


@given(st.text(), st.text(), st.text())
def test_a_name_is_its_own(family: str, first: str, middle: str) -> None:
    name = PersonName(family, (first, middle))
    found = compare_names(name.dicom, (name,))
    assert found.given is not Given.SWAPPED
    assert found.family is not Family.OTHER or set("^=,") & set(family + first + middle)
