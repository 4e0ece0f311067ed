"""A study and somebody's record side by side, as people read them. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from exchange.linking.case import Candidate, Case
from exchange.linking.link import StudyIdentity, Verdict
from exchange.people.person import NHS, Identifier, Person, Sensitivity
from viewer_api.written import spaced, written_day

SEXES: Mapping[str, str] = {"F": "Female", "M": "Male", "O": "Other"}

#: By what the rules call a fact.
_FACTS = {"Born": "birth date", "Given names": "given name", "Family name": "family name", "Died": "lifetime"}


@dataclass(frozen=True, slots=True)
class Row:
    """One fact, as the study says it and as somebody's record does."""

    fact: str
    study: tuple[str, ...]  # in each way in which the study names its patient
    record: str
    verdict: Verdict
    words: str  # why, for who looks closer


def side_by_side(case: Case, candidate: Candidate) -> Sequence[Row]:
    """Number by number, then names, birth date, sex and postcode."""
    person, said = candidate.person, candidate.person.demographics
    names = [(each.family, " ".join(each.given)) for each in said.names]
    rows = [_number(case, candidate, issuer) for issuer in _issuers(case, person)]
    for fact, study, record in (
        (
            "Family name",
            _each(case, lambda one: _part(one.name, 0)),
            _others([family for family, _ in names]),
        ),
        ("Given names", _each(case, lambda one: _given(one.name)), _others([given for _, given in names])),
        ("Born", _each(case, lambda one: written_day(one.birth_date)), written_day(said.birth_date)),
        ("Sex", _each(case, lambda one: SEXES.get(one.sex, one.sex)), SEXES.get(said.sex.value, "")),
    ):
        rows.append(_fact(candidate, fact, study, record))
    if is_open(person) and (said.postcode or any(one.postcode for one in case.names)):
        rows.append(_fact(candidate, "Postcode", _each(case, lambda one: one.postcode), said.postcode))
    if said.is_dead or said.died:
        died = written_day(said.died) or "not known when"
        rows.append(_fact(candidate, "Died", (), died))
    return rows


def is_open(person: Person) -> bool:
    """Whether it may be said where they live."""
    return person.sensitivity is Sensitivity.NORMAL


def _issuers(case: Case, person: Person) -> Sequence[str]:
    """Whose numbers are compared: the NHS number, and those of which the study has one."""
    named = [each.issuer for one in case.names for each in one.identifiers]
    return list(dict.fromkeys(["NHS", *named]))


def _number(case: Case, candidate: Candidate, issuer: str) -> Row:
    person = candidate.person
    known = [person.identifier, *(each.identifier for each in person.others)]
    theirs = _of_issuer(known, issuer)
    study = _each(case, lambda one: _of_issuer(one.identifiers, issuer))
    return _fact(candidate, "NHS number" if issuer == "NHS" else f"Number of {issuer}", study, theirs)


def _of_issuer(identifiers: Iterable[Identifier], issuer: str) -> str:
    written = spaced if issuer == NHS else str
    return ", ".join(dict.fromkeys(written(each.value) for each in identifiers if each.issuer == issuer))


def numbers_of(identifiers: Iterable[Identifier]) -> str:
    """Each with who gave it: NHS number 999 000 0018, 111 of RBT."""
    return ", ".join(
        f"NHS number {spaced(each.value)}" if each.issuer == NHS else f"number {each.value} of {each.issuer}"
        for each in dict.fromkeys(identifiers)
        if each.value
    )


def known_as(person: Person) -> str:
    """By which number the directory knows somebody: two records of one name are told apart by it."""
    number = numbers_of((person.identifier,))
    return number if person.is_verified or not person.identifier.is_nhs else f"{number}, not verified"


def _fact(candidate: Candidate, fact: str, study: tuple[str, ...], record: str) -> Row:
    key = _FACTS.get(fact, fact[0].lower() + fact[1:] if not fact.startswith("NHS") else fact)
    found = [each for each in candidate.facts if each.fact == key]
    # Several ways of naming the patient: the one that speaks against comes first.
    order = (Verdict.DISAGREES, Verdict.AGREES, Verdict.UNKNOWN)
    found.sort(key=lambda each: order.index(each.verdict))
    if found:
        return Row(fact, study, record, found[0].verdict, "; ".join(each.words for each in found))
    return Row(fact, study, record, Verdict.UNKNOWN, "")


def _each(case: Case, what: Callable[[StudyIdentity], str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, (what(one) for one in case.names))))


def _others(names: Sequence[str]) -> str:
    first, *rest = [*dict.fromkeys(filter(None, names)), ""]
    rest = [each for each in rest if each]
    return f"{first} (also {', '.join(rest)})" if rest else first


def _part(name: str, place: int) -> str:
    parts = name.split("=")[0].split("^")
    return parts[place].strip() if place < len(parts) else ""


def _given(name: str) -> str:
    return " ".join(filter(None, (_part(name, 1), _part(name, 2))))
