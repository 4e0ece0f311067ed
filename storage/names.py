"""How a person's name is matched: without regard to case, width or trailing separators; fuzzily, accents."""

import re
import unicodedata

#: Combining marks and apostrophes, which fuzzy matching leaves out.
_LEFT_OUT = re.compile("[\u0300-\u036f'’`]")
#: Letters that no decomposition makes plain.
_PLAIN = str.maketrans({
    "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th",
})  # fmt: skip
_BETWEEN_WORDS = re.compile(r'[\x01-\x20^=,.;:()/\\"_-]+')


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


def plain_words(text: str) -> list[str]:
    """The words of a name, or of a pattern for one, without accents: what fuzzy matching compares (ADR 0036).

    The schema's plain_name says the same of names that are kept.

    >>> plain_words("O'Brien-Müller^Zoë*")
    ['obrien', 'muller', 'zoe*']
    """
    bare = _LEFT_OUT.sub("", unicodedata.normalize("NFKD", name_key(text)))
    plain = unicodedata.normalize("NFC", bare).translate(_PLAIN)
    return [word for word in _BETWEEN_WORDS.split(plain) if word.strip("*?")]
