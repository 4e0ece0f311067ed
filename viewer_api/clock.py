"""Days and times as people here read them (NHS digital service manual, "Dates, times and numbers")."""

from datetime import datetime
from zoneinfo import ZoneInfo

CLOCK = ZoneInfo("Europe/London")


def day(at: datetime) -> str:
    """Such as 22 November 2026."""
    local = at.astimezone(CLOCK)
    return f"{local.day} {local:%B %Y}"


def moment(at: datetime) -> str:
    """Such as 22 November 2026, 4:13pm."""
    local = at.astimezone(CLOCK)
    return f"{day(at)}, {local.hour % 12 or 12}:{local:%M}{'am' if local.hour < 12 else 'pm'}"
