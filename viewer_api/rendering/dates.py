"""Dates as people read them."""

from datetime import date


def day(text: str) -> str:
    """A DA, or what a DT begins with: 02-Jan-1970; what is no date, as it is."""
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8])).strftime("%d-%b-%Y")
    except ValueError:
        return text
