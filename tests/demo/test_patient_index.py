"""What the demo's administration systems say is read as it is meant."""

from datetime import UTC, datetime

from exchange.hl7.admissions import statements_of
from exchange.hl7.message import read_message
from exchange.hl7.namespace import Namespace
from exchange.people.person import NumberStatus, Record
from imx.demo.patient_index import ODD, Oddity, entries
from imx.demo.people import crowd
from imx.demo.region import TRUSTS

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def test_everybody_is_told_of_as_they_are_but_those_who_are_odd() -> None:
    people = crowd(8, TRUSTS)
    told = list(entries(people))
    assert len(told) == (len(people) - 1) * len(TRUSTS)
    for number, entry in enumerate(told):
        code = entry.trust.ods_code
        [record], _ = statements_of(read_message(entry.message(number)), Namespace(code, code), NOW)
        assert isinstance(record, Record)
        assert (record.nhs_number, record.status.value) == (entry.person.nhs_number, entry.number_status)
        assert record.demographics.name.dicom == entry.person.name.partition("=")[0]
    odd = {each.person.nhs_number for each in told if each.number_status == NumberStatus.NOT_TRACED.value}
    not_traced = (Oddity.TRACED_HERE, Oddity.NOT_TRACED)
    assert odd == {people[place].nhs_number for place, how in ODD.items() if how in not_traced}
