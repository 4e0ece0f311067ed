"""People there and back: as UK Core patients, and from what others send as such."""

import string
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from fhir.resources.R4B.patient import Patient
from hypothesis import given
from hypothesis import strategies as st

from exchange.fhir.identifiers import (
    NHS_NUMBER,
    NUMBER_STATUS_EXTENSION,
    Json,
    organisation,
    patient_system,
)
from exchange.fhir.patient import as_patient, as_replaced
from exchange.fhir.patient_in import LOCAL_PATIENT, BadPatient, read_patient
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
from exchange.trusts import Trust

WIRRAL = Trust("RBL", "Wirral", "WUTH")
ASSIGNERS = {"WUTH": WIRRAL, "REM": Trust("REM", "Liverpool", "REM")}
UID = UUID("2b1d3a34-5c59-4a52-8a38-7a3f3f1e8d10")
RUTH = Demographics(
    (PersonName("O'Neill", ("Ruth", "Ann"), "Ms"), PersonName("Jones", ("Ruth",), use="maiden")),
    "19710304", Sex.FEMALE, ("1 Hill Road", "Birkenhead"), "CH41 1AA", "N85001",
)  # fmt: skip


def person(
    demographics: Demographics = RUTH,
    sensitivity: Sensitivity = Sensitivity.NORMAL,
    others: tuple[Known, ...] = (),
) -> Person:
    nhs = Identifier.nhs("9990000018")
    return Person(7, UID, nhs, NumberStatus.VERIFIED, sensitivity, demographics, others)


_words = st.text(string.ascii_letters + "éöÅ'-", min_size=1, max_size=12)
_names = st.builds(
    PersonName,
    family=_words,
    given=st.lists(_words, max_size=3).map(tuple),
    prefix=st.sampled_from(["", "Dr", "Mrs"]),
    suffix=st.sampled_from(["", "OBE"]),
    use=st.sampled_from(["official", "usual"]),
)
_days = st.dates().map(lambda day: day.strftime("%Y%m%d").zfill(8))
_dates = st.tuples(_days, st.sampled_from([4, 6, 8])).map(lambda each: each[0][: each[1]])


@st.composite
def said(draw: st.DrawFn) -> Demographics:
    died = draw(st.one_of(st.just(""), _dates))
    return Demographics(
        names=(draw(_names), *draw(st.lists(_names.map(lambda name: _old(name)), max_size=2))),
        birth_date=draw(st.one_of(st.just(""), _dates)),
        sex=draw(st.sampled_from(Sex)),
        address=tuple(draw(st.lists(_words, max_size=4))),
        postcode=draw(st.sampled_from(["", "CH41 1AA"])),
        practice=draw(st.sampled_from(["", "N85001"])),
        died=died,
        is_dead=bool(died) or draw(st.booleans()),
        birth_order=draw(st.one_of(st.none(), st.integers(0, 5))),
    )


def _old(name: PersonName) -> PersonName:
    return PersonName(name.family, name.given, name.prefix, name.suffix, "old")


@given(said(), st.sampled_from(NumberStatus), st.sampled_from(["12345", "A/9 b"]))
def test_whoever_is_said_comes_back_the_same(
    demographics: Demographics, status: NumberStatus, number: str
) -> None:
    local = Identifier(number, WIRRAL.issuer)
    nhs = Identifier.nhs("9990000018")
    known = Person(7, UID, nhs, status, Sensitivity.NORMAL, demographics, (Known(local, status),))
    resource = as_patient(known, ASSIGNERS)

    Patient.model_validate(resource)
    back = read_patient(resource, ASSIGNERS)
    assert back.demographics == demographics
    assert (back.id, back.nhs_number, back.status) == (str(UID), nhs.value, status)
    assert (back.identifiers, back.sensitivity, back.replaced_by) == ((local,), None, None)


@pytest.mark.parametrize("sensitivity", [Sensitivity.RESTRICTED, Sensitivity.VERY_RESTRICTED])
def test_of_a_restricted_person_nothing_says_where_they_are(sensitivity: Sensitivity) -> None:
    resource = as_patient(person(sensitivity=sensitivity), ASSIGNERS)
    assert resource["meta"]["security"][0]["code"] == sensitivity.value
    assert not {"address", "telecom", "generalPractitioner"} & resource.keys()
    assert "CH41" not in str(resource)
    assert read_patient(resource, ASSIGNERS).sensitivity is sensitivity


def test_superseded_numbers_are_not_theirs_and_local_ones_say_whose_they_are() -> None:
    others = tuple(
        Known(each, NumberStatus.VERIFIED)
        for each in (Identifier.nhs("9990000026"), Identifier("123456", "WUTH"), Identifier("7", "elsewhere"))
    )
    shown = as_patient(person(others=others), ASSIGNERS)["identifier"]
    assert [each["value"] for each in shown] == ["9990000018", "123456", "7"]
    assert shown[0]["extension"][0]["url"] == NUMBER_STATUS_EXTENSION
    assert shown[1]["assigner"] == organisation("RBL", "Wirral")
    assert shown[2]["assigner"] == {"display": "elsewhere"}
    assert len({each["system"] for each in shown}) == 3


def test_a_replaced_record_says_only_by_whom() -> None:
    resource = as_replaced("a-1", Identifier("1", "WUTH"), NumberStatus.NOT_PRESENT, person(), ASSIGNERS)
    Patient.model_validate(resource)
    assert resource["active"] is False
    assert resource["link"] == [{"other": {"reference": f"Patient/{UID}"}, "type": "replaced-by"}]
    assert "name" not in resource


@pytest.mark.parametrize(
    "system",
    [
        "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatus",
        "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland",
        "https://fhir.nhs.uk/R4/CodeSystem/CodeSystem-UKCore-NHSNumberVerificationStatus",
    ],
)
def test_the_status_is_known_by_every_name_of_its_code_system(system: str) -> None:
    concept = {"coding": [{"system": system, "code": "03"}]}
    identifier = {
        "system": NHS_NUMBER, "value": "999 000 0018",
        "extension": [{"url": NUMBER_STATUS_EXTENSION, "valueCodeableConcept": concept}],
    }  # fmt: skip
    found = read_patient({"resourceType": "Patient", "identifier": [identifier]}, ASSIGNERS)
    assert (found.nhs_number, found.status) == ("9990000018", NumberStatus.TRACE_REQUIRED)


def test_a_number_without_its_status_claims_none() -> None:
    resource = {"resourceType": "Patient", "identifier": [{"system": NHS_NUMBER, "value": "9990000018"}]}
    assert read_patient(resource, ASSIGNERS).status is None


def test_local_numbers_of_the_older_profiles_are_their_assigners() -> None:
    def read(ods_code: str) -> tuple[Identifier, ...]:
        identifier = {"system": LOCAL_PATIENT, "value": "9", "assigner": organisation(ods_code)}
        return read_patient({"resourceType": "Patient", "identifier": [identifier]}, ASSIGNERS).identifiers

    assert read("RBL") == (Identifier("9", "WUTH"),)
    assert read("RXX") == ()


def test_a_duplicate_says_who_it_is_a_duplicate_of() -> None:
    other = {"identifier": {"system": patient_system("WUTH"), "value": "2"}}
    resource = {
        "resourceType": "Patient",
        "active": False,
        "link": [{"other": other, "type": "replaced-by"}],
    }
    found = read_patient(resource, ASSIGNERS)
    assert (found.is_active, found.replaced_by) == (False, Identifier("2", "WUTH"))


@pytest.mark.parametrize(
    ("resource", "because"),
    [
        ("nothing", "not a Patient"),
        ({"resourceType": "Observation"}, "not a Patient"),
        ({"resourceType": "Patient", "birthDate": "SECRET"}, "no valid Patient: Patient.birthDate"),
        ({"resourceType": "Patient", "SECRET ": 1}, "no valid Patient"),
        ({"resourceType": "Patient", "SECRET": 1}, "no valid Patient"),
        (
            {"resourceType": "Patient", "identifier": [{"system": NHS_NUMBER, "value": "9990000019"}]},
            "Patient.identifier holds an NHS number whose check digit is wrong",
        ),
        (
            {
                "resourceType": "Patient",
                "identifier": [{"system": NHS_NUMBER, "value": n} for n in ("9990000018", "9990000026")],
            },
            "Patient.identifier holds two NHS numbers",
        ),
        (
            {"resourceType": "Patient", "link": [{"type": "replaced-by", "other": {"display": "Who"}}]},
            "Patient.link.other names nobody by an identifier whose system we know",
        ),
    ],
)  # fmt: skip
def test_what_is_no_patient_is_refused_without_repeating_it(resource: object, because: str) -> None:
    with pytest.raises(BadPatient) as refused:
        read_patient(resource, ASSIGNERS)
    assert str(refused.value) == because


@pytest.mark.parametrize(
    ("codes", "sensitivity"),
    [([], None), (["U"], Sensitivity.NORMAL), (["N"], Sensitivity.NORMAL), (["R"], Sensitivity.RESTRICTED),
     (["odd"], Sensitivity.RESTRICTED), (["REDACTED"], Sensitivity.VERY_RESTRICTED),
     (["U", "V"], Sensitivity.VERY_RESTRICTED)],
)  # fmt: skip
def test_the_strictest_label_counts_and_an_unknown_one_restricts(
    codes: list[str], sensitivity: Sensitivity | None
) -> None:
    system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
    labels = [{"system": system, "code": code} for code in codes] + [{"system": "urn:x", "code": "V"}]
    found = read_patient({"resourceType": "Patient", "meta": {"security": labels}}, ASSIGNERS)
    assert found.sensitivity is sensitivity


def patients_of_everything() -> list[Json]:
    """Every kind of patient that is made: for those who validate them elsewhere."""
    others: Sequence[Mapping[str, Any]] = (
        {},
        {"birth_date": "197103", "is_dead": True},
        {"birth_date": "1971"},
        {"died": "20260301", "is_dead": True, "birth_order": 2},
        {"died": "2026", "is_dead": True, "birth_order": 0},
    )
    said = [Demographics(), *(replace(RUTH, **each) for each in others)]
    locals_ = (Known(Identifier("123456", "WUTH"), NumberStatus.VERIFIED),)
    people = [person(each, sensitivity, locals_) for each in said for sensitivity in Sensitivity]
    replaced = as_replaced(str(UID), Identifier("1", "WUTH"), NumberStatus.NOT_PRESENT, person(), ASSIGNERS)
    return [*(as_patient(each, ASSIGNERS) for each in people), replaced]


def test_every_patient_is_valid() -> None:
    for each in patients_of_everything():
        Patient.model_validate(each)


def test_where_somebody_lives_now_is_the_home_that_has_no_end() -> None:
    addresses = [
        {"use": "temp", "postalCode": "L1 1AA"},
        {"use": "home", "postalCode": "L2 2AA", "period": {"end": "2021-12-31"}},
        {"use": "old", "postalCode": "L3 3AA"},
        {"use": "home", "line": ["1 Hill Road"], "city": "Chester", "postalCode": "CH1 1AA"},
    ]
    said = read_patient({"resourceType": "Patient", "address": addresses}, ASSIGNERS).demographics
    assert (said.address, said.postcode) == (("1 Hill Road", "Chester"), "CH1 1AA")
