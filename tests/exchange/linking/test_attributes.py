"""What a study says of its patient once it is another's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.linking.attributes import (
    OF_THE_PATIENT,
    CannotBeWritten,
    age_at,
    attributes_for,
    number_for,
)
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
from tests.exchange.linking.directory import person
from tests.exchange.linking.test_reviewing import RUTH

OF_RBL, OF_REM = Identifier("77", "RBL"), Identifier("88", "REM")


def somebody(family: str = "O'Neill", **said: object) -> Person:
    from uuid import uuid4

    of = Demographics((PersonName(family, ("Ruth",)),), "19710304", Sex.FEMALE, **said)  # type: ignore[arg-type]
    others = tuple(Known(each, NumberStatus.VERIFIED) for each in (OF_RBL, OF_REM))
    return Person(1, uuid4(), Identifier.nhs(RUTH), NumberStatus.VERIFIED, Sensitivity.NORMAL, of, others)


def test_the_own_trusts_number_goes_first_then_the_nhs_number() -> None:
    assert number_for(somebody(), ["RBL"]) == OF_RBL
    assert number_for(somebody(), ["RBL-2", "REM"]) == OF_REM
    assert number_for(somebody(), ["RBN"]) == Identifier.nhs(RUTH)


def test_nothing_of_somebody_else_is_left_beside_the_name() -> None:
    held = {"00101000", "00101040", "00102110", "00101010", "00101030"}
    found = attributes_for(somebody(), OF_RBL, held, "054Y", str.isascii)

    assert found["00100020"] == {"vr": "LO", "Value": ["77"]}
    assert found["00100010"] == {"vr": "PN", "Value": [{"Alphabetic": "O'Neill^Ruth"}]}
    assert found["00101002"]["Value"][0]["00100020"]["Value"] == [RUTH]
    assert found["00101010"] == {"vr": "AS", "Value": ["054Y"]}
    assert [tag for tag, each in found.items() if "Value" not in each] == ["00101000", "00101040", "00102110"]
    assert "00101030" not in found  # what was weighed, was


@given(st.sets(st.sampled_from(sorted(OF_THE_PATIENT))))
def test_whatever_was_said_of_the_patient_is_replaced_or_emptied(held: set[str]) -> None:
    assert held <= set(attributes_for(somebody(), OF_RBL, held, "", str.isascii))


def test_a_name_is_written_as_the_study_can() -> None:
    def name(family: str, writes: bool) -> str:
        found = attributes_for(somebody(family), OF_RBL, (), "", lambda _: writes)
        return str(found["00100010"]["Value"][0]["Alphabetic"])

    assert name("Żółć", writes=True) == "Żółć^Ruth"
    assert name("Żółć-Müller", writes=False) == "Zolc-Muller^Ruth"
    for family in ("王", ""):
        with pytest.raises(CannotBeWritten):
            attributes_for(
                somebody(family) if family else Person(1, somebody().uid, OF_RBL, NumberStatus.NOT_PRESENT,
                                                       Sensitivity.NORMAL, Demographics()),
                OF_RBL, (), "", str.isascii,
            )  # fmt: skip


def test_ages_are_in_months_for_the_small_and_unknown_for_those_not_born() -> None:
    assert age_at("19710304", "20260303") == "054Y"
    assert age_at("20240304", "20260303") == "023M"
    assert age_at("1971", "20260303") == age_at("20260304", "20260303") == ""


def test_a_number_that_is_theirs_already_stays() -> None:
    one, other = Identifier("J1", "RBL"), Identifier("J2", "RBL")
    jane = person(local=(one, other))
    assert number_for(jane, ("RBL",)) == one
    assert number_for(jane, ("RBL",), borne=other) == other
    assert number_for(jane, ("RBL",), gone=(other,), borne=other) == one
    assert number_for(jane, ("RBL",), borne=Identifier("X9", "RBL")) == one
