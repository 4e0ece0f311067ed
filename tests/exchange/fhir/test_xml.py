"""Resources as XML and back: the same, and nothing that is no resource."""

import pytest

from exchange.fhir.patient_in import read_patient
from exchange.fhir.xml import BadXml, as_xml, from_xml
from exchange.people.person import NumberStatus
from tests.exchange.fhir.test_patient import patients_of_everything
from tests.ologies.material import sample


def test_every_patient_comes_back_the_same() -> None:
    for each in patients_of_everything():
        assert from_xml(as_xml(each)) == each


def test_the_uk_core_patient_is_read() -> None:
    said = read_patient(from_xml(sample("fhir/UKCore-Patient-RichardSmith-Example.xml").read_bytes()), {})
    assert (said.nhs_number, said.status) == ("9912003888", NumberStatus.VERIFIED)
    assert (said.demographics.name.dicom, said.demographics.birth_date) == ("SMITH^Richard", "19700911")


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<Patient", b"{}", b'<Patient><birthDate value="1970"/></Patient>',
        b'<Patient xmlns="http://hl7.org/fhir"><shoeSize value="SECRET"/></Patient>',
        b'<Patient xmlns="http://hl7.org/fhir"><birthDate value="SECRET"/></Patient>',
        b'<Nothing xmlns="http://hl7.org/fhir"/>',
        b'<!DOCTYPE a [<!ENTITY b "SECRET">]><Patient xmlns="http://hl7.org/fhir"/>',
    ],
)  # fmt: skip
def test_what_is_no_resource_is_refused_without_repeating_it(body: bytes) -> None:
    with pytest.raises(BadXml) as refused:
        from_xml(body)
    assert "SECRET" not in str(refused.value)
