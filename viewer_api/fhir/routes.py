"""The FHIR R4 facade, put together: what it serves, and that it says so."""

from collections.abc import Sequence
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from starlette.responses import Response

from viewer_api.fhir.capability import capability_statement
from viewer_api.fhir.diagnostic_report import DIAGNOSTIC_REPORT, DIAGNOSTIC_REPORTS
from viewer_api.fhir.directory import ENDPOINT, ORGANIZATION, directory_routes
from viewer_api.fhir.document_reference import DOCUMENT_REFERENCE, DOCUMENT_REFERENCES
from viewer_api.fhir.imaging_study import IMAGING_STUDIES
from viewer_api.fhir.outcomes import fhir_answer
from viewer_api.fhir.patient import patient_routes
from viewer_api.fhir.patient_feed import feed_routes
from viewer_api.fhir.patient_search import PATIENT
from viewer_api.fhir.resource import Resource
from viewer_api.fhir.service_request import SERVICE_REQUEST, service_request_routes
from viewer_api.fhir.study_routes import study_routes
from viewer_api.parts import Working
from viewer_api.urls import FHIR, fhir_url

#: What is served, as CapabilityStatement and conformance statement tell it.
RESOURCES: Sequence[Resource] = (
    PATIENT,
    IMAGING_STUDIES.resource,
    DIAGNOSTIC_REPORT,
    DOCUMENT_REFERENCE,
    SERVICE_REQUEST,
    ENDPOINT,
    ORGANIZATION,
)

#: Kinds of which each study has some.
STUDY_KINDS = (IMAGING_STUDIES, DIAGNOSTIC_REPORTS, DOCUMENT_REFERENCES)


def fhir_routes(work: Working) -> APIRouter:
    """Everything below /fhir/R4. What may be asked is no secret; all else needs a reader."""
    router = APIRouter()
    started_at = datetime.now(UTC).isoformat(timespec="seconds")

    @router.get(f"{FHIR}/metadata")
    async def capabilities(request: Request) -> Response:
        """The CapabilityStatement (FHIR R4 §3.1.0.11)."""
        base = fhir_url(request, work.settings)
        return fhir_answer(request, capability_statement(RESOURCES, base, started_at))

    for kind in STUDY_KINDS:
        router.include_router(study_routes(work, kind))
    router.include_router(service_request_routes(work))
    router.include_router(directory_routes(work))
    router.include_router(patient_routes(work))
    router.include_router(feed_routes(work))
    return router
