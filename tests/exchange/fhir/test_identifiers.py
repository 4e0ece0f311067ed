"""What is written of a number can be read back."""

from hypothesis import given
from hypothesis import strategies as st

from exchange.fhir.identifiers import NHS_NUMBER, accession_system, issuer_in, opaque_id, patient_system
from exchange.trusts import Trust, is_issuer

ISSUERS = st.text(min_size=1, max_size=64).filter(lambda each: is_issuer(each) and each != "NHS")


@given(ISSUERS)
def test_an_issuer_is_read_back_from_its_systems(issuer: str) -> None:
    assert issuer_in(patient_system(issuer)) == issuer
    assert issuer_in(accession_system(issuer)) == issuer


SYSTEM = "https://fhir.wirral.example/Id/mrn"


@given(ISSUERS)
def test_a_system_of_the_registry_goes_out_and_both_are_read_back(issuer: str) -> None:
    trust = Trust("RBL", "Wirral", issuer, number_system=SYSTEM)
    assigners = {"REM": Trust("REM", "Liverpool", "REM"), issuer: trust}
    assert patient_system(issuer, assigners) == SYSTEM
    assert issuer_in(SYSTEM, assigners) == issuer
    assert issuer_in(SYSTEM) is None
    assert issuer_in(patient_system(issuer), assigners) == issuer
    assert accession_system(issuer) != SYSTEM
    assert patient_system("NHS", {"NHS": assigners[issuer]}) == NHS_NUMBER
    assert issuer_in("", assigners) is None


def test_the_nhs_has_a_system_of_its_own() -> None:
    assert patient_system("NHS") == "https://fhir.nhs.uk/Id/nhs-number"


def test_an_issuer_that_is_an_oid_is_one() -> None:
    assert patient_system("1.2.826.0.1.5") == "urn:oid:1.2.826.0.1.5"
    assert issuer_in("urn:oid:1.2.826.0.1.5") == "1.2.826.0.1.5"


def test_a_bare_issuer_is_taken_and_an_unknown_system_is_nobodys() -> None:
    assert issuer_in("RBL") == "RBL"
    assert issuer_in("https://elsewhere.example/Id") is None
    assert issuer_in("") is None


@given(st.text(), st.text())
def test_an_id_is_one_of_fhir(resource: str, name: str) -> None:
    made = opaque_id(resource, name)
    assert len(made) == 36
    assert made[14] == "8"
    assert set(made) <= set("0123456789abcdef-")
