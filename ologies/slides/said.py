"""What files say in words, made safe for DICOM."""


def plain(text: str | None) -> str | None:
    """LO (PS3.5 §6.2): one line of at most 64 characters; None where nothing is left."""
    kept = "".join(each if each.isprintable() and each != "\\" else " " for each in text or "")
    return " ".join(kept.split())[:64].strip() or None


def number(text: str | None) -> float | None:
    """A quantity of a scanner; None where it is none, or an absurd one."""
    try:
        found = float(text or "")
    except ValueError:
        return None
    return found if 0 < found < 10_000 else None
