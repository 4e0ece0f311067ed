"""FHIR patients, read: what a source says of somebody (FHIR R4 §8.1, UKCore-Patient 2.6.1).

Errors name elements, never what stands in them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fhir.resources.R4B.patient import Patient
from pydantic import ValidationError

from exchange.fhir.identifiers import (
    CONFIDENTIALITY,
    NUMBER_STATUS_EXTENSION,
    ODS_ORGANISATION,
    ODS_SITE,
    Assigners,
    issuer_in,
)
from exchange.fhir.patient import GENDERS
from exchange.people.numbers import is_nhs_number
from exchange.people.person import (
    NHS,
    Demographics,
    Identifier,
    NumberStatus,
    PersonName,
    Record,
    Sensitivity,
    Sex,
)
from storage.errors import BadInput

#: Of any source's numbers, in the older Care Connect profiles: only the assigner says whose they are.
LOCAL_PATIENT = "https://fhir.nhs.uk/Id/local-patient-identifier"

#: UK Core renamed its code system, and the PDS answers by the older name: the codes are the same.
_STATUS_SYSTEM = re.compile(r"https://fhir\.(hl7\.org\.uk|nhs\.uk/R4)/CodeSystem/(CodeSystem-)?"
                            r"UKCore-NHSNumberVerificationStatus(England)?")  # fmt: skip

_SEXES: Mapping[str, Sex] = {code: sex for sex, code in GENDERS.items()}

#: Some labels name no system, and the PDS once named a value set.
_CONFIDENTIALITIES = (CONFIDENTIALITY, None, "https://www.hl7.org/fhir/valueset-security-labels.html")
#: The PDS says U for what v3-Confidentiality would call N, and REDACTED where it tells nothing at all. What
#: nobody knows is taken for restricted.
_SENSITIVITIES: Mapping[str, Sensitivity] = {
    **dict.fromkeys("ULMN", Sensitivity.NORMAL),
    "V": Sensitivity.VERY_RESTRICTED,
    "REDACTED": Sensitivity.VERY_RESTRICTED,
}
#: Names that somebody goes by stand before those that they had, or are called (FHIR name-use).
_NAMES_IN_ORDER = ("usual", "official", "", "temp", "nickname", "anonymous", "maiden", "old")


#: Of a number and of a text, as other sources have them (exchange.hl7.admissions): no index takes any length.
_NUMBER_LIMIT, _TEXT_LIMIT = 64, 250


class BadPatient(BadInput):
    """No patient, or none whom it can be known by. The text names elements, never values."""


@dataclass(frozen=True, slots=True)
class PatientSaid:
    """A patient as a source shows them."""

    id: str  # the source's own; of the PDS, the NHS number that stands now
    identifiers: tuple[Identifier, ...]  # those whose issuer we know, but for the NHS number
    nhs_number: str
    status: NumberStatus | None  # of that number, as its sender claims; None where it does not say
    sensitivity: Sensitivity | None  # None where it says nothing of that
    demographics: Demographics
    is_active: bool = True
    replaced_by: Identifier | None = None  # it is a duplicate of this one (§8.1.2)

    def record(self, identifier: Identifier, status: NumberStatus) -> Record:
        """What it says of one identifier; `status` is what is believed of its NHS number."""
        return Record(identifier, self.demographics, self.nhs_number, status, self.sensitivity)


def read_patient(resource: object, assigners: Assigners) -> PatientSaid:
    """From a resource's JSON. Raises BadPatient."""
    patient = _checked(resource)
    found, nhs, status = [], "", None
    for each in _listed(patient, "identifier"):
        identifier = _identifier(each, assigners)
        if identifier is None or each.get("use") == "old":
            continue
        if not identifier.is_nhs:
            found.append(identifier)
        elif nhs and nhs != identifier.value:
            raise BadPatient("Patient.identifier holds two NHS numbers")
        else:
            nhs, status = identifier.value, _status(each)
    return PatientSaid(
        id=str(patient.get("id", "")),
        identifiers=tuple(found),
        nhs_number=nhs,
        status=status,
        sensitivity=_sensitivity(patient),
        demographics=_demographics(patient),
        is_active=patient.get("active") is not False,
        replaced_by=_replaced_by(patient, assigners),
    )


def _checked(resource: object) -> Mapping[str, Any]:
    if not isinstance(resource, dict) or resource.get("resourceType") != "Patient":
        raise BadPatient("not a Patient")
    try:
        Patient.model_validate(resource)
    except RecursionError:
        raise BadPatient("no valid Patient: it is nested too deep") from None
    except ValidationError as error:
        # Of the library's own words none: they repeat values. An element that FHIR does not know is one, too.
        wrong = [each for each in error.errors() if each["type"] != "extra_forbidden"]
        places = sorted({".".join(map(str, each["loc"])) for each in wrong if each["loc"]})
        shown = ", ".join(f"Patient.{place}"[:64] for place in places[:5] if _NAMES.fullmatch(place))
        raise BadPatient(f"no valid Patient{': ' if shown else ''}{shown}") from None
    except Exception:  # the library's own, of what is contained and no resource: a KeyError, and worse
        raise BadPatient("no valid Patient") from None
    return resource


#: Of elements, which an error may repeat; an unknown one could be anything.
_NAMES = re.compile(r"[A-Za-z0-9_.]{1,60}")


def _listed(element: Mapping[str, Any], name: str) -> Iterable[Mapping[str, Any]]:
    return [each for each in element.get(name) or [] if isinstance(each, dict)]


def _identifier(each: Mapping[str, Any], assigners: Assigners) -> Identifier | None:
    """None of an issuer that we do not know, or that has no value."""
    value = str(each.get("value") or "").strip()
    issuer = _issuer(each, assigners)
    if not value or issuer is None:
        return None
    if len(value) > _NUMBER_LIMIT or not value.isprintable():
        raise BadPatient(f"Patient.identifier holds a value longer than {_NUMBER_LIMIT}, or that is no text")
    identifier = Identifier(value, issuer)
    if not identifier.is_nhs:
        return identifier
    if not is_nhs_number(value):
        raise BadPatient("Patient.identifier holds an NHS number whose check digit is wrong")
    return Identifier.nhs(value.replace(" ", ""))


def _issuer(identifier: Mapping[str, Any], assigners: Assigners) -> str | None:
    system = str(identifier.get("system") or "")
    if system != LOCAL_PATIENT:
        found = issuer_in(system, assigners)
        return found if found == NHS or found in assigners else None
    organisation = (identifier.get("assigner") or {}).get("identifier") or {}
    code = organisation.get("value")
    return next((issuer for issuer, trust in assigners.items() if trust.ods_code == code), None)


def _status(identifier: Mapping[str, Any]) -> NumberStatus | None:
    codes = {status.value: status for status in NumberStatus}
    for extension in _listed(identifier, "extension"):
        if extension.get("url", "").rpartition("/")[2] != NUMBER_STATUS_EXTENSION.rpartition("/")[2]:
            continue
        for coding in _listed(extension.get("valueCodeableConcept") or {}, "coding"):
            if _STATUS_SYSTEM.fullmatch(coding.get("system") or "") and coding.get("code") in codes:
                return codes[coding["code"]]
    return None


def _sensitivity(patient: Mapping[str, Any]) -> Sensitivity | None:
    labels = _listed(patient.get("meta") or {}, "security")
    codes = [str(each.get("code")) for each in labels if each.get("system") in _CONFIDENTIALITIES]
    found = [_SENSITIVITIES.get(code, Sensitivity.RESTRICTED) for code in codes]
    return max(found, key=list(Sensitivity).index, default=None)


def _demographics(patient: Mapping[str, Any]) -> Demographics:
    names = sorted(map(_name, _listed(patient, "name")), key=lambda each: _NAMES_IN_ORDER.index(each.use))
    lines, postcode = _address(patient)
    died = _digits(str(patient.get("deceasedDateTime") or ""))
    return Demographics(
        names=tuple(each for each in names if each.family or each.given),
        birth_date=_digits(str(patient.get("birthDate") or "")),
        sex=_SEXES.get(str(patient.get("gender") or ""), Sex.UNKNOWN),
        address=lines,
        postcode=postcode,
        practice=_practice(patient),
        died=died,
        is_dead=bool(died) or patient.get("deceasedBoolean") is True,
        birth_order=_birth_order(patient),
    )


def _birth_order(patient: Mapping[str, Any]) -> int | None:
    said = patient.get("multipleBirthInteger")
    if said is None:
        return 0 if patient.get("multipleBirthBoolean") is True else None
    return said if type(said) is int and 1 <= said <= 9 else 0


def _name(each: Mapping[str, Any]) -> PersonName:
    use = each.get("use") or ""
    return PersonName(
        family=_clean(each.get("family")),
        given=tuple(filter(None, map(_clean, each.get("given") or []))),
        prefix=" ".join(filter(None, map(_clean, each.get("prefix") or []))),
        suffix=" ".join(filter(None, map(_clean, each.get("suffix") or []))),
        use=use if use in _NAMES_IN_ORDER else "",
    )


def _address(patient: Mapping[str, Any]) -> tuple[tuple[str, ...], str]:
    """Where they live now: a home before others, and what has no end before what has one."""
    usable = [each for each in _listed(patient, "address") if each.get("use") not in ("old", "billing")]
    usable.sort(key=lambda each: (bool((each.get("period") or {}).get("end")), each.get("use") != "home"))
    if not usable:
        return (), ""
    first = usable[0]
    parts = [*(first.get("line") or []), first.get("city"), first.get("district"), first.get("state")]
    return tuple(filter(None, map(_clean, parts))), _clean(first.get("postalCode"))


def _practice(patient: Mapping[str, Any]) -> str:
    for each in _listed(patient, "generalPractitioner"):
        identifier = each.get("identifier") or {}
        if identifier.get("system") in (ODS_ORGANISATION, ODS_SITE) and identifier.get("value"):
            return _clean(identifier["value"])
    return ""


def _replaced_by(patient: Mapping[str, Any], assigners: Assigners) -> Identifier | None:
    for each in _listed(patient, "link"):
        if each.get("type") == "replaced-by":
            other = (each.get("other") or {}).get("identifier") or {}
            found = _identifier(other, assigners)
            if found is None:
                raise BadPatient("Patient.link.other names nobody by an identifier whose system we know")
            return found
    return None


def _clean(text: object) -> str:
    """On one line, without what cannot be seen. Raises BadPatient."""
    found = "".join(each for each in " ".join(str(text or "").split()) if each.isprintable())
    if len(found) > _TEXT_LIMIT:
        raise BadPatient(f"Patient holds a name or an address longer than {_TEXT_LIMIT} characters")
    return found


def _digits(date: str) -> str:
    """YYYYMMDD of a date or dateTime, or as much of it as is known."""
    return date.partition("T")[0].replace("-", "")
