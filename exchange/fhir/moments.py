"""Dates and times of DICOM as FHIR writes them."""

import re
from datetime import UTC, datetime
from datetime import date as calendar_date
from zoneinfo import ZoneInfo

#: The region's clock: DICOM's dates and times are local where their data set names no offset (PS3.5 §6.2).
CLOCK = ZoneInfo("Europe/London")

_DATE = re.compile(r"(\d{4})(\d{2})?(\d{2})?", re.ASCII)
_TIME = re.compile(r"(\d{2})(\d{2})?(\d{2})?(\.\d{1,6})?", re.ASCII)


def as_date(date: str) -> str:
    """YYYY, YYYY-MM or YYYY-MM-DD; "" for what is no date."""
    found = _DATE.fullmatch(date)
    if found is None:
        return ""
    year, month, day = found.groups()
    try:
        calendar_date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return ""
    return "-".join(part for part in (year, month, day) if part)


def as_moment(date: str, time: str = "") -> str:
    """A dateTime: with an offset where there is a time, which FHIR requires; "" where there is no date."""
    day = as_date(date)
    found = _TIME.fullmatch(time)
    if len(day) < len("YYYY-MM-DD") or found is None:
        return day
    hour, minute, second, _ = found.groups()
    try:
        at = datetime.fromisoformat(f"{day}T{hour}:{minute or '00'}:{second or '00'}")
    except ValueError:
        return day
    return at.replace(tzinfo=CLOCK).isoformat(timespec="seconds")


def as_instant(at: datetime) -> str:
    """An instant, to the microsecond, in UTC."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")
