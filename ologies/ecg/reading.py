"""ECG files of any maker, read by ecgdatakit, as our Ecg and what they say of the person."""

import importlib
import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ecgdatakit.exceptions import ECGDataKitError

from ologies.case import Device, Sex
from ologies.ecg import wfdb
from ologies.ecg.deriving import with_limb_leads
from ologies.ecg.measurements import MEASUREMENTS
from ologies.ecg.signal import Channel, Ecg, Filters, Group, channel_of
from ologies.errors import Damaged
from ologies.recognition import Kind
from ologies.settled import Said

#: Which of the library's readers reads which kind: by content, so that it does not guess again.
_READERS: Mapping[Kind, tuple[str, str]] = {
    Kind.AECG: ("hl7_aecg", "HL7aECGParser"),
    Kind.MUSE: ("ge_muse_xml", "GEMuseXMLParser"),
    Kind.SIERRA: ("sierra_xml", "SierraXMLParser"),
    Kind.SCP: ("scp_ecg", "SCPECGParser"),
    Kind.EDF: ("edf", "EDFParser"),
    Kind.WFDB: ("wfdb", "WFDBParser"),
}

#: The kinds that are ECGs.
ECG_KINDS = frozenset(_READERS)

#: A day of twelve leads at 1,000 Hz is 2 GB; a resting ECG is less than one megabyte.
ECG_LIMIT_BYTES = 256 * 1024 * 1024

_MICROVOLTS: Mapping[str, float] = {"nV": 0.001, "uV": 1.0, "mV": 1_000.0, "V": 1_000_000.0}


@dataclass(frozen=True, slots=True)
class ReadEcg:
    """One file."""

    ecg: Ecg
    said: Said


def read_ecg(path: Path, kind: Kind, scratch: Path) -> ReadEcg:
    """Raises Damaged for a file that is not what it says. One of several files is laid out in `scratch`."""
    beside = wfdb.files_beside(path) if kind is Kind.WFDB else ()
    if sum(each.stat().st_size for each in (path, *beside)) > ECG_LIMIT_BYTES:
        raise Damaged(f"it is larger than an ECG file is taken to be ({ECG_LIMIT_BYTES:,} bytes)")
    if kind is Kind.WFDB:
        with TemporaryDirectory(dir=scratch) as folder:
            record, warned = _parsed(wfdb.laid_out(path, Path(folder)), kind)
        wfdb.mend(record)
    else:
        record, warned = _parsed(path, kind)
    groups = [
        *_groups(record.leads, "RHYTHM", is_median=False),
        *_groups(record.median_beats, "MEDIAN BEAT", is_median=True),
    ]
    if not groups:
        raise Damaged("it holds no samples")
    return ReadEcg(_ecg(record, [with_limb_leads(each) for each in groups], warned), _said(record))


def _parsed(path: Path, kind: Kind) -> tuple[Any, Sequence[str]]:
    module, name = _READERS[kind]
    reader = getattr(importlib.import_module(f"ecgdatakit.parsing.parsers.{module}"), name)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            record = reader().parse(path)
        except (ECGDataKitError, OSError) as error:
            raise Damaged(f"it is no {kind.value} that can be read") from error
        except Exception as error:  # the library's own troubles with what a hostile file says
            raise Damaged(f"it is no {kind.value} that can be read ({type(error).__name__})") from error
    # What the library warns of may quote the file: only that it did, and how often.
    return record, [f"its reader had {len(caught)} doubts"] if caught else []


def _groups(leads: Iterable[Any], label: str, *, is_median: bool) -> list[Group]:
    """Leads that were sampled together, one group each."""
    sampled = [each for each in leads if len(each.samples)]
    together = sorted(enumerate(sampled), key=lambda each: (*_clock(each[1]), each[0]))
    return [
        Group(label, float(rate), [_channel(lead) for _, lead in members], is_median)
        for (rate, _), members in groupby(together, key=lambda each: _clock(each[1]))
    ]


def _clock(lead: Any) -> tuple[float, int]:
    if not lead.sampling_rate or not 0 < lead.sampling_rate < math.inf:
        raise Damaged(f"lead {lead.label} says no sampling rate")
    return lead.sampling_rate, len(lead.samples)


def _channel(lead: Any) -> Channel:
    unit = lead.resolution_unit if lead.is_raw else lead.units
    if unit not in _MICROVOLTS:
        raise Damaged(f"lead {lead.label} says no voltage")
    factor = _MICROVOLTS[unit]
    if not lead.is_raw:
        return channel_of(lead.label, lead.samples, factor, 0.0)
    return channel_of(lead.label, lead.samples, lead.resolution * factor, lead.offset * factor)


def _ecg(record: Any, groups: Sequence[Group], warned: Sequence[str]) -> Ecg:
    filters = record.recording.acquisition.filters
    measured = {
        name: float(value)
        for name in MEASUREMENTS
        if (value := getattr(record.measurements, name, None)) is not None
    }
    by_hand = record.interpretation.source in ("overread", "confirmed")
    return Ecg(
        groups=groups,
        filters=Filters(
            filters.highpass or None,
            filters.lowpass or None,
            filters.notch if filters.notch_active is not False else None,
        ),
        measurements=measured,
        statements=[" ".join(filter(None, each)).strip() for each in record.interpretation.statements],
        stated_by=record.interpretation.interpreter if by_hand else "",
        notes=warned,
    )


def _said(record: Any) -> Said:
    patient, recording = record.patient, record.recording
    device = recording.device
    return Said(
        identifier=patient.patient_id.strip(),
        family=patient.last_name.strip(),
        given=patient.first_name.strip(),
        birth_date=_day(patient.birth_date),
        sex={"M": Sex.MALE, "F": Sex.FEMALE}.get(patient.sex),
        at=recording.date,
        device=Device(
            manufacturer=_text(device.manufacturer),
            model=_text(device.model or device.name),
            serial_number=_text(device.serial_number),
            software=_text(device.software_version),
        ),
        institution=_text(device.institution) or "",
    )


def _day(at: datetime | None) -> date | None:
    return at.date() if at is not None else None


def _text(said: str) -> str | None:
    """What LO may hold of it, or nothing."""
    plain = "".join(each if each.isprintable() and each != "\\" else " " for each in said)
    return " ".join(plain.split())[:64] or None
