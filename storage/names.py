"""How a person's name is matched: without regard to case, width or trailing separators."""

import unicodedata


def name_key(text: str) -> str:
    """The key that a name and a query for it share (PS3.4 §C.2.2.2.1, PS3.5 §6.2.1.2).

    Component groups (alphabetic, ideographic, phonetic) stay apart, joined by "=". Accents count:
    leaving them out is what fuzzy matching does.

    >>> name_key("SMITH^Zoë^^^")
    'smith^zoë'
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    groups = ("^".join(part.strip() for part in group.split("^")).rstrip("^") for group in folded.split("="))
    return "=".join(groups).rstrip("=")
