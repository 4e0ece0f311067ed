"""What the PDS answers, in the shapes that NHS England publishes.

They follow the specification, its examples and the sandbox of the PDS FHIR API (on GitHub:
NHSDigital/personal-demographics-service-api, MIT licence), read in November 2026. Nothing is copied: every
person, address and text here is ours, and the numbers are of the range that is never issued.
"""

from collections.abc import Mapping, Sequence
from typing import Any

#: Where the published material names its code systems and extensions now, and where it did before.
NOW, BEFORE = "https://fhir.hl7.org.uk", "https://fhir.nhs.uk/R4"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
_PERIOD = {"start": "2020-01-01", "end": "2021-12-31"}
_ODS = "https://fhir.nhs.uk/Id/ods-organization-code"

Json = dict[str, Any]


def minimal(number: str, label: str = "U", base: str = NOW, system: str = CONFIDENTIALITY) -> Json:
    """A number and nothing else: a record of poor quality."""
    status = f"{base}/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus"
    coding = {
        "system": f"{base}/CodeSystem/UKCore-NHSNumberVerificationStatus", "version": "1.0.0", "code": "01",
        "display": "Number present and verified",
    }  # fmt: skip
    return {
        "resourceType": "Patient",
        "id": number,
        "identifier": [
            {
                "system": "https://fhir.nhs.uk/Id/nhs-number",
                "value": number,
                "extension": [{"url": status, "valueCodeableConcept": {"coding": [coding]}}],
            }
        ],
        "meta": {
            "versionId": "2",
            "security": [{"system": system, "code": label, "display": "unrestricted"}],
        },
    }


def found(number: str, base: str = NOW) -> Json:
    """As a search shows somebody: the usual name and the home address."""
    return {
        **minimal(number, base=base),
        "name": [
            {
                "id": "n1", "use": "usual", "period": _PERIOD, "given": ["Nora Jane"], "family": "Fell",
                "prefix": ["Mrs"],
            }
        ],
        "gender": "female",
        "birthDate": "2010-10-22",
        "multipleBirthInteger": 1,
        "generalPractitioner": [
            {
                "id": "g1", "type": "Organization",
                "identifier": {"system": _ODS, "value": "Y12345", "period": _PERIOD},
            }
        ],
        "address": [_address("home", "1 Fell Lane", "LS1 6AE", base)],
    }  # fmt: skip


def retrieved(number: str, base: str = NOW) -> Json:
    """As a retrieval shows her: all that there can be."""
    said = found(number, base)
    return {
        **said,
        "name": [
            *said["name"],
            {"id": "n2", "use": "nickname", "given": ["Norrie"], "family": "Fell"},
            {"id": "n3", "use": "old", "period": _PERIOD, "given": ["Nora"], "family": "Hill"},
        ],
        "deceasedDateTime": "2021-10-22T00:00:00+00:00",
        "address": [
            _address("temp", "Hall of Residence", "M1 1AA", base) | {"text": "Student Accommodation"},
            *said["address"],
        ],
        "managingOrganization": {"type": "Organization", "identifier": {"system": _ODS, "value": "Y12345"}},
        "telecom": [
            {"id": "t1", "period": _PERIOD, "system": "phone", "value": "01632960587", "use": "home"},
            {
                "id": "t2", "system": "other", "value": "01632960587", "use": "home",
                "extension": [
                    {
                        "url": f"{base}/StructureDefinition/Extension-UKCore-OtherContactSystem",
                        "valueCoding": {
                            "system": f"{base}/CodeSystem/UKCore-OtherContactSystem", "code": "textphone",
                        },
                    }
                ],
            },
        ],
        "contact": [
            {
                "id": "c1", "period": _PERIOD,
                "relationship": [
                    {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0131", "code": "C"}]}
                ],
                "telecom": [{"system": "phone", "value": "01632960587"}],
            }
        ],
        "extension": [
            _named(base, "NominatedPharmacy"),
            _named(base, "PreferredDispenserOrganization"),
            {
                "url": f"{base}/StructureDefinition/Extension-UKCore-DeathNotificationStatus",
                "extension": [
                    _coded("deathNotificationStatus", f"{base}/CodeSystem/UKCore-DeathNotificationStatus"),
                    {"url": "systemEffectiveDate", "valueDateTime": "2021-10-22T00:00:00+00:00"},
                ],
            },
            {
                "url": f"{base}/StructureDefinition/Extension-UKCore-NHSCommunication",
                "extension": [
                    _coded("language", f"{base}/CodeSystem/UKCore-HumanLanguage"),
                    {"url": "interpreterRequired", "valueBoolean": True},
                ],
            },
            {
                "url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace",
                "valueAddress": {"city": "Ulverston", "country": "GBR"},
            },
            removed("SCT"),
        ],
    }  # fmt: skip


def removed(code: str) -> Json:
    """She is not registered in England any more: transferred to Scotland, dead, embarked …"""
    system = "https://fhir.nhs.uk/CodeSystem/PDS-RemovalReasonExitCode"
    return {
        "url": "https://fhir.nhs.uk/StructureDefinition/Extension-PDS-RemovalFromRegistration",
        "extension": [
            _coded("removalFromRegistrationCode", system, code),
            {"url": "effectiveTime", "valuePeriod": {"start": "2020-01-01T00:00:00+00:00"}},
        ],
    }


def restricted(number: str, label: str = "R", system: str = CONFIDENTIALITY, base: str = NOW) -> Json:
    """Somebody who may not be located: no address, no telecom, no practice, no contact."""
    said = found(number, base) | minimal(number, label, base, system)
    return {name: value for name, value in said.items() if name not in ("address", "generalPractitioner")}


def searchset(*patients: Json, score: float = 1) -> Json:
    """A bundle of them; one of nobody has no entries."""
    entries = [
        {
            "fullUrl": f"https://api.service.nhs.uk/personal-demographics/FHIR/R4/Patient/{each['id']}",
            "search": {"score": score},
            "resource": each,
        }
        for each in patients
    ]
    bundle = {
        "resourceType": "Bundle", "type": "searchset", "timestamp": "2026-09-23T11:31:55+00:00",
        "total": len(entries),
    }  # fmt: skip
    return bundle | ({"entry": entries} if entries else {})


def outcome(code: str, issue: str, severity: str = "error", base: str = NOW, said: str = "") -> Json:
    """An OperationOutcome with a code of the Spine's."""
    coding = {
        "system": f"{base}/CodeSystem/Spine-ErrorOrWarningCode", "version": "1", "code": code,
        "display": code.replace("_", " ").capitalize(),
    }  # fmt: skip
    found: Json = {"severity": severity, "code": issue, "details": {"coding": [coding]}}
    return {
        "resourceType": "OperationOutcome",
        "issue": [found | ({"diagnostics": said} if said else {})],
    }


def _address(use: str, line: str, postcode: str, base: str) -> Json:
    keys: Sequence[Mapping[str, Any]] = [
        {
            "url": f"{base}/StructureDefinition/Extension-UKCore-AddressKey",
            "extension": [
                {
                    "url": "type",
                    "valueCoding": {"system": f"{base}/CodeSystem/UKCore-AddressKeyType", "code": kind},
                },
                {"url": "value", "valueString": "12345678"},
            ],
        }
        for kind in ("PAF", "UPRN")
    ]
    return {
        "id": f"a-{use}", "period": _PERIOD, "use": use, "line": [line, "Leeds", "West Yorkshire"],
        "postalCode": postcode, "extension": keys,
    }  # fmt: skip


def _named(base: str, name: str) -> Json:
    reference = {"identifier": {"system": _ODS, "value": "Y23456"}}
    return {"url": f"{base}/StructureDefinition/Extension-UKCore-{name}", "valueReference": reference}


def _coded(url: str, system: str, code: str = "2") -> Json:
    return {"url": url, "valueCodeableConcept": {"coding": [{"system": system, "code": code}]}}
