"""A twelve-lead electrocardiogram of nobody (PS3.3 §A.34.3): ten seconds of sinus rhythm made of bells."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, TwelveLeadECGWaveformStorage

from imx.demo.modules import DATE, TIME, code, item, new_image
from imx.demo.stamp import Visit

RATE_HZ = 500
SECONDS = 10
BEAT_S = 0.83  # 72 a minute

#: Each lead (PS3.16 CID 3001), and how high P, Q, R, S and T stand in it, in millivolts.
LEADS = (
    ("2:1", "Lead I", (0.10, -0.05, 0.75, -0.12, 0.22)),
    ("2:2", "Lead II", (0.15, -0.07, 1.10, -0.18, 0.30)),
    ("2:61", "Lead III", (0.05, -0.02, 0.35, -0.06, 0.08)),
    ("2:62", "Lead aVR", (-0.12, 0.06, -0.92, 0.15, -0.26)),
    ("2:63", "Lead aVL", (0.03, -0.02, 0.20, -0.03, 0.07)),
    ("2:64", "Lead aVF", (0.10, -0.05, 0.72, -0.12, 0.19)),
    ("2:3", "Lead V1", (0.06, 0.0, 0.25, -0.95, -0.10)),
    ("2:4", "Lead V2", (0.08, 0.0, 0.45, -1.30, 0.40)),
    ("2:5", "Lead V3", (0.09, -0.02, 0.80, -0.85, 0.45)),
    ("2:6", "Lead V4", (0.10, -0.06, 1.40, -0.45, 0.42)),
    ("2:7", "Lead V5", (0.10, -0.08, 1.30, -0.25, 0.35)),
    ("2:8", "Lead V6", (0.09, -0.08, 1.00, -0.12, 0.28)),
)
#: When P, Q, R, S and T stand, after the beat begins, and how wide they are, in seconds.
WAVES_S = ((0.12, 0.022), (0.22, 0.008), (0.245, 0.011), (0.27, 0.010), (0.46, 0.045))


def ecg(visit: Visit) -> Iterator[Dataset]:
    """One recording, in microvolts (PS3.3 §C.10.9)."""
    ds = new_image(visit, TwelveLeadECGWaveformStorage, ExplicitVRLittleEndian, "ECG", "Heart")
    del ds.PatientPosition, ds.AcquisitionDate, ds.AcquisitionTime, ds.AcquisitionNumber
    ds.SeriesDescription = "Twelve leads at rest"
    ds.AcquisitionDateTime = DATE + TIME
    ds.AcquisitionContextSequence = Sequence()
    traces = np.stack([_trace(heights) for _, _, heights in LEADS], axis=1)
    ds.WaveformSequence = Sequence([
        item(
            WaveformOriginality="ORIGINAL", NumberOfWaveformChannels=len(LEADS),
            NumberOfWaveformSamples=RATE_HZ * SECONDS, SamplingFrequency=RATE_HZ,
            MultiplexGroupLabel="RHYTHM",
            ChannelDefinitionSequence=Sequence([_channel(value, meaning) for value, meaning, _ in LEADS]),
            WaveformBitsAllocated=16, WaveformSampleInterpretation="SS",
        )
    ])  # fmt: skip
    ds.WaveformSequence[0].add_new("WaveformData", "OW", traces.astype("<i2").tobytes())
    yield ds


def _channel(value: str, meaning: str) -> Dataset:
    return item(
        ChannelSourceSequence=Sequence([code(value, "MDC", meaning)]),
        ChannelSensitivity=1, ChannelSensitivityUnitsSequence=Sequence([code("uV", "UCUM", "microvolt")]),
        ChannelSensitivityCorrectionFactor=1, ChannelBaseline=0, ChannelSampleSkew=0, WaveformBitsStored=16,
        FilterLowFrequency=0.05, FilterHighFrequency=150,
    )  # fmt: skip


def _trace(heights_mv: tuple[float, ...]) -> NDArray[np.float64]:
    seconds = np.arange(RATE_HZ * SECONDS) / RATE_HZ
    within_beat = seconds % BEAT_S
    trace = 0.02 * np.sin(2 * np.pi * 0.25 * seconds)  # breathing moves the line
    for height, (middle, width) in zip(heights_mv, WAVES_S, strict=True):
        trace += height * np.exp(-(((within_beat - middle) / width) ** 2) / 2)
    return (trace * 1000).round()
