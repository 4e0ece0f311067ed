"""Whom the small PDS holds, and how it finds them (PDS FHIR API: read; search, fuzzy or not)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any
from uuid import UUID

from exchange.fhir.identifiers import NUMBER_STATUS, NUMBER_STATUS_EXTENSION
from exchange.fhir.patient import as_patient
from exchange.people.person import Demographics, Identifier, NumberStatus, Person, PersonName, Sensitivity
from imx.demo.pds.outcomes import PdsProblem

#: The parameters of a search; another is refused.
PARAMETERS = frozenset({
    "family", "given", "gender", "birthdate", "death-date", "address-postalcode", "address-postcode",
    "general-practitioner", "email", "phone", "_fuzzy-match", "_exact-match", "_history", "_max-results",
})  # fmt: skip
_DATE = re.compile(r"(eq|ge|le)?([0-9]{4})-([0-9]{2})-([0-9]{2})")
_OLD = ("old", "maiden")

#: The PDS names the code system as it was called before.
_STATUSES = NUMBER_STATUS.removesuffix("England")


@dataclass(frozen=True, slots=True)
class HeldPatient:
    """One of them."""

    nhs_number: str
    demographics: Demographics
    sensitivity: Sensitivity = Sensitivity.NORMAL
    version: int = 1

    def resource(self, *, with_history: bool = True) -> dict[str, Any]:
        """As the PDS shows them: a search shows no names of before."""
        said = self.demographics
        names = tuple(
            PersonName(each.family, each.given, each.prefix, each.suffix, "usual")
            if each.use == "official"
            else each
            for each in said.names
            if with_history or each.use not in _OLD
        )
        shown = Demographics(
            names, said.birth_date, said.sex, said.address, said.postcode, said.practice, said.died,
            said.is_dead, said.birth_order,
        )  # fmt: skip
        number = Identifier.nhs(self.nhs_number)
        found = as_patient(Person(0, UUID(int=0), number, NumberStatus.VERIFIED, self.sensitivity, shown))
        status = {
            "system": _STATUSES,
            "version": "1.0.0",
            "code": "01",
            "display": "Number present and verified",
        }
        extension = {"url": NUMBER_STATUS_EXTENSION, "valueCodeableConcept": {"coding": [status]}}
        normal = {
            "system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
            "code": "U", "display": "unrestricted",
        }  # fmt: skip
        if len(said.died) == 8:
            found["deceasedDateTime"] += "T00:00:00+00:00"
        return {
            **found,
            "id": self.nhs_number,
            "identifier": [
                {
                    "extension": [extension],
                    "system": found["identifier"][0]["system"],
                    "value": self.nhs_number,
                }
            ],
            "meta": {"versionId": str(self.version), "security": found["meta"].get("security", [normal])},
        }


@dataclass(slots=True)
class Records:
    """All of them, by NHS number. Tests change them as registrars would."""

    patients: dict[str, HeldPatient] = field(default_factory=dict)
    superseded: dict[str, str] = field(default_factory=dict)  # by what each
    invalidated: set[str] = field(default_factory=set)

    def hold(
        self, number: str, said: Demographics, sensitivity: Sensitivity = Sensitivity.NORMAL
    ) -> HeldPatient:
        """Register somebody, or change what is held of them."""
        before = self.patients.get(number)
        held = HeldPatient(number, said, sensitivity, before.version + 1 if before else 1)
        self.patients[number] = held
        return held

    def supersede(self, number: str, by: str) -> None:
        """One person had two numbers."""
        self.superseded[number] = by

    def stands(self, number: str) -> str:
        """The number that it is now."""
        while number in self.superseded:
            number = self.superseded[number]
        return number

    def with_number(self, number: str) -> HeldPatient:
        """Whoever it is the number of now. Raises PdsProblem."""
        number = self.stands(number)
        if number in self.invalidated:
            raise PdsProblem("INVALIDATED_RESOURCE")
        if number not in self.patients:
            raise PdsProblem("RESOURCE_NOT_FOUND")
        return self.patients[number]

    def search(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[HeldPatient, float]]:
        """Who matches, and how well, the best first. Raises PdsProblem."""
        asked = _asked(pairs)
        is_fuzzy = asked.get("_fuzzy-match") == ["true"]
        found: dict[str, float] = {}
        for each in self.patients.values():
            now = self.stands(each.nhs_number)
            score = 0.0 if now in self.invalidated else _score(each, asked, is_fuzzy)
            if now in self.patients and score and (score == 1 or asked.get("_exact-match") != ["true"]):
                found[now] = max(score, found.get(now, 0.0))  # whoever superseded it is shown for it
        best = sorted(found, key=lambda number: (-found[number], number))
        return [(self.patients[number], found[number]) for number in best]


def _asked(pairs: Sequence[tuple[str, str]]) -> Mapping[str, list[str]]:
    """What is searched by. Raises PdsProblem as the PDS refuses it."""
    if not pairs:
        raise PdsProblem("UNSUPPORTED_SERVICE")
    asked: dict[str, list[str]] = {}
    for name, value in pairs:
        asked.setdefault("address-postalcode" if name == "address-postcode" else name, []).append(value)
    if unexpected := sorted(asked.keys() - PARAMETERS):
        names = ", ".join(f"'{each}'" for each in unexpected)
        what = "was" if len(unexpected) == 1 else "were"
        said = (
            f"Invalid request with error - Additional properties are not allowed ({names} {what} unexpected)"
        )
        raise PdsProblem("ADDITIONAL_PROPERTIES", said)
    for name in ("birthdate", "death-date"):
        for value in asked.get(name, ()):
            if not _DATE.fullmatch(value):
                raise PdsProblem("INVALID_VALUE", f"Invalid value - '{value}' in field '{name}'")
    for name in ("family", "given", "address-postalcode"):
        for value in asked.get(name, ()):
            if "*" in value and len(value.partition("*")[0]) < 2:
                raise PdsProblem("INVALID_VALUE", f"Invalid value - '{value}' in field '{name}'")
    if "birthdate" not in asked:
        field = "birth_date/birth_date_range_start/birth_date_range_end"
        raise PdsProblem("MISSING_VALUE", f"Missing value - '{field}'")
    if "family" not in asked:
        said = "No searches were performed as the search criteria did not meet the minimum requirements"
        raise PdsProblem("INVALID_SEARCH_DATA", f"Invalid search data provided - '{said}'")
    return asked


def _score(held: HeldPatient, asked: Mapping[str, list[str]], is_fuzzy: bool) -> float:
    """1 for all that is asked, less where only a sound or a name of before matches; 0 for another person."""
    said = held.demographics
    tells_where = "address-postalcode" in asked or "general-practitioner" in asked
    if tells_where and held.sensitivity is not Sensitivity.NORMAL:
        return 0.0
    if not all(_is_on(said.birth_date, each) for each in asked["birthdate"]):
        return 0.0
    if any(not _is_on(said.died, each) for each in asked.get("death-date", ())):
        return 0.0
    if any(each.lower() != _gender(held) for each in asked.get("gender", ())):
        return 0.0
    if not is_fuzzy and any(each.upper() != said.practice for each in asked.get("general-practitioner", ())):
        return 0.0
    postcode = said.postcode.replace(" ", "")
    if not all(_fits(postcode, each.replace(" ", "")) for each in asked.get("address-postalcode", ())):
        return 0.0
    return _score_of_names(said.names, asked, is_fuzzy)


def _score_of_names(names: Iterable[PersonName], asked: Mapping[str, list[str]], is_fuzzy: bool) -> float:
    with_history = is_fuzzy or asked.get("_history") == ["true"]
    best = 0.0
    for name in names:
        if name.use in _OLD and not with_history:
            continue
        mine, given = asked["family"][0], asked.get("given", [])
        if _fits(name.family, mine) and all(any(_fits(own, each) for own in name.given) for each in given):
            best = max(best, 0.95 if name.use in _OLD else 1.0)
        elif (
            is_fuzzy
            and _sounds(name.family, mine)
            and all(any(_sounds(own, each) for own in name.given) for each in given)
        ):
            best = max(best, 0.8976)
    return best


def _fits(held: str, asked: str) -> bool:
    return fnmatchcase(held.casefold(), asked.casefold().replace("[", "[[]"))


def _is_on(held: str, asked: str) -> bool:
    found = _DATE.fullmatch(asked)
    assert found is not None
    day = "".join(found.groups()[1:])
    match found[1]:
        case "ge":
            return bool(held) and held >= day
        case "le":
            return bool(held) and held <= day
        case _:
            return held == day


def _gender(held: HeldPatient) -> str:
    return str(held.resource().get("gender", "unknown"))


_SOUNDS = {
    letter: digit
    for digit, letters in (("1", "BFPV"), ("2", "CGJKQSXZ"), ("3", "DT"), ("4", "L"), ("5", "MN"), ("6", "R"))
    for letter in letters
}


def _sounds(one: str, other: str) -> bool:
    return bool(one and other) and _soundex(one) == _soundex(other)


def _soundex(name: str) -> str:
    """American Soundex, as the PDS compares names that sound alike."""
    letters = [each for each in name.upper() if each.isalpha()]
    code, last = letters[:1], _SOUNDS.get(letters[0], "") if letters else ""
    for each in letters[1:]:
        digit = _SOUNDS.get(each, "")
        if digit and digit != last:
            code.append(digit)
        if each not in "HW":
            last = digit
    return "".join(code)[:4].ljust(4, "0")
