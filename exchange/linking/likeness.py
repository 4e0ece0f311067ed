"""How like somebody a description is: it proposes people to those who decide, and never links by itself.

A weighted share of the facts that both sides know, of 1; what only one side knows counts for neither, and a
description that says little is like nobody much. FHIR's $match answers with it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from exchange.linking.comparing import are_swapped
from exchange.linking.names import Family, Given, compare_names
from exchange.people.person import Demographics, Sex

#: What each fact weighs.
_BIRTH_DATE, _FAMILY, _GIVEN, _SEX, _POSTCODE = 0.35, 0.25, 0.25, 0.05, 0.10

#: A description with this much weight of facts says enough to be wholly like somebody: names and birth date.
_ENOUGH = 0.85

#: Of two sexes that differ.
_OTHER_SEX = 0.7

_GIVEN_SHARE = {
    Given.OTHER: 0.0,
    Given.SWAPPED: 0.8,
    Given.ABBREVIATED: 0.6,
    Given.A_FORM: 0.9,
    Given.FULL: 1.0,
}
_FAMILY_SHARE = {Family.OTHER: 0.0, Family.PART: 0.8, Family.SAME: 1.0}


@dataclass(frozen=True, slots=True)
class Likeness:
    """0 for nobody in common, 1 for all that is known in common, and why."""

    score: float
    reasons: tuple[str, ...]


def likeness(said: Demographics, known: Demographics, *, with_postcode: bool = True) -> Likeness:
    """How like a person of the directory a description is.

    Without the postcode for somebody restricted: a score would answer who guesses where they live.
    """
    facts = list(_facts(said, known, with_postcode))
    weight = sum(each.weight for each in facts)
    if not weight:
        return Likeness(0.0, ())
    score = sum(each.weight * each.share for each in facts) / weight * min(1.0, weight / _ENOUGH)
    if {said.sex, known.sex} == {Sex.FEMALE, Sex.MALE}:
        score *= _OTHER_SEX
    return Likeness(round(score, 3), tuple(each.words for each in facts))


@dataclass(frozen=True, slots=True)
class _Fact:
    weight: float
    share: float  # of its weight that speaks for the person
    words: str


def _facts(said: Demographics, known: Demographics, with_postcode: bool) -> Iterator[_Fact]:
    if said.birth_date and known.birth_date:
        share, words = _birth_dates(said.birth_date, known.birth_date)
        yield _Fact(_BIRTH_DATE, share, words)
    names = compare_names(said.name.dicom, known.names)
    family = Family.SAME if names.given is Given.SWAPPED else names.family
    if family is not Family.UNSAID:
        yield _Fact(_FAMILY, _FAMILY_SHARE[family], f"family name: {family.name.lower()}")
    if names.given is not Given.UNSAID:
        words = names.given.name.lower().replace("_", " ")
        yield _Fact(_GIVEN, _GIVEN_SHARE[names.given], f"given name: {words}")
    if Sex.UNKNOWN not in (said.sex, known.sex) and Sex.OTHER not in (said.sex, known.sex):
        is_same = said.sex is known.sex
        yield _Fact(_SEX, float(is_same), f"sex: {'same' if is_same else 'other'}")
    if with_postcode and said.postcode and known.postcode:
        share, words = _postcodes(said.postcode, known.postcode)
        yield _Fact(_POSTCODE, share, words)


def _birth_dates(one: str, other: str) -> tuple[float, str]:
    if one == other:
        return (1.0 if len(one) == 8 else 0.6), "birth date: same"
    if len(one) != len(other) and (one.startswith(other) or other.startswith(one)):
        return 0.6, "birth date: same as far as it is known"
    if are_swapped(one, other):
        return 0.7, "birth date: day and month swapped"
    if len(one) == len(other) == 8 and sum(a != b for a, b in zip(one, other, strict=True)) == 1:
        return 0.6, "birth date: one digit differs"
    return 0.0, "birth date: other"


def _postcodes(one: str, other: str) -> tuple[float, str]:
    mine, theirs = (each.replace(" ", "").upper() for each in (one, other))
    if mine == theirs:
        return 1.0, "postcode: same"
    if mine[:-3] and mine[:-3] == theirs[:-3]:
        return 0.5, "postcode: same district"
    return 0.0, "postcode: other"
