"""What devices measure of an ECG, as coded annotations (PS3.16 CID 3227, 3228, 3229; MDC)."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measured:
    """How one measurement is coded, and in which unit (UCUM)."""

    value: str
    meaning: str
    unit: str
    scheme: str = "MDC"


#: By the names that Ecg.measurements has.
MEASUREMENTS: Mapping[str, Measured] = {
    "heart_rate": Measured("8867-4", "Heart rate", "/min", "LN"),
    "rr_interval": Measured("2:16168", "RR interval global", "ms"),
    "p_duration": Measured("2:16184", "P duration global", "ms"),
    "pr_interval": Measured("2:15872", "PR interval global", "ms"),
    "qrs_duration": Measured("2:16156", "QRS duration global", "ms"),
    "qt_interval": Measured("2:16160", "QT interval global", "ms"),
    "qtc_bazett": Measured("2:15880", "QTc global using Bazett formula", "ms"),
    "qtc_fridericia": Measured("2:15892", "QTc global using Fredericia formula", "ms"),
    "p_axis": Measured("2:16128", "P Axis", "deg"),
    "qrs_axis": Measured("2:16132", "QRS axis", "deg"),
    "t_axis": Measured("2:16136", "T axis", "deg"),
}

UNIT_MEANINGS: Mapping[str, str] = {"ms": "millisecond", "deg": "degree", "/min": "per minute"}
