"""Whom a search for patients means (IHE PDQm ITI-78): from its parameters to criteria. Pure.

Errors name parameters, never what was asked for.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from exchange.fhir.identifiers import NHS_NUMBER, ODS_ORGANISATION, Assigners, issuer_in
from exchange.fhir.patient import GENDERS, PROFILE
from exchange.people.finding import BY_NAME, By, Criteria, Day, Order, Prefix, Text, Token
from exchange.people.person import NHS, Sex
from storage.errors import BadQuery
from viewer_api.fhir import parameters
from viewer_api.fhir.dates import when
from viewer_api.fhir.parameters import Asked, Value, tokens, unescaped
from viewer_api.fhir.resource import ID, LAST_UPDATED, Operation, Parameter, ParameterType, Resource
from viewer_api.problems import BadParameters

_EXACT = ("exact", "contains")
_PDQM = "https://profiles.ihe.net/ITI/PDQm"

PATIENT = Resource(
    "Patient",
    "People of the directory (IHE PDQm, PIXm). A record that stands for somebody else says for whom. Nobody"
    " whose record is restricted is found by postcode or practice.",
    profiles=(
        PROFILE,
        f"{_PDQM}/StructureDefinition/IHE.PDQm.Patient",
        "https://profiles.ihe.net/ITI/PIXm/StructureDefinition/IHE.PIXm.Patient",
    ),
    parameters=(
        ID,
        LAST_UPDATED,
        Parameter("identifier", ParameterType.TOKEN, "system|number; system| alone: whose numbers to answer"),
        Parameter("family", ParameterType.STRING, "What the name in use begins with", modifiers=_EXACT),
        Parameter("given", ParameterType.STRING, "What any name in use begins with", modifiers=_EXACT),
        Parameter("name", ParameterType.STRING, "Family or given name", modifiers=_EXACT),
        Parameter("birthdate", ParameterType.DATE, "As much as is known: 1970, 1970-09, ge1970-09-11"),
        Parameter("gender", ParameterType.TOKEN, "male, female, other or unknown"),
        Parameter("address-postalcode", ParameterType.STRING, "What it begins with", modifiers=("exact",)),
        Parameter(
            "general-practitioner",
            ParameterType.REFERENCE,
            "ODS code of the practice",
            chains=("identifier",),
        ),
        Parameter("active", ParameterType.TOKEN, "true: nobody else is found"),
    ),
    reverse_includes=tuple(
        f"{type}:{parameter}"
        for type in ("ImagingStudy", "DiagnosticReport", "DocumentReference", "ServiceRequest")
        for parameter in ("patient", "subject")
    ),
    sorts=("family", "given", "birthdate", "_lastUpdated"),
    interactions=("read", "search-type", "update"),
    operations=(
        Operation("match", f"{_PDQM}/OperationDefinition/PDQmMatch"),
        Operation("ihe-pix", "https://profiles.ihe.net/ITI/PIXm/OperationDefinition/IHE.PIXm.pix"),
    ),
    conditional_update=True,
)

#: A date as far as it is known; times of day count for nothing here.
_DATE = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?(?:T.*)?")
_GENDERS: Mapping[str, Sex] = {**{code: sex for sex, code in GENDERS.items()}, "unknown": Sex.UNKNOWN}
_ODS = f"{ODS_ORGANISATION}|"


_SORTS: Mapping[str, By] = {
    "family": By.FAMILY,
    "given": By.GIVEN,
    "birthdate": By.BIRTH,
    LAST_UPDATED.name: By.CHANGED,
}
#: Letters of a name that is looked for anywhere in others: the index knows names by three of them at a time.
WITHIN_LEAST = 3


class UnknownDomain(BadQuery):
    """Identifiers of a domain are asked for that nobody here gives out (ITI-78 case 4)."""

    def __init__(self) -> None:
        super().__init__("targetSystem not found")


@dataclass(frozen=True, slots=True)
class PatientSearch:
    """What is asked."""

    criteria: Criteria = field(default_factory=Criteria)
    domains: frozenset[str] = frozenset()  # issuers whose identifiers alone are answered; empty: all
    order: Sequence[Order] = BY_NAME
    is_empty: bool = False  # it asks for what nobody is: inactive, or of an issuer that we do not know


def patient_search(asked: Asked, assigners: Assigners) -> PatientSearch:
    """From its parameters. Raises BadParameters, UnknownDomain."""
    order = [Order(_SORTS[each.name], each.is_descending) for each in asked.sorts]
    search = PatientSearch(order=order or BY_NAME)
    for value in asked.values:
        search = _with(search, value, assigners)
    return search


def _with(search: PatientSearch, value: Value, assigners: Assigners) -> PatientSearch:
    said = search.criteria
    texts = [unescaped(each).strip() for each in value.texts]
    match value.parameter.name:
        case "_id":
            said = replace(said, uids=(*said.uids, tuple(_uids(texts))))
        case "active":
            is_asked = any(each.value == "true" for each in tokens(value))
            return replace(search, is_empty=search.is_empty or not is_asked)
        case "identifier":
            return _identified(search, tokens(value), assigners)
        case "_lastUpdated":
            said = replace(said, changes=(*said.changes, tuple(when(value))))
        case "birthdate":
            said = replace(said, births=(*said.births, tuple(map(_day, texts))))
        case "gender":
            said = replace(said, sexes=(*said.sexes, tuple(_sex(each) for each in tokens(value))))
        case "general-practitioner":
            codes = tuple(each.removeprefix(_ODS).upper() for each in texts)
            said = replace(said, practices=(*said.practices, codes))
        case "family":
            said = replace(said, families=(*said.families, _texts(value, texts)))
        case "given":
            said = replace(said, givens=(*said.givens, _texts(value, texts)))
        case "name":
            said = replace(said, names=(*said.names, _texts(value, texts)))
        case "address-postalcode":
            said = replace(said, postcodes=(*said.postcodes, _texts(value, texts)))
    return replace(search, criteria=said)


def _texts(value: Value, texts: Iterable[str]) -> tuple[Text, ...]:
    found = tuple(Text(each, value.modifier == "exact", value.modifier == "contains") for each in texts)
    if not all(each.plain for each in found):
        raise BadParameters({value.parameter.name: "there is nothing to look for"})
    if any(each.is_within and len(each.plain) < WITHIN_LEAST for each in found):
        raise BadParameters({f"{value.parameter.name}:contains": f"{WITHIN_LEAST} letters at least"})
    return found


def _uids(texts: Iterable[str]) -> Iterable[UUID]:
    """An id that is none of ours is nobody's."""
    for text in texts:
        try:
            yield UUID(text)
        except ValueError:
            continue


def _identified(
    search: PatientSearch, asked: Sequence[parameters.Token], assigners: Assigners
) -> PatientSearch:
    """Numbers, or domains alone: whose numbers are answered (ITI-78 §2:3.78.4.1.2.3)."""
    found: list[Token] = []
    domains = set(search.domains)
    for each in asked:
        if each.system is None:
            found.append(Token(_number(each.value)))
            continue
        issuer = issuer_in(each.system, assigners)
        if not each.value:
            if issuer is None or not (issuer == NHS or issuer in assigners):
                raise UnknownDomain
            domains.add(issuer)
            found.append(Token(issuer=issuer))
        elif issuer is not None:
            found.append(Token(_number(each.value) if each.system == NHS_NUMBER else each.value, issuer))
    if not found:
        return replace(search, is_empty=True)
    said = search.criteria
    criteria = replace(said, identifiers=(*said.identifiers, tuple(found)))
    return replace(search, criteria=criteria, domains=frozenset(domains))


def _number(text: str) -> str:
    """An NHS number as people write it, with spaces; others as they are."""
    bare = text.replace(" ", "")
    return bare if len(bare) == 10 and bare.isdigit() else text


def _day(text: str) -> Day:
    found = _DATE.fullmatch(text)
    if found is None:
        raise BadParameters({"birthdate": "not a date, such as 1970-09-11"})
    prefix, *digits = found.groups()
    return Day("".join(each for each in digits if each), Prefix(prefix or "eq"))


def _sex(token: parameters.Token) -> Sex:
    sex = _GENDERS.get(token.value.lower())
    if sex is None:
        raise BadParameters({"gender": "one of male, female, other, unknown"})
    return sex
