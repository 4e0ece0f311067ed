"""Waveforms: the numbers of the channels, and where they stand on the paper."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from storage.errors import Unreadable
from viewer_api.rendering.ecg import drawn, thinned
from viewer_api.rendering.sheet import Sheet, as_image, as_svg
from viewer_api.rendering.waveform import recordings

TWELVE = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
SVG = "{http://www.w3.org/2000/svg}"


def waveform(
    values: Sequence[Sequence[int]], names: Sequence[str], hertz: float = 500.0, **more: object
) -> Dataset:
    """Channels of these samples, 5 microvolts each."""
    samples = np.asarray(values, "<i2").T
    group = Dataset()
    group.NumberOfWaveformSamples, group.NumberOfWaveformChannels = samples.shape
    group.SamplingFrequency, group.WaveformBitsAllocated = hertz, 16
    group.WaveformSampleInterpretation = "SS"
    group.ChannelDefinitionSequence = []
    for name in names:
        channel, unit, source = Dataset(), Dataset(), Dataset()
        unit.CodeValue, source.CodeMeaning = "uV", f"Lead {name}"
        channel.ChannelSourceSequence, channel.ChannelSensitivityUnitsSequence = [source], [unit]
        channel.ChannelSensitivity, channel.ChannelBaseline = "2.5", "0"
        channel.ChannelSensitivityCorrectionFactor = "2"
        channel.FilterLowFrequency, channel.FilterHighFrequency = "0.05", "150"
        channel.NotchFilterFrequency = "50"
        group.ChannelDefinitionSequence.append(channel)
    group.WaveformData = samples.tobytes()
    for keyword, value in more.items():
        setattr(group, keyword, value)
    made = Dataset()
    made.WaveformSequence = [group]
    return made


def traces(sheet: Sheet) -> list[tuple[float, float]]:
    """Where each curve ends, but the pulses."""
    return [tuple(curve.points[-1].round(2)) for curve in sheet.curves if len(curve.points) > 6]


def test_a_sample_is_measured_in_millivolts() -> None:
    made = waveform([[0, 200, -200, -32768]], ["I"], WaveformPaddingValue=np.int16(-32768).tobytes())
    made.WaveformSequence[0].ChannelDefinitionSequence[0].ChannelBaseline = "500"
    (recording,) = recordings(made)
    assert recording.channels[0].values[:3].tolist() == [0.5, 1.5, -0.5]
    assert np.isnan(recording.channels[0].values[3])
    assert (recording.channels[0].unit, recording.channels[0].name) == ("mV", "I")
    assert recording.channels[0].filters == "0.05–150 Hz, notch 50 Hz"


def test_a_second_is_25_mm_and_a_millivolt_10() -> None:
    flat = [0] * 1000
    sheet = drawn(waveform([[*flat, *[200] * 1000]], ["I"]))  # 2 s at nought, 2 s at 1 mV
    (trace,) = [curve.points for curve in sheet.curves if len(curve.points) > 6]
    assert trace[-1, 0] - trace[0, 0] == pytest.approx(4 * 25, abs=0.06)
    assert trace[0, 1] - trace[-1, 1] == pytest.approx(10)
    (pulse,) = [curve.points for curve in sheet.curves if len(curve.points) == 6]
    assert np.ptp(pulse[:, 1]) == pytest.approx(10)
    assert np.ptp(pulse[1:5, 0]) == pytest.approx(5)  # a fifth of a second
    assert trace[0, 1] == pulse[0, 1]


def test_twelve_leads_of_ten_seconds_are_the_usual_page() -> None:
    sheet = drawn(waveform([[0] * 5000] * 12, TWELVE))
    names = [words.text for words in sheet.words if words.text in TWELVE]
    assert names == ["I", "aVR", "V1", "V4", "II", "aVL", "V2", "V5", "III", "aVF", "V3", "V6", "II"]
    assert sheet.width == 5 + 10 + 250 + 5
    assert "25 mm/s   10 mm/mV   0.05–150 Hz, notch 50 Hz   500 samples/s" in sheet.words[0].text


def test_other_leads_have_a_row_each_and_ten_seconds_a_row() -> None:
    sheet = drawn(waveform([[0] * 12_500] * 2, ["MDC 1", "MDC 2"]))  # 25 s
    assert len(sheet.grids) == 6
    assert [words.text for words in sheet.words if words.text.startswith("MDC 1")] == [
        "MDC 1", "MDC 1  from 10 s", "MDC 1  from 20 s",
    ]  # fmt: skip
    long = drawn(waveform([[0] * 100 * 120], ["I"], 100.0))
    assert "first 60 s of 120 s" in long.words[0].text


def test_a_gap_is_left_open() -> None:
    values = [0] * 500 + [-32768] * 500 + [0] * 500
    sheet = drawn(waveform([values], ["I"], WaveformPaddingValue=np.int16(-32768).tobytes()))
    first, second = (curve.points for curve in sheet.curves if len(curve.points) > 6)
    assert second[0, 0] - first[-1, 0] == pytest.approx(25, abs=0.2)


def test_what_is_not_in_volts_has_a_scale_of_its_own() -> None:
    made = waveform([[0, 100] * 500], ["ART"])
    made.WaveformSequence[0].ChannelDefinitionSequence[0].ChannelSensitivityUnitsSequence[
        0
    ].CodeValue = "mm[Hg]"
    sheet = drawn(made)
    assert any("mm[Hg] a cm" in words.text for words in sheet.words)
    assert "each channel to its own scale" in sheet.words[0].text


def test_peaks_outlive_thinning() -> None:
    x = np.linspace(0, 10, 50_000)
    y = np.zeros_like(x)
    y[[7, 31_234]] = 9, -9
    kept = thinned(np.column_stack((x, y)))
    assert len(kept) < 1000
    assert (kept[:, 1].max(), kept[:, 1].min()) == (9, -9)


def test_as_svg_it_is_xml_of_its_true_size_and_as_pixels_it_fits() -> None:
    sheet = drawn(dcmread(str(get_testdata_file("waveform_ecg.dcm"))))
    root = ElementTree.fromstring(as_svg(sheet))  # noqa: S314 - made here
    assert root.get("width") == f"{sheet.width:g}mm"
    assert root.get("viewBox") == f"0 0 {sheet.width:g} {sheet.height:g}"
    assert {each.text for each in root.iter(f"{SVG}text")} >= {*TWELVE, "Not for diagnosis"}
    assert len(list(root.iter(f"{SVG}polyline"))) > 25
    assert max(as_image(sheet, (300, 200)).size) <= 300
    assert as_image(sheet).size == (round(sheet.width * 8), round(sheet.height * 8))


def test_words_cannot_leave_their_place_in_svg() -> None:
    sheet = drawn(waveform([[0] * 500], ["<script>&\x07"]))
    root = ElementTree.fromstring(as_svg(sheet))  # noqa: S314 - made here
    assert not list(root.iter(f"{SVG}script"))


def test_samples_that_are_not_drawn_are_refused() -> None:
    with pytest.raises(Unreadable, match="MB"):
        drawn(waveform([[0] * 10], ["I"], WaveformSampleInterpretation="MB"))
    with pytest.raises(Unreadable):
        drawn(Dataset())


@pytest.mark.parametrize(("scheme", "of_lead"), [("SCPECG", "5.6.3-9-{}"), ("MDC", "2:{}")])
def test_leads_are_lettered_by_their_codes_old_and_new(scheme: str, of_lead: str) -> None:
    found = waveform([[0, 1], [2, 3]], ["of the old device", "of another"])
    for number, channel in zip((62, 3), found.WaveformSequence[0].ChannelDefinitionSequence, strict=True):
        source = channel.ChannelSourceSequence[0]
        source.CodeValue, source.CodingSchemeDesignator = of_lead.format(number), scheme

    (recording,) = recordings(found)

    assert [each.name for each in recording.channels] == ["aVR", "V1"]
