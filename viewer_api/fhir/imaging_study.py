"""Studies: read, and searched by person, number, modality, body site and date (FHIR R4 ImagingStudy)."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection

from exchange.fhir.endpoint import as_endpoint, as_viewer_endpoint
from exchange.fhir.imaging_study import MADO, UK_CORE
from exchange.fhir.service_request import as_service_request
from exchange.record.finding import CHANGED, STARTED_FIRST, Condition, any_of, with_ids, with_series
from exchange.record.link import viewer_link
from exchange.record.sorting import digits, moment
from viewer_api.fhir.answers import Made
from viewer_api.fhir.dates import changed, started
from viewer_api.fhir.known import Known
from viewer_api.fhir.made import study_of, with_patient, with_reports
from viewer_api.fhir.matching import has_token
from viewer_api.fhir.parameters import Asked, tokens
from viewer_api.fhir.resource import ID, LAST_UPDATED, PATIENT, SUBJECT, Parameter, ParameterType, Resource
from viewer_api.fhir.studies import Names
from viewer_api.fhir.study_routes import StudyKind

IMAGING_STUDY = Resource(
    "ImagingStudy",
    "A study with its series and instances. By patient only what is linked to them is found; by its UID or"
    " accession number also what is linked to nobody yet, whose subject is then the number as sent.",
    profiles=(UK_CORE, MADO),
    parameters=(
        ID,
        LAST_UPDATED,
        PATIENT,
        SUBJECT,
        Parameter(
            "identifier",
            ParameterType.TOKEN,
            "The Study Instance UID (urn:dicom:uid|urn:oid:…), or the accession number, system|value",
        ),
        Parameter("started", ParameterType.DATE, "When the study began; alone, at most a month of days"),
        Parameter("modality", ParameterType.TOKEN, "A series has this modality (DICOM, CID 33)"),
        Parameter(
            "bodysite",
            ParameterType.TOKEN,
            "A series is of this body site: SNOMED CT, or a term of Body Part Examined (PS3.16 Annex L)",
        ),
        Parameter("series", ParameterType.TOKEN, "A Series Instance UID"),
        Parameter("status", ParameterType.TOKEN, "What is held is available"),
        Parameter(
            "basedon", ParameterType.REFERENCE, "The order, by its accession number", chains=("identifier",)
        ),
    ),
    includes=(
        "ImagingStudy:patient",
        "ImagingStudy:subject",
        "ImagingStudy:endpoint",
        "ImagingStudy:basedon",
    ),
    reverse_includes=("DiagnosticReport:imaging-study",),
    sorts=("started", "_lastUpdated"),
)


_STATUSES = "http://hl7.org/fhir/imagingstudy-status"


def made_of(known: Known) -> Sequence[Made]:
    """The one resource of a study."""
    return [study_of(known)]


def viewer_of(known: Known) -> Made:
    """Where a person opens it."""
    uid = known.study.uid
    return Made(as_viewer_endpoint(uid, viewer_link(known.places.root, uid)))


def _endpoint_of(_: Connection[Any], known: Known) -> Sequence[Made]:
    return [Made(as_endpoint(known.places.dicomweb)), viewer_of(known)]


def _orders_of(_: Connection[Any], known: Known) -> Sequence[Made]:
    return [Made(as_service_request(each, known.person, known.assigners)) for each in known.orders]


def _narrow(asked: Asked) -> list[Condition]:
    found = started(asked.of("started")) + changed(asked.of("_lastUpdated"))
    for value in asked.of("series"):
        found.append(with_series([each.value.removeprefix("urn:oid:") for each in tokens(value)]))
    if not all(has_token([(_STATUSES, "available")], value) for value in asked.of("status")):
        found.append(any_of([]))  # what shows is available
    return found


def place_of(id: str) -> Condition | None:
    """The study of an id."""
    try:
        return with_ids([UUID(id)])
    except ValueError:
        return None


IMAGING_STUDIES = StudyKind(
    IMAGING_STUDY,
    Names(numbers=("identifier",), accessions=("basedon",)),
    made_of,
    _narrow,
    place_of,
    includes={
        "ImagingStudy:patient": with_patient,
        "ImagingStudy:subject": with_patient,
        "ImagingStudy:endpoint": _endpoint_of,
        "ImagingStudy:basedon": _orders_of,
        "DiagnosticReport:imaging-study": with_reports,
    },
    sorts={"started": digits(STARTED_FIRST), LAST_UPDATED.name: moment(CHANGED)},
    is_one_a_study=True,
)
