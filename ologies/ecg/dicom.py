"""An ECG that is DICOM already, completed with whose and of what encounter it is; its samples stay.

What a recorder without a worklist says of the patient is what somebody typed. So everything about people and
encounters comes from the case, and what the recording itself says, measures and states is kept; what else the
object held, private elements among it, is in the original file beside it.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian

from ologies.case import moment_text
from ologies.dataset import code_item, start
from ologies.ecg import scpecg
from ologies.ecg.classes import ECG_CLASSES
from ologies.ecg.leads import LEADS
from ologies.ecg.reading import ECG_LIMIT_BYTES
from ologies.errors import Damaged
from ologies.headers import said_by_header
from ologies.settled import Said, Settled

#: What is of the recording, besides its waveform: nothing of people, encounters and orders.
_KEPT = (
    "WaveformSequence", "WaveformAnnotationSequence", "AcquisitionContextSequence", "AcquisitionDateTime",
    "SynchronizationFrameOfReferenceUID", "SynchronizationTrigger", "TriggerSourceOrType",
    "AcquisitionTimeSynchronized", "SynchronizationChannel", "PatientSize", "PatientWeight",
    "ProtocolName", "SeriesDescription",
)  # fmt: skip

_MEANINGS = {code.value: code.meaning for code in LEADS.values()}


@dataclass(frozen=True, slots=True)
class ReadDicomEcg:
    """One object."""

    dataset: Dataset
    said: Said


def read_dicom_ecg(path: Path) -> ReadDicomEcg:
    """Raises Damaged for an object that does not hold the samples that it announces."""
    if path.stat().st_size > ECG_LIMIT_BYTES:
        raise Damaged(f"it is larger than an ECG file is taken to be ({ECG_LIMIT_BYTES:,} bytes)")
    try:
        # What the library warns of quotes the file.
        with warnings.catch_warnings(), disable_value_validation():
            warnings.simplefilter("ignore")
            return _read(dcmread(path))
    except Damaged:
        raise
    except Exception as error:  # the library's own troubles with what a hostile file says
        raise Damaged(f"it is no ECG in DICOM that can be read ({type(error).__name__})") from error


def completed(read: ReadDicomEcg, settled: Settled, digest: str) -> tuple[Dataset, tuple[str, ...]]:
    """The object of the case, whole but for its file meta, and what a person should know of it."""
    source = read.dataset
    dataset = start(settled, source.SOPClassUID, "ECG", "ecg", digest)
    for keyword in _KEPT:
        if keyword in source:
            dataset[keyword] = source[keyword]
    if not dataset.get("AcquisitionDateTime"):
        dataset.AcquisitionDateTime = "".join(part or "" for part in moment_text(settled.at))
    if "AcquisitionContextSequence" not in dataset:
        dataset.AcquisitionContextSequence = []
    dataset.remove_private_tags()
    for group in dataset.WaveformSequence:
        if not group.get("MultiplexGroupTimeOffset") and "SynchronizationTrigger" not in dataset:
            group.pop("MultiplexGroupTimeOffset", None)  # nothing, from nothing (PS3.3 Table C.10-9)
        group["WaveformData"].VR = "OB" if group.WaveformBitsAllocated == 8 else "OW"
        if "WaveformPaddingValue" in group:
            group["WaveformPaddingValue"].VR = group["WaveformData"].VR
    notes = ["it was DICOM: its samples are as they were, and whose it is comes from the case"]
    if _recoded(dataset):
        notes.append("its codes of the old scheme SCPECG are MDC codes, where MDC has them")
    return dataset, tuple(notes)


def _read(dataset: Dataset) -> ReadDicomEcg:
    if dataset.file_meta.TransferSyntaxUID == ExplicitVRBigEndian:
        raise Damaged("it is in Big Endian, which is retired: convert it")
    if dataset.SOPClassUID not in ECG_CLASSES:
        raise Damaged("its file meta and its data set name different classes")
    dataset.decode()
    dataset.walk(lambda _, __: None)  # reads what was not read yet
    for group in dataset.WaveformSequence:
        _check(group)
    return ReadDicomEcg(dataset, said_by_header(dataset))


def _check(group: Dataset) -> None:
    """The samples that a multiplex group announces are there (PS3.3 §C.10.9)."""
    announced = (
        int(group.NumberOfWaveformChannels)
        * int(group.NumberOfWaveformSamples)
        * (int(group.WaveformBitsAllocated) // 8)
    )
    if not announced or len(group.WaveformData) != announced + announced % 2:
        raise Damaged("it does not hold the samples that it announces")
    if len(group.ChannelDefinitionSequence) != int(group.NumberOfWaveformChannels):
        raise Damaged("it does not define the channels that it announces")


def _recoded(dataset: Dataset) -> bool:
    """MDC codes in place of old ones; whether there were any."""
    found = False
    for item in _coded(dataset):
        value = str(item.get("CodeValue") or "")
        if item.get("CodingSchemeDesignator") != scpecg.SCHEME:
            continue
        lead = scpecg.lead_value(value)
        modern = (lead, _MEANINGS[lead]) if lead in _MEANINGS else scpecg.measured(value)
        if modern is not None and modern[0] is not None:
            item.clear()
            item.update(code_item(modern[0], "MDC", modern[1]))
            found = True
    return found


def _coded(dataset: Dataset) -> Iterator[Dataset]:
    for group in dataset.WaveformSequence:
        for channel in group.ChannelDefinitionSequence:
            yield from channel.get("ChannelSourceSequence") or ()
    for annotation in dataset.get("WaveformAnnotationSequence") or ():
        yield from annotation.get("ConceptNameCodeSequence") or ()
