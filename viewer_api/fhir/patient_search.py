"""A search for patients, from its parameters (IHE PDQm ITI-78, FHIR R4 §3.1.1).

Errors name parameters, never what was asked for.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from exchange.fhir.identifiers import NHS_NUMBER, ODS_ORGANISATION, Assigners, issuer_in
from exchange.fhir.patient import GENDERS
from exchange.people.finding import Criteria, Day, Prefix, Text, Token
from exchange.people.person import NHS, Sex
from storage.errors import BadQuery
from viewer_api.fhir.formats import PARAMETERS_LIMIT

#: Of one parameter.
TEXT_LIMIT = 200

#: A date as far as it is known; times of day count for nothing here.
_DATE = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?(?:T.*)?")
_GENDERS: Mapping[str, Sex] = {**{code: sex for sex, code in GENDERS.items()}, "unknown": Sex.UNKNOWN}
_ODS = f"{ODS_ORGANISATION}|"


class BadPatientSearch(BadQuery):
    """It cannot be answered as asked."""


class UnknownDomain(BadPatientSearch):
    """Identifiers of a domain are asked for that nobody here gives out (ITI-78 case 4)."""

    def __init__(self) -> None:
        super().__init__("targetSystem not found")


@dataclass(frozen=True, slots=True)
class PatientSearch:
    """What is asked. `understood` is for the answer's self link: what is not in it counts for nothing."""

    criteria: Criteria = field(default_factory=Criteria)
    domains: frozenset[str] = frozenset()  # issuers whose identifiers alone are answered; empty: all
    is_empty: bool = False  # it asks for what nobody is: inactive, or of an issuer that we do not know
    understood: tuple[tuple[str, str], ...] = ()
    ignored: tuple[str, ...] = ()  # names


def parse_patient_search(pairs: Iterable[tuple[str, str]], assigners: Assigners) -> PatientSearch:
    """From the parameters of a URL or a form. Raises BadPatientSearch, UnknownDomain."""
    pairs = list(pairs)
    if len(pairs) > PARAMETERS_LIMIT:
        raise BadPatientSearch(f"more than {PARAMETERS_LIMIT} parameters")
    search = PatientSearch()
    for key, value in pairs:
        if len(value) > TEXT_LIMIT:
            raise BadPatientSearch("a parameter is too long")
        name, _, modifier = key.partition(":")
        understood = _understood(search, name, modifier, alternatives(value), assigners)
        if understood is None:
            search = replace(search, ignored=(*search.ignored, name))
        else:
            search = replace(understood, understood=(*understood.understood, (key, value)))
    return search


def alternatives(value: str) -> list[str]:
    """Those that a comma parts (FHIR R4 §3.1.1.4.16); a backslash keeps one."""
    parts = [""]
    for piece in re.split(r"(\\[\\,|$]|,)", value):
        if piece == ",":
            parts.append("")
        else:
            parts[-1] += piece[1:] if len(piece) == 2 and piece[0] == "\\" else piece
    return [part.strip() for part in parts if part.strip()]


def _understood(
    search: PatientSearch, name: str, modifier: str, values: Sequence[str], assigners: Assigners
) -> PatientSearch | None:
    """With one more parameter; None where it is not understood. One without a value says nothing."""
    if modifier and modifier not in _MODIFIERS.get(name, ()):
        if name in _KNOWN:
            raise BadPatientSearch(f"{name}: this modifier is not understood")
        return None
    if name not in _KNOWN:
        return None
    if not values:
        return search
    said = search.criteria
    match name:
        case "_id":
            said = replace(said, uids=(*said.uids, tuple(_uids(values))))
        case "active":
            is_empty = search.is_empty or not any(value.rpartition("|")[2] == "true" for value in values)
            return replace(search, is_empty=is_empty)
        case "identifier":
            return _identified(search, values, assigners)
        case "family" | "given" | "name" | "address-postalcode":
            texts = tuple(Text(each, modifier == "exact", modifier == "contains") for each in values)
            if not all(each.plain for each in texts):
                raise BadPatientSearch(f"{name}: there is nothing to look for")
            kind = {"family": "families", "given": "givens", "name": "names"}.get(name, "postcodes")
            said = replace(said, **{kind: (*getattr(said, kind), texts)})
        case "birthdate":
            said = replace(said, births=(*said.births, tuple(map(_day, values))))
        case "gender":
            said = replace(said, sexes=(*said.sexes, tuple(map(_sex, values))))
        case "general-practitioner":
            codes = tuple(each.removeprefix(_ODS).upper() for each in values)
            said = replace(said, practices=(*said.practices, codes))
    return replace(search, criteria=said)


_STRINGS = ("exact", "contains")
_MODIFIERS: Mapping[str, tuple[str, ...]] = {
    "family": _STRINGS,
    "given": _STRINGS,
    "name": _STRINGS,
    "address-postalcode": ("exact",),
    "general-practitioner": ("identifier",),
}
#: The parameters that are understood (ITI-78 §2:3.78.4.1.2.1): the capability statement lists them.
PARAMETERS: Mapping[str, str] = {
    "_id": "token", "active": "token", "address-postalcode": "string", "birthdate": "date",
    "family": "string", "gender": "token", "general-practitioner": "reference", "given": "string",
    "identifier": "token", "name": "string",
}  # fmt: skip
_KNOWN = frozenset(PARAMETERS)


def _uids(values: Iterable[str]) -> Iterable[UUID]:
    """An id that is none of ours is nobody's."""
    for value in values:
        try:
            yield UUID(value)
        except ValueError:
            continue


def _identified(search: PatientSearch, values: Sequence[str], assigners: Assigners) -> PatientSearch:
    """Numbers, or domains alone: whose numbers are answered (ITI-78 §2:3.78.4.1.2.3)."""
    tokens: list[Token] = []
    domains = set(search.domains)
    for each in values:
        system, bar, value = each.partition("|")
        if not bar:
            tokens.append(Token(_number(system)))
            continue
        issuer = issuer_in(system)
        is_known = issuer is not None and (issuer == NHS or issuer in assigners)
        if not value:
            if not is_known:
                raise UnknownDomain
            domains.add(str(issuer))
            tokens.append(Token(issuer=str(issuer)))
        elif issuer is not None:
            tokens.append(Token(_number(value) if system == NHS_NUMBER else value, issuer))
    if not tokens:
        return replace(search, is_empty=True)
    said = search.criteria
    criteria = replace(said, identifiers=(*said.identifiers, tuple(tokens)))
    return replace(search, criteria=criteria, domains=frozenset(domains))


def _number(text: str) -> str:
    """An NHS number as people write it, with spaces; others as they are."""
    bare = text.replace(" ", "")
    return bare if len(bare) == 10 and bare.isdigit() else text


def _day(text: str) -> Day:
    found = _DATE.fullmatch(text)
    if found is None:
        raise BadPatientSearch("birthdate: not a date, such as 1970-09-11")
    prefix, *digits = found.groups()
    return Day("".join(each for each in digits if each), Prefix(prefix or "eq"))


def _sex(text: str) -> Sex:
    sex = _GENDERS.get(text.rpartition("|")[2].lower())
    if sex is None:
        raise BadPatientSearch("gender: one of male, female, other, unknown")
    return sex
