"""Resources that are made of what is known of a study: found, or included with others, they are the same."""

from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from exchange.fhir.diagnostic_report import as_diagnostic_report
from exchange.fhir.endpoint import viewer_reference
from exchange.fhir.identifiers import Assigners, Json
from exchange.fhir.imaging_study import as_imaging_study
from exchange.fhir.patient import as_patient
from exchange.people.person import Person
from exchange.reports.report import Report
from viewer_api.fhir.answers import Made
from viewer_api.fhir.known import Known
from viewer_api.reports import PREFIX as REPORTS


def study_of(known: Known) -> Made:
    """The one resource of a study."""
    resource = as_imaging_study(
        known.study, known.person, known.places.dicomweb, known.assigners, known.orders
    )
    resource["endpoint"] = [*resource["endpoint"], viewer_reference(known.study.uid)]
    return Made(resource, known.changed_at)


def report_of(report: Report, known: Known) -> Json:
    """One report of a study."""
    places = known.places
    return as_diagnostic_report(
        report, known.study, known.person, places.dicomweb, f"{places.root}{REPORTS}", known.assigners
    )


def reports_of(known: Known) -> Sequence[Made]:
    """All reports of a study."""
    return [Made(report_of(each, known), known.changed_at) for each in known.reports]


def patient_of(person: Person, assigners: Assigners) -> Made:
    """Somebody."""
    return Made(as_patient(person, assigners), person.changed_at)


def with_patient(_: Connection[Any], known: Known) -> Sequence[Made]:
    """Whom it is linked to."""
    return [patient_of(known.person, known.assigners)] if known.person else []


def with_study(_: Connection[Any], known: Known) -> Sequence[Made]:
    """The study itself."""
    return [study_of(known)]


def with_reports(_: Connection[Any], known: Known) -> Sequence[Made]:
    """What was reported of it."""
    return reports_of(known)
