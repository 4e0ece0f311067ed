"""The HL7 v2 messages that are taken, by the table of the desk that takes them."""

from exchange.hl7.admissions import EVENTS
from exchange.hl7.desk import HANDLERS


def messages() -> list[tuple[str, str]]:
    """Message types that do the same, and what that is."""
    found: dict[str, list[str]] = {}
    for kind, handler in sorted(HANDLERS.items()):
        event = EVENTS.get(kind.partition("^")[2]) if kind.startswith("ADT^") else None
        words = event.value if event else (handler.__doc__ or "").strip().rstrip(".").lower()
        found.setdefault(words, []).append(kind)
    return [(", ".join(kinds), words) for words, kinds in found.items()]
