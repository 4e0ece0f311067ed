"""Documents come back byte for byte."""

from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import EncapsulatedCDAStorage, EncapsulatedPDFStorage

from ologies.documents import Document, encapsulated
from ologies.errors import Asked, Damaged
from ologies.settled import Said, settle
from tests.ologies.material import PDF, a_case, wrap_one

CDA = b'<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"></ClinicalDocument>'


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
