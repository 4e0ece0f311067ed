"""Names and days of data sets as people here read them (NHS design guidance)."""

from datetime import date


def written_name(name: str) -> str:
    """A DICOM person name: SURNAME, Given (Title), as the first of its scripts says it.

    >>> written_name("O'Neill^Ruth^Ann^Mrs")
    "O'NEILL, Ruth Ann (Mrs)"
    """
    group = next((each for each in name.split("=") if each.strip("^ ")), "")
    family, given, middle, prefix, *_ = [part.strip() for part in (group + "^^^^").split("^")]
    others = " ".join(part for part in (given, middle) if part)
    whole = ", ".join(part for part in (family.upper(), others) if part)
    return f"{whole} ({prefix})" if prefix else whole


def written_day(text: str) -> str:
    """A date as 1 March 2026 (as clock.day writes moments). One that is known in part stays as it is.

    >>> written_day("20260301"), written_day("2026")
    ('1 March 2026', '2026')
    """
    try:
        day = date.fromisoformat(text[:8])
    except ValueError:
        return text
    return f"{day.day} {day:%B %Y}"


def spaced(number: str) -> str:
    """An NHS number as people read it, 999 000 0018 (NHS digital service manual)."""
    return f"{number[:3]} {number[3:6]} {number[6:]}" if len(number) == 10 else number
