"""An Ecg as a DICOM waveform object (PS3.3 §A.34, §C.10.9; Supplement 237 for 32 bits)."""

from collections.abc import Sequence

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import (
    AmbulatoryECGWaveformStorage,
    General32bitECGWaveformStorage,
    GeneralECGWaveformStorage,
    TwelveLeadECGWaveformStorage,
)
from pydicom.valuerep import format_number_as_ds

from ologies.case import moment_text
from ologies.dataset import code_item, enhanced_equipment, start
from ologies.ecg.leads import LEADS, MEASURED, UNSPECIFIED
from ologies.ecg.measurements import MEASUREMENTS, UNIT_MEANINGS
from ologies.ecg.signal import MISSING_16, MISSING_32, Channel, Ecg, Filters, Group
from ologies.ecg.statements import finding_of
from ologies.settled import Settled

#: A recording longer than this in one group is a Holter.
AMBULATORY_S = 600.0

#: Samples of one channel in a 12-lead object (PS3.3 §A.34.3.4.7).
TWELVE_LEAD_SAMPLES = 16_384


def sop_class_of(ecg: Ecg) -> str:
    """Which object takes it, by its rate, length and width (PS3.3 §A.34.3 to A.34.5, A.34.13)."""
    rates = [group.rate_hz for group in ecg.groups]
    channels = sum(len(group.channels) for group in ecg.groups)
    widest = max(len(group.channels) for group in ecg.groups)
    is_16_bit = all(channel.fits_16_bits for group in ecg.groups for channel in group.channels)
    is_usual_rate = all(200 <= rate <= 1000 for rate in rates)
    leads = {channel.lead for group in ecg.groups if not group.is_median for channel in group.channels}
    if not is_16_bit:
        return General32bitECGWaveformStorage
    if len(ecg.groups) == 1 and ecg.groups[0].seconds > AMBULATORY_S and 50 <= rates[0] <= 1000:
        return AmbulatoryECGWaveformStorage
    if (
        is_usual_rate
        and leads >= MEASURED
        and len(ecg.groups) <= 5
        and widest <= 13
        and all(group.samples <= TWELVE_LEAD_SAMPLES for group in ecg.groups)
    ):
        return TwelveLeadECGWaveformStorage
    if is_usual_rate and len(ecg.groups) <= 4 and channels <= 24 * len(ecg.groups) and widest <= 24:
        return GeneralECGWaveformStorage
    return General32bitECGWaveformStorage


def waveform(ecg: Ecg, settled: Settled, digest: str) -> Dataset:
    """The object, whole but for its file meta."""
    sop_class = sop_class_of(ecg)
    dataset = start(settled, sop_class, "ECG", "ecg", digest)
    dataset.AcquisitionDateTime = "".join(part or "" for part in moment_text(settled.at))
    dataset.AcquisitionContextSequence = []
    if sop_class == General32bitECGWaveformStorage:
        enhanced_equipment(dataset)
    bits = 32 if sop_class == General32bitECGWaveformStorage else 16
    dataset.WaveformSequence = [_group(each, ecg.filters, bits) for each in ecg.groups]
    annotations = [*_measurements(ecg), *_statements(ecg.statements, ecg.stated_by)]
    if annotations:
        dataset.WaveformAnnotationSequence = annotations
    return dataset


def _group(group: Group, filters: Filters, bits: int) -> Dataset:
    item = Dataset()
    item.WaveformOriginality = "DERIVED" if group.is_median else "ORIGINAL"
    item.NumberOfWaveformChannels = len(group.channels)
    item.NumberOfWaveformSamples = group.samples
    item.SamplingFrequency = _ds(group.rate_hz)
    item.MultiplexGroupLabel = group.label
    item.ChannelDefinitionSequence = [
        _channel(each, number, filters, bits) for number, each in enumerate(group.channels, start=1)
    ]
    item.WaveformBitsAllocated = bits
    item.WaveformSampleInterpretation = "SS" if bits == 16 else "SL"
    missing = MISSING_16 if bits == 16 else MISSING_32
    if any(each.is_missing is not None for each in group.channels):
        item.add_new("WaveformPaddingValue", "OW", int(missing).to_bytes(bits // 8, "little", signed=True))
    item.add_new("WaveformData", "OW", _samples(group.channels, bits, missing))
    return item


def _samples(channels: Sequence[Channel], bits: int, missing: int) -> bytes:
    """The first sample of each channel, then the second (PS3.3 §C.10.9.1.4.2)."""
    together = np.empty((len(channels[0].counts), len(channels)), dtype=f"<i{bits // 8}")
    for column, channel in enumerate(channels):
        together[:, column] = channel.counts
        if channel.is_missing is not None:
            together[channel.is_missing, column] = missing
    return together.tobytes()


def _channel(channel: Channel, number: int, filters: Filters, bits: int) -> Dataset:
    item = Dataset()
    item.WaveformChannelNumber = number
    item.ChannelLabel = channel.lead[:16]
    code = LEADS.get(channel.lead, UNSPECIFIED)
    item.ChannelSourceSequence = [code_item(code.value, "MDC", code.meaning)]
    if channel.derived_from:
        item.ChannelDerivationDescription = channel.derived_from
    item.ChannelSensitivity = _ds(channel.microvolts_per_count)
    item.ChannelSensitivityUnitsSequence = [code_item("uV", "UCUM", "microvolt")]
    item.ChannelSensitivityCorrectionFactor = 1
    item.ChannelBaseline = _ds(channel.baseline_uv)
    item.ChannelSampleSkew = 0
    item.WaveformBitsStored = bits
    # Low is where the pass band begins, so the high-pass filter's edge; often written the wrong way round.
    if filters.high_pass_hz is not None:
        item.FilterLowFrequency = _ds(filters.high_pass_hz)
    if filters.low_pass_hz is not None:
        item.FilterHighFrequency = _ds(filters.low_pass_hz)
    if filters.notch_hz is not None:
        item.NotchFilterFrequency = _ds(filters.notch_hz)
    return item


def _measurements(ecg: Ecg) -> list[Dataset]:
    found = []
    for name, value in ecg.measurements.items():
        measured = MEASUREMENTS[name]
        item = _annotation()
        item.ConceptNameCodeSequence = [code_item(measured.value, measured.scheme, measured.meaning)]
        item.NumericValue = _ds(value)
        item.MeasurementUnitsCodeSequence = [code_item(measured.unit, "UCUM", UNIT_MEANINGS[measured.unit])]
        found.append(item)
    return found


def _statements(statements: Sequence[str], by: str) -> list[Dataset]:
    """Each word for word, then coded where it has a code: one item cannot be both (PS3.3 §C.10.10)."""
    found = []
    for statement in statements:
        item = _annotation()
        item.UnformattedTextValue = f"{statement} ({by})"[:1024] if by else statement[:1024]
        found.append(item)
        if (finding := finding_of(statement)) is not None:
            item = _annotation()
            item.ConceptNameCodeSequence = [code_item("121071", "DCM", "Finding")]
            item.ConceptCodeSequence = [code_item(finding.value, finding.scheme, finding.meaning)]
            found.append(item)
    return found


def _ds(number: float) -> str:
    return format_number_as_ds(float(number))


def _annotation() -> Dataset:
    """Of all channels of the first group: channel 0 is all of them (PS3.3 §C.10.10)."""
    item = Dataset()
    item.ReferencedWaveformChannels = [1, 0]
    return item
