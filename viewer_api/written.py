"""Names and days of data sets as people here read them (NHS design guidance)."""

from datetime import date

_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def written_name(group: str) -> str:
    """One group of a DICOM person name: SURNAME, Given (Title).

    >>> written_name("O'Neill^Ruth^Ann^Mrs")
    "O'NEILL, Ruth Ann (Mrs)"
    """
    family, given, middle, prefix, *_ = [part.strip() for part in (group + "^^^^").split("^")]
    others = " ".join(part for part in (given, middle) if part)
    whole = ", ".join(part for part in (family.upper(), others) if part)
    return f"{whole} ({prefix})" if prefix else whole


def written_day(text: str) -> str:
    """A date as 01-Mar-2026: nobody can read it in another order. One that is known in part stays as it is.

    >>> written_day("20260301"), written_day("2026")
    ('01-Mar-2026', '2026')
    """
    try:
        day = date.fromisoformat(text[:8])
    except ValueError:
        return text
    return f"{day.day:02}-{_MONTHS[day.month - 1]}-{day.year}"
