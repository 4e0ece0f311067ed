"""What the National Record Locator refuses, and what the imaging registry's draft asks for. Pure.

The first are the rules of the NRL's own validator (NHSDigital/NRLF, producer API v3); the second those of
the profile DocumentEntry (NHSDigital/national-imaging-repository-specification) and of MHD Comprehensive, on
which it stands. A finding names a place and what is wrong there, and never a value.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from exchange.fhir.identifiers import (
    IDENTIFIER_TYPE,
    NHS_NUMBER,
    NICIP,
    ODS_ORGANISATION,
    SNOMED,
    Json,
)
from exchange.people.numbers import is_nhs_number

STABILITY = "https://fhir.nhs.uk/England/StructureDefinition/Extension-England-ContentStability"
STABILITIES = "https://fhir.nhs.uk/England/CodeSystem/England-NRLContentStability"
FORMATS = "https://fhir.nhs.uk/England/CodeSystem/England-NRLFormatCode"
ASID = "https://fhir.nhs.uk/Id/nhsSpineASID"

#: The pointer types of imaging (system and code), their words, and the one category of each.
TYPES: Mapping[tuple[str, str], tuple[str, str]] = {
    (NICIP, "MAULR"): ("MRA Upper Limb Rt", "721981007"),
    (NICIP, "MAXIB"): ("MRI Axilla Both", "103693007"),
}
CATEGORIES: Mapping[str, str] = {
    "721981007": "Diagnostic studies report",
    "103693007": "Diagnostic procedure",
}
#: Of the value set England-PracticeSetting, those under which we keep pictures.
PRACTICE_SETTINGS: Mapping[str, str] = {
    "708175003": "Diagnostic imaging service",
    "789718008": "Cardiology service",
    "708183009": "Anatomic pathology service",
    "23871000087101": "Adult dermatology service",
    "224891009": "Healthcare services",
}
FORMAT_WORDS: Mapping[str, str] = {
    "urn:nhs-ic:record-contact": "Contact details (HTTP Unsecured)",
    "urn:nhs-ic:unstructured": "Unstructured Document",
    "urn:nhs-ic:structured": "Structured Document",
}
#: Which formats each content type may have.
CONTENT_TYPES: Mapping[str, frozenset[str]] = {
    "application/pdf": frozenset({"urn:nhs-ic:unstructured"}),
    "text/html": frozenset({"urn:nhs-ic:record-contact", "urn:nhs-ic:structured"}),
    "application/json": frozenset({"urn:nhs-ic:structured"}),
    "application/fhir+json": frozenset({"urn:nhs-ic:structured"}),
    "application/json+fhir": frozenset({"urn:nhs-ic:structured"}),
}
_RELATIONS = frozenset({"replaces", "transforms", "signs", "appends", "incorporates", "summarizes"})
_REQUIRED = ("id", "custodian", "type", "status", "subject", "category", "author", "content", "context")


def strict(pointer: Json) -> tuple[str, ...]:
    """What the NRL's validator would find."""
    missing = [f"{name}: required" for name in _REQUIRED if not pointer.get(name)]
    return tuple(missing) or tuple(_strict(pointer))


def of_draft(pointer: Json) -> tuple[str, ...]:
    """What the imaging registry's draft asks for and is not there."""
    context = pointer.get("context", {})
    wanted = {
        "identifier": pointer.get("identifier"),
        "masterIdentifier": pointer.get("masterIdentifier"),
        "status": pointer.get("status"),
        "type": pointer.get("type"),
        "category": pointer.get("category"),
        "author": pointer.get("author"),
        "securityLabel": pointer.get("securityLabel"),
        "context.facilityType": context.get("facilityType"),
        "context.practiceSetting": context.get("practiceSetting"),
        "context.sourcePatientInfo": context.get("sourcePatientInfo"),
    }
    return (
        *(f"{name}: required" for name, found in wanted.items() if not found),
        *_subject(pointer),
        *_draft_content(pointer.get("content", [])),
        *_draft_related(context.get("related", [])),
    )


def _strict(pointer: Json) -> Iterator[str]:
    if not re.fullmatch(r"[A-Za-z0-9|]+-.+", pointer["id"]):
        yield "id: not the custodian's ODS code, a hyphen and what is unique there"
    elif pointer["id"].partition("-")[0] != _identified(pointer["custodian"]).get("value"):
        yield "id: does not begin with the custodian's ODS code"
    if pointer["status"] != "current":
        yield "status: not current"
    if _identified(pointer["custodian"]).get("system") != ODS_ORGANISATION:
        yield "custodian: not an ODS code"
    yield from _subject(pointer)
    yield from _relations(pointer.get("relatesTo", []))
    yield from _type_and_category(pointer)
    yield from _author(pointer["author"])
    for content in pointer["content"]:
        yield from _content(content)
    yield from _asid(pointer)
    yield from _practice_setting(pointer["context"])


def _subject(pointer: Json) -> Iterator[str]:
    number = _identified(pointer.get("subject", {}))
    if number.get("system") != NHS_NUMBER or not is_nhs_number(str(number.get("value", ""))):
        yield "subject: not an NHS number"


def _relations(relations: list[Json]) -> Iterator[str]:
    for each in relations:
        if each.get("code") not in _RELATIONS:
            yield "relatesTo.code: not a code of that value set"
        elif each["code"] == "replaces" and not _identified(each.get("target", {})).get("value"):
            yield "relatesTo.target: what is replaced has no identifier"


def _type_and_category(pointer: Json) -> Iterator[str]:
    types = pointer["type"].get("coding", [])
    categories = [coding for each in pointer["category"] for coding in each.get("coding", [])]
    if len(types) != 1:
        yield "type.coding: not exactly one"
        return
    if len(pointer["category"]) != 1 or len(categories) != 1:
        yield "category.coding: not exactly one"
        return
    [kind], [category] = types, categories
    known = TYPES.get((kind.get("system", ""), kind.get("code", "")))
    if known is None:
        yield "type.coding: not a pointer type of imaging"
    elif kind.get("display") != known[0]:
        yield "type.coding.display: not the words of its code"
    if category.get("system") != SNOMED or category.get("code") not in CATEGORIES:
        yield "category.coding: not a category of imaging"
    elif category.get("display") != CATEGORIES[category["code"]]:
        yield "category.coding.display: not the words of its code"
    elif known is not None and category["code"] != known[1]:
        yield "category.coding: not the category of that type"


def _author(authors: list[Json]) -> Iterator[str]:
    if len(authors) != 1:
        yield "author: not exactly one"
        return
    found = _identified(authors[0])
    value = str(found.get("value", ""))
    if found.get("system") != ODS_ORGANISATION or not value.isalnum() or len(value) > 12:
        yield "author: not an ODS code of at most 12 letters and digits"


def _content(content: Json) -> Iterator[str]:
    attachment, form = content.get("attachment", {}), content.get("format", {})
    kind, code = attachment.get("contentType"), form.get("code")
    if not attachment.get("url"):
        yield "content.attachment.url: required"
    if kind not in CONTENT_TYPES:
        yield "content.attachment.contentType: neither PDF, HTML nor FHIR JSON"
    elif code not in CONTENT_TYPES[kind]:
        yield "content.format.code: not the format of that content type"
    if form.get("system") != FORMATS or code not in FORMAT_WORDS:
        yield "content.format: not a format of the NRL"
    elif form.get("display") != FORMAT_WORDS[code]:
        yield "content.format.display: not the words of its code"
    yield from _extensions(content.get("extension", []))


def _extensions(extensions: list[Json]) -> Iterator[str]:
    stable = [each for each in extensions if "contentstability" in str(each).lower()]
    mechanisms = [each for each in extensions if "retrievalmechanism" in str(each).lower()]
    if len(stable) != 1:
        yield "content.extension: not exactly one content stability"
        return
    if len(mechanisms) > 1:
        yield "content.extension: more than one retrieval mechanism"
    codings = stable[0].get("valueCodeableConcept", {}).get("coding", [])
    coding = codings[0] if len(codings) == 1 else {}
    if (
        stable[0].get("url") != STABILITY
        or coding.get("system") != STABILITIES
        or coding.get("code") not in ("static", "dynamic")
        or str(coding.get("display", "")).lower() != coding.get("code")
    ):
        yield "content.extension: neither Static nor Dynamic"


def _asid(pointer: Json) -> Iterator[str]:
    """A pointer that is fetched through the Spine's proxy names the system it is fetched from."""
    related = [_identified(each) for each in pointer["context"].get("related", [])]
    asids = [each for each in related if each.get("system") == ASID]
    is_proxied = any(
        str(each.get("attachment", {}).get("url", "")).startswith("ssp://") for each in pointer["content"]
    )
    if is_proxied and not asids:
        yield "context.related: no ASID for what is fetched by ssp://"
    if len(asids) > 1 or any(not re.fullmatch(r"\d{12}", str(each.get("value", ""))) for each in asids):
        yield "context.related: not a single ASID of 12 digits"


def _practice_setting(context: Json) -> Iterator[str]:
    codings = context.get("practiceSetting", {}).get("coding", [])
    if len(codings) != 1:
        yield "context.practiceSetting.coding: not exactly one"
        return
    [coding] = codings
    if coding.get("system") != SNOMED or coding.get("code") not in PRACTICE_SETTINGS:
        yield "context.practiceSetting: not of its value set"
    elif coding.get("display") != PRACTICE_SETTINGS[coding["code"]]:
        yield "context.practiceSetting.display: not the words of its code"


def _draft_content(contents: list[Json]) -> Iterator[str]:
    if len(contents) != 1:
        yield "content: not exactly one"
        return
    [content] = contents
    for name in ("contentType", "language", "url", "creation"):
        if not content.get("attachment", {}).get(name):
            yield f"content.attachment.{name}: required"
    if not content.get("format"):
        yield "content.format: required"


def _draft_related(related: list[Json]) -> Iterator[str]:
    orders = [_identified(each) for each in related if each.get("type") == "ServiceRequest"]
    if len(orders) != 1 or not (orders[0].get("system") and orders[0].get("value")):
        yield "context.related: not exactly one accession number"
    elif not any(
        each.get("system") == IDENTIFIER_TYPE and each.get("code") == "ACSN"
        for each in orders[0].get("type", {}).get("coding", [])
    ):
        yield "context.related: an identifier that is no accession number"


def _identified(reference: Any) -> Json:
    found: Json = reference.get("identifier", {}) if isinstance(reference, dict) else {}
    return found
