"""Reports that belong to studies: read and searched (FHIR R4 DiagnosticReport; IHE RAD-143)."""

import re
from uuid import UUID

from psycopg import sql

from exchange.fhir.diagnostic_report import PROFILE
from exchange.record.finding import CHANGED, Condition, matching
from exchange.record.sorting import moment
from viewer_api.fhir.answers import Made
from viewer_api.fhir.dates import changed
from viewer_api.fhir.made import reports_of, with_patient, with_study
from viewer_api.fhir.matching import codes, has_token, is_at, numbers
from viewer_api.fhir.parameters import Asked, tokens
from viewer_api.fhir.resource import ID, LAST_UPDATED, PATIENT, SUBJECT, Parameter, ParameterType, Resource
from viewer_api.fhir.studies import Names
from viewer_api.fhir.study_routes import StudyKind

DIAGNOSTIC_REPORT = Resource(
    "DiagnosticReport",
    "What was reported of a study, of whatever ology. What was withdrawn stays, as entered-in-error.",
    profiles=(PROFILE,),
    parameters=(
        ID,
        LAST_UPDATED,
        PATIENT,
        SUBJECT,
        Parameter("identifier", ParameterType.TOKEN, "The report's number, with its system"),
        Parameter("status", ParameterType.TOKEN, "final, preliminary, corrected, entered-in-error and so on"),
        Parameter(
            "category", ParameterType.TOKEN, "The section of the service (HL7 table 0074), or the modality"
        ),
        Parameter("code", ParameterType.TOKEN, "What was done, or the title"),
        Parameter("date", ParameterType.DATE, "When what it is about was done"),
        Parameter("issued", ParameterType.DATE, "When it was issued"),
        Parameter(
            "based-on", ParameterType.REFERENCE, "The order, by its accession number", chains=("identifier",)
        ),
        Parameter(
            "imaging-study", ParameterType.REFERENCE, "The ImagingStudy that it is of (ours; R5: study)"
        ),
        Parameter("modality", ParameterType.TOKEN, "A series of the study has this modality (ours)"),
    ),
    includes=("DiagnosticReport:patient", "DiagnosticReport:subject", "DiagnosticReport:imaging-study"),
    sorts=("date", "issued", "_lastUpdated"),
)
_SYSTEM = re.compile(r"urn:id:([^:]+):(?:report|document)(?::.*)?")


def place_of(id: str) -> Condition | None:
    """The study to which the report of an id belongs."""
    try:
        uid = UUID(id)
    except ValueError:
        return None
    return matching(sql.SQL("s.uid in (select study_uid from report where uid = %s)"), uid, is_narrow=True)


def _narrow(asked: Asked) -> list[Condition]:
    found = changed(asked.of("_lastUpdated"))
    if asked.of("status", "category", "code", "date", "issued", "identifier"):
        found.append(matching(sql.SQL("exists (select from report where study_uid = s.uid)")))
    for value in asked.of("identifier"):
        of_trust = [
            (each.value, system[1])
            for each in tokens(value)
            if (system := _SYSTEM.fullmatch(each.system or ""))
        ]
        if len(of_trust) == len(value.texts):
            text = sql.SQL(
                "s.uid in (with k as (select * from unnest(%s::text[], %s::text[]) k (number, trust))"
                " select r.study_uid from k join report r on r.trust = k.trust and r.number = k.number"
                " union select r.study_uid from k join report_version v on v.content ? 'notice'"
                " and v.content -> 'notice' -> 'number' ->> 'value' = k.number"
                " join report r on r.id = v.report_id and r.trust = k.trust)"
            )
            found.append(
                matching(
                    text, [each for each, _ in of_trust], [trust for _, trust in of_trust], is_narrow=True
                )
            )
    return found


def _fits(asked: Asked, made: Made) -> bool:
    report = made.resource
    for value in asked.values:
        match value.parameter.name:
            case "identifier":
                does = has_token(numbers(report["identifier"]), value)
            case "status":
                does = has_token([("http://hl7.org/fhir/diagnostic-report-status", report["status"])], value)
            case "category":
                does = has_token(codes(*report["category"]), value)
            case "code":
                does = has_token(codes(report["code"]), value)
            case "date":
                does = is_at(report.get("effectiveDateTime"), value)
            case "issued":
                does = is_at(report.get("issued"), value)
            case _:
                does = True
        if not does:
            return False
    return True


DIAGNOSTIC_REPORTS = StudyKind(
    DIAGNOSTIC_REPORT,
    Names(accessions=("based-on",), studies=("imaging-study",)),
    reports_of,
    _narrow,
    place_of,
    _fits,
    {
        "DiagnosticReport:patient": with_patient,
        "DiagnosticReport:subject": with_patient,
        "DiagnosticReport:imaging-study": with_study,
    },
    {
        "date": moment("(unit.content ->> 'effective')::timestamptz"),
        "issued": moment("(unit.content ->> 'issued')::timestamptz"),
        LAST_UPDATED.name: moment(CHANGED),
    },
    "select r.uid::text as id, r.content from report r where r.study_uid = s.uid and r.merged_into is null",
)
