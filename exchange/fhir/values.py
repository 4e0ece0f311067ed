"""Values that several resources are made of."""

from exchange.fhir.identifiers import DCM, Json, code_system
from exchange.record.study import Coded, SharedStudy


def modality(code: str) -> Json:
    """A Coding of a modality (PS3.16 CID 33)."""
    return {"system": DCM, "code": code}


def procedure_codes(study: SharedStudy) -> list[Json]:
    """What was done: as it is coded, else in words."""
    if coded := [concept(each) for each in study.codes if each.value or each.meaning]:
        return coded
    return [{"text": study.description}] if study.description else []


def concept(code: Coded) -> Json:
    """A CodeableConcept."""
    system = code_system(code.scheme) if code.scheme else ""
    return {"coding": [said({"system": system, "code": code.value, "display": code.meaning})]}


def spoken(name: str) -> str:
    """A DICOM person name as one says it (PS3.5 §6.2.1)."""
    family, given, middle, prefix, suffix = (*name.partition("=")[0].split("^"), "", "", "", "", "")[:5]
    return " ".join(part for part in (prefix, given, middle, family, suffix) if part)


def said(members: Json) -> Json:
    """Without what is not known: FHIR has no empty values (R4 §2.6.2)."""
    return {name: value for name, value in members.items() if value not in ("", None, [], {})}
