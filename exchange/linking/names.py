"""How the name in a study compares with a person's: its given names, and apart from them its family name.

Names are compared as plain words (storage.names): without accents, case, apostrophes or hyphens. Of a name in
several scripts (PS3.5 §6.2.1) only what both sides have in one script is compared.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from exchange.linking.given_names import (
    TITLES,
    are_forms_of_one,
    is_placeholder,
    is_shared_first,
    order_in,
)
from exchange.people.person import PersonName
from storage.names import plain_words


class Given(IntEnum):
    """How the given names compare, from the least to the most that they say for one person."""

    OTHER = 0  # another name, though only a letter differs
    SWAPPED = 1  # the family name stands where the given name should, and the other way round
    UNSAID = 2  # one side has none, or a placeholder, or another script
    ABBREVIATED = 3  # an initial, or the name's beginning
    A_FORM = 4  # a short form or spelling in the table, or another of their given names
    FULL = 5


class Family(IntEnum):
    """How the family names compare."""

    OTHER = 0
    UNSAID = 1
    PART = 2  # of a double-barrelled name, or a name of before
    SAME = 3


@dataclass(frozen=True, slots=True)
class Written:
    """A name in one script, in plain words."""

    family: tuple[str, ...]
    given: tuple[str, ...]
    is_ordered: bool = True  # False: no separator says which words are the family name

    @property
    def is_latin(self) -> bool:
        """Whether it is in the letters of most of our names."""
        return all(word.isascii() for word in (*self.family, *self.given))


@dataclass(frozen=True, slots=True)
class NamesCompared:
    """The best that any of a person's names says for the name in the study."""

    given: Given
    family: Family


def compare_names(said: str, names: Sequence[PersonName]) -> NamesCompared:
    """A DICOM person name (PS3.5 §6.2.1), all its groups, and the names that a person goes or went by."""
    found = [
        _compared(mine, theirs)
        for mine in written(said)
        for theirs in map(_of_person, names)
        if mine.is_latin == theirs.is_latin
    ]
    if not found:
        return NamesCompared(Given.UNSAID, Family.UNSAID)
    # A name of before says as much as the one in use; they differ where all that can be compared differ.
    said_of_given = [each.given for each in found if each.given is not Given.UNSAID]
    best = max(said_of_given, default=Given.UNSAID)
    family = max(each.family for each in found)
    if best is Given.OTHER and Given.SWAPPED in said_of_given:
        best = Given.SWAPPED
    return NamesCompared(best, family)


def written(said: str) -> Iterator[Written]:
    """A DICOM person name, group by group; groups without a word are left out."""
    for group in said.split("="):
        parts = group.split("^")
        if len(parts) == 1 and "," in group:
            parts = group.split(",", 1)
        family = tuple(plain_words(parts[0]))
        given = tuple(word for word in plain_words(" ".join(parts[1:3])) if word not in TITLES)
        if len(parts) == 1:
            family = tuple(word for word in family if word not in TITLES)
        if family or given:
            yield Written(family, given, is_ordered=len(parts) > 1 or len(family) < 2)


def has_placeholder(said: str) -> bool:
    """Whether a name has BABY or the like where the given name should be."""
    return any(_placeholder(each) for each in written(said))


def birth_order_in(said: str) -> int | None:
    """Which of a multiple birth a study's name says it is: TWIN 2."""
    for each in written(said):
        if (order := order_in(_placeholder(each))) is not None:
            return order
    return None


def _placeholder(name: Written) -> Sequence[str]:
    """The words from BABY or the like on; where nothing separates the names, anywhere among them."""
    if name.is_ordered:
        return name.given if is_placeholder(name.given) else ()
    parts = (name.family[place:] for place in range(len(name.family)))
    return next((part for part in parts if is_placeholder(part)), ())


def _of_person(name: PersonName) -> Written:
    return Written(tuple(plain_words(name.family)), _given_words(name.given))


def _given_words(given: Iterable[str]) -> tuple[str, ...]:
    return tuple(word for each in given for word in plain_words(each) if word not in TITLES)


def _compared(mine: Written, theirs: Written) -> NamesCompared:
    if not mine.is_ordered:
        return _unordered(mine, theirs)
    given = _compare_given(mine.given, theirs.given)
    if given is Given.OTHER and _are_swapped(mine, theirs):
        given = Given.SWAPPED
    return NamesCompared(given, _compare_family(mine.family, theirs.family))


def _unordered(mine: Written, theirs: Written) -> NamesCompared:
    """SMITH JOHN without a separator: what is left beside the family name is the given name."""
    words = mine.family
    rest = tuple(word for word in words if word not in theirs.family)
    if len(rest) == len(words):  # another family name, and nobody knows which word it is
        is_there = bool(theirs.given) and theirs.given[0] in words
        return NamesCompared(Given.A_FORM if is_there else Given.OTHER, Family.OTHER)
    if not rest and theirs.given and theirs.given[0] in words:
        rest = theirs.given[:1]  # James James
    return NamesCompared(min(_compare_given(rest, theirs.given), Given.A_FORM), Family.SAME)


def _are_swapped(mine: Written, theirs: Written) -> bool:
    if not (mine.family and mine.given and theirs.family and theirs.given):
        return False
    return bool(set(mine.given) & set(theirs.family)) and (
        _compare_given(mine.family, theirs.given) >= Given.A_FORM
    )


def _compare_given(mine: Sequence[str], theirs: Sequence[str]) -> Given:
    if is_placeholder(mine) or is_placeholder(theirs):
        one, other = order_in(mine), order_in(theirs)
        both = is_placeholder(mine) and is_placeholder(theirs)
        return Given.OTHER if both and one and other and one != other else Given.UNSAID
    if not mine or not theirs:
        return Given.UNSAID
    if "".join(mine) == "".join(theirs):
        return Given.FULL
    if is_shared_first(mine[0]) and is_shared_first(theirs[0]) and _are_one_word(mine[0], theirs[0]):
        # Muhammad Ali and Muhammad Hassan are brothers: the name after it decides.
        if len(mine) == 1 or len(theirs) == 1:
            return Given.ABBREVIATED
        return _compare_given(mine[1:], theirs[1:])
    if _is_first(mine, theirs) or _is_first(theirs, mine):
        return Given.FULL if _first_is_whole(mine, theirs) else Given.A_FORM
    if are_forms_of_one(mine[0], theirs[0]) or mine[0] in theirs or theirs[0] in mine:
        return Given.A_FORM
    if theirs[0].startswith(mine[0]) or mine[0].startswith(theirs[0]):
        return Given.ABBREVIATED
    if len(mine) == 1 and len(mine[0]) == len(theirs) > 1 and mine[0] == "".join(word[0] for word in theirs):
        return Given.ABBREVIATED  # JP for John Paul
    return Given.OTHER


def _are_one_word(one: str, other: str) -> bool:
    return one == other or are_forms_of_one(one, other)


def _is_first(mine: Sequence[str], theirs: Sequence[str]) -> bool:
    return len(mine[0]) > 1 and mine[0] == theirs[0]


def _first_is_whole(mine: Sequence[str], theirs: Sequence[str]) -> bool:
    """The first names are one; those after it, as far as both have them, do not differ."""
    return all(
        one == other or one.startswith(other) or other.startswith(one)
        for one, other in zip(mine[1:], theirs[1:], strict=False)
    )


def _compare_family(mine: Sequence[str], theirs: Sequence[str]) -> Family:
    if not mine or not theirs:
        return Family.UNSAID
    if "".join(mine) == "".join(theirs):
        return Family.SAME
    return Family.PART if set(mine) <= set(theirs) or set(theirs) <= set(mine) else Family.OTHER
