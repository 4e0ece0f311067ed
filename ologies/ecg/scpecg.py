"""Codes of the old scheme SCPECG (PS3.16 before Supplement 237 had them), as MDC codes.

They name places in EN 1064: a lead's is "5.6.3-9-" and the number that MDC has behind "2:".
"""

from collections.abc import Mapping

SCHEME = "SCPECG"
_LEAD = "5.6.3-9-"

#: What devices measure, with MDC's meaning (CID 3227, 3228, 3229).
_MEASURED: Mapping[str, tuple[str, str]] = {
    "5.10.2.1-3": ("2:16168", "RR interval global"),
    "5.10.2.1-5": ("2:16140", "PP interval global"),
    "5.13.5-7": ("2:15872", "PR interval global"),
    "5.13.5-9": ("2:16156", "QRS duration global"),
    "5.13.5-11": ("2:16160", "QT interval global"),
    "5.10.2.5-5": ("2:15876", "QTc interval global"),
    "5.10.3-11": ("2:16128", "P Axis"),
    "5.10.3-13": ("2:16132", "QRS axis"),
    "5.10.3-15": ("2:16136", "T axis"),
}


def lead_value(value: str) -> str | None:
    """MDC's code value of a lead; None where it is none."""
    number = value.removeprefix(_LEAD)
    return f"2:{int(number)}" if number != value and number.isascii() and number.isdigit() else None


def measured(value: str) -> tuple[str, str] | None:
    """MDC's code value and meaning of a measurement; None where it is none that has them."""
    return _MEASURED.get(value)
