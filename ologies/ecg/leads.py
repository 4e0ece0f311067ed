"""The leads of an ECG, by name and by MDC code (ISO 11073-10102; PS3.16 CID 3001)."""

from collections.abc import Mapping
from dataclasses import dataclass

from ologies.ecg import scpecg


@dataclass(frozen=True, slots=True)
class LeadCode:
    """One lead."""

    value: str
    meaning: str


#: By the name that readers of ECG files give them.
LEADS: Mapping[str, LeadCode] = {
    "I": LeadCode("2:1", "Lead I"),
    "II": LeadCode("2:2", "Lead II"),
    "V1": LeadCode("2:3", "Lead V1"),
    "V2": LeadCode("2:4", "Lead V2"),
    "V3": LeadCode("2:5", "Lead V3"),
    "V4": LeadCode("2:6", "Lead V4"),
    "V5": LeadCode("2:7", "Lead V5"),
    "V6": LeadCode("2:8", "Lead V6"),
    "V7": LeadCode("2:9", "Lead V7"),
    "V2R": LeadCode("2:10", "Lead V2R"),
    "V3R": LeadCode("2:11", "Lead V3R"),
    "V4R": LeadCode("2:12", "Lead V4R"),
    "V5R": LeadCode("2:13", "Lead V5R"),
    "V6R": LeadCode("2:14", "Lead V6R"),
    "V7R": LeadCode("2:15", "Lead V7R"),
    "X": LeadCode("2:16", "Lead X"),
    "Y": LeadCode("2:17", "Lead Y"),
    "Z": LeadCode("2:18", "Lead Z"),
    "III": LeadCode("2:61", "Lead III"),
    "aVR": LeadCode("2:62", "aVR, augmented voltage, right"),
    "aVL": LeadCode("2:63", "aVL, augmented voltage, left"),
    "aVF": LeadCode("2:64", "aVF, augmented voltage, foot"),
    "V8": LeadCode("2:66", "Lead V8"),
    "V9": LeadCode("2:67", "Lead V9"),
    "V8R": LeadCode("2:68", "Lead V8R"),
    "V9R": LeadCode("2:69", "Lead V9R"),
}

#: A lead that no code is known for (PS3.16 CID 3001: 2:0).
UNSPECIFIED = LeadCode("2:0", "Unspecified lead")

#: What is measured; the other four of twelve follow from I and II.
MEASURED = frozenset({"I", "II", "V1", "V2", "V3", "V4", "V5", "V6"})

#: In which order people read them.
READING_ORDER = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")

_BY_VALUE: Mapping[str, str] = {code.value: name for name, code in LEADS.items()}


def lead_of(scheme: str, value: str) -> str | None:
    """The name of the lead that a code says, of MDC or the old SCPECG; None where it says none of these."""
    if scheme == scpecg.SCHEME:
        value = scpecg.lead_value(value) or ""
    elif scheme != "MDC":
        return None
    return _BY_VALUE.get(value)
