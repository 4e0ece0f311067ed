"""What people type means a query, or an error in words; never a fault."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.namespaces import ISSUER_OF_PATIENT_ID
from storage.columns import ACCESSION, PATIENT_ID
from storage.query import AnyOf, Between, Exactly, Wildcard
from viewer_api.study_list.criteria import FIELDS, MODALITIES, Criteria, mean

NAME, DATE, KINDS = (0x00100010,), (0x00080020,), (0x00080061,)


@pytest.mark.parametrize("typed", ["Smith, Zo", "smith zo", "Smith^Zo", "  smith   zo* "])
def test_each_word_begins_a_part_of_the_name(typed: str) -> None:
    match = mean(Criteria.typed({"name": typed})).matches[NAME]

    assert isinstance(match, Wildcard)
    assert match.pattern.casefold() == "smith*^zo*"


@pytest.mark.parametrize(
    "typed", ["2026-03-27", "27/3/2026", "27.03.2026", "27 March 2026", "27-Mar-2026", "20260327"]
)
def test_a_day_is_understood_as_people_write_it(typed: str) -> None:
    meant = mean(Criteria.typed({"first_day": typed}))

    assert meant.matches == {DATE: Between("20260327", None)}
    assert meant.criteria.first_day == "2026-03-27"  # as a browser's date field takes it


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"first_day": "soon"}, "first_day"),
        ({"last_day": "31/2/2026"}, "last_day"),
        ({"first_day": "2026-03-02", "last_day": "2026-03-01"}, "last_day"),
        ({"issuer": "RBL"}, "patient_id"),
        ({"accession": "1" * 65}, "accession"),
        ({"name": "a\0b"}, "name"),
    ],
)
def test_what_cannot_be_meant_is_said_beside_its_field(typed: dict[str, str], field: str) -> None:
    meant = mean(Criteria.typed(typed))

    assert list(meant.errors) == [field]
    assert not meant.matches


def test_numbers_count_with_their_issuer_and_a_kind_may_have_two_codes() -> None:
    typed = {"patient_id": "123456", "issuer": "RBL", "accession": "A1", "modality": "CR\\DX"}

    assert mean(Criteria.typed(typed)).matches == {
        PATIENT_ID: Exactly("123456"),
        ISSUER_OF_PATIENT_ID: Exactly("RBL"),
        ACCESSION: Exactly("A1"),
        KINDS: AnyOf(("CR", "DX")),
    }


def test_a_link_may_name_what_the_form_does_not() -> None:
    assert mean(Criteria(study_uid="not a uid")).errors.keys() == {"study_uid"}
    assert mean(Criteria(study_uid="1.2\\1.3", most="1")).query(25).limit == 1


@pytest.mark.parametrize("code", MODALITIES)
def test_every_kind_can_be_looked_for(code: str) -> None:
    assert not mean(Criteria.typed({"modality": code})).errors


@given(st.dictionaries(st.sampled_from([*FIELDS, "most", "study_uid"]), st.text()))
def test_whatever_is_typed_is_a_query_or_an_error(typed: dict[str, str]) -> None:
    meant = mean(Criteria.typed(typed))

    assert not (meant.errors and meant.matches)
    if not meant.errors:
        assert meant.query(25).limit is not None
        assert mean(Criteria.kept(meant.criteria.as_json())).matches == meant.matches  # kept and read again
