"""What case and file say together: nothing invented, everything that is missing asked for at once."""

from datetime import date, datetime, timedelta

import pytest

from ologies.case import Case, Device, Sex
from ologies.errors import Asked
from ologies.settled import Said, settle
from tests.ologies.material import a_case

FILE = Said("123", "Clark", "Ada", date(1953, 5, 8), Sex.MALE, datetime(2026, 3, 3, 10, 15))  # noqa: DTZ001


def test_everything_that_is_missing_is_asked_for_at_once() -> None:
    with pytest.raises(Asked) as asked:
        settle(Case(), Said())
    assert [each.partition(",")[0] for each in asked.value.missing] == [
        "person.nhs_number", "person.name", "person.birth_date", "person.sex", "encounter.number",
        "encounter.at",
    ]  # fmt: skip
    assert not asked.value.contradicted


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"person__birth_date": "1953-05-09"}, "person.birth_date"),
        ({"person__sex": "F"}, "person.sex"),
        ({"person__name": {"family": "Clarke"}}, "person.name"),
        ({"person__nhs_number": None, "person__identifier": "124"}, "person.identifier"),
    ],
)
def test_a_contradiction_is_a_persons_to_decide(changes: dict[str, object], field: str) -> None:
    with pytest.raises(Asked) as asked:
        settle(a_case(**changes), FILE)
    assert asked.value.contradicted == (field,)


def test_another_persons_nhs_number_in_the_file_contradicts() -> None:
    with pytest.raises(Asked) as asked:
        settle(a_case(), Said(identifier="9990000026"))
    assert asked.value.contradicted == ("person.identifier",)


@pytest.mark.parametrize("written", ["CLARK", "clark ", "Clärk", "Cl-ark"])
def test_people_write_names_differently(written: str) -> None:
    assert (
        settle(a_case(person__name={"family": written, "given": "Ada"}), FILE).name.family == written.strip()
    )


def test_the_file_fills_in_what_the_case_leaves_out_but_never_whose_it_is() -> None:
    settled = settle(a_case(person__name=None, person__birth_date=None, person__sex=None), FILE)
    assert (settled.name.as_pn(), settled.birth_date, settled.sex) == (
        "Clark^Ada",
        date(1953, 5, 8),
        Sex.MALE,
    )
    with pytest.raises(Asked) as asked:
        settle(a_case(person={}), FILE)
    assert asked.value.missing == ("person.nhs_number, or person.identifier with its issuer",)


def test_a_devices_clock_is_in_the_encounters_zone() -> None:
    settled = settle(a_case(encounter__at="2026-07-03T10:00:00+01:00"), FILE)
    assert settled.at.hour == 10
    assert settled.at.minute == 15
    assert settled.at.utcoffset() == timedelta(hours=1)


def test_the_file_knows_its_device_best() -> None:
    said = Said(device=Device(model="MV360"))
    settled = settle(a_case(device={"manufacturer": "GE", "model": "other"}), said)
    assert (settled.device.manufacturer, settled.device.model) == ("GE", "MV360")
