"""Two cases of one file: what one leaves out the other says, and whose it is has to agree."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ologies.case import Case, parse_case
from ologies.errors import BadCase
from ologies.merging import MUST_AGREE, merged
from tests.ologies.material import a_case

#: Another value for each field that has to agree.
OTHERS: dict[str, Any] = {
    "person.identifier": {"person__identifier": "124"},
    "person.issuer": {"person__issuer": "REM"},
    "person.nhs_number": {"person__nhs_number": "9990000026"},
    "person.name": {"person__name": {"family": "Clarke", "given": "Ada"}},
    "person.birth_date": {"person__birth_date": "1953-05-09"},
    "person.sex": {"person__sex": "F"},
    "encounter.number": {"encounter__number": "V2"},
    "encounter.accession": {"encounter__accession": "A2"},
    "encounter.issuer": {"encounter__issuer": "REM"},
    "encounter.study_uid": {"encounter__study_uid": "1.2.4"},
    "body_site": {"body_site": {"value": "2", "meaning": "Leg"}},
    "laterality": {"laterality": "L"},
    "specimen.container": {"specimen": {"container": "S2"}},
    "specimen.identifier": {"specimen": {"identifier": "S2"}},
}
WHOLE = a_case(
    encounter__accession="A1", encounter__study_uid="1.2.3", laterality="R", title=None,
    body_site={"value": "1", "meaning": "Arm"}, specimen={"container": "S1", "identifier": "S1"},
)  # fmt: skip


def test_every_field_that_has_to_agree_is_tried() -> None:
    assert set(OTHERS) == set(MUST_AGREE)


@pytest.mark.parametrize("path", MUST_AGREE)
def test_a_contradiction_stops_and_is_named(path: str) -> None:
    with pytest.raises(BadCase) as refused:
        merged(WHOLE, a_case(title=None, **OTHERS[path]))
    assert str(refused.value) == f"the case and its order disagree about {path}"


def test_a_name_is_written_in_many_ways() -> None:
    shouted = parse_case(b'{"person": {"name": {"family": "CLARK", "given": "A"}}}')
    assert merged(WHOLE, shouted).person.name == shouted.person.name


def test_what_is_said_later_goes_before() -> None:
    said = parse_case(
        b'{"encounter": {"description": "Left arm", "at": "2026-03-03T11:00:00Z"}, "title": "Letter"}'
    )
    case = merged(WHOLE, said)
    assert (case.title, case.encounter.description, case.encounter.accession) == ("Letter", "Left arm", "A1")
    assert case.person == WHOLE.person


@given(st.sampled_from([WHOLE, a_case(), Case(), a_case(person={}), a_case(encounter={})]))
def test_nothing_and_itself_change_nothing(case: Case) -> None:
    assert merged(case, Case()) == merged(Case(), case) == merged(case, case) == case
