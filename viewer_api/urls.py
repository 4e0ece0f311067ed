"""Where readers find what an answer points to."""

from starlette.requests import Request

from viewer_api.settings import ApiSettings

PREFIX = "/dicom-web"
FHIR = "/fhir/R4"


def base_url(request: Request, settings: ApiSettings) -> str:
    """Scheme and host: those that are set, else those of the request."""
    return settings.public_url.rstrip("/") or f"{request.url.scheme}://{request.url.netloc}"


def studies_url(request: Request, settings: ApiSettings) -> str:
    """The URL of all studies, with a slash behind it."""
    return f"{base_url(request, settings)}{PREFIX}/studies/"


def fhir_url(request: Request, settings: ApiSettings) -> str:
    """The URL of the FHIR facade, without a slash behind it."""
    return f"{base_url(request, settings)}{FHIR}"


def dicomweb_url(request: Request, settings: ApiSettings) -> str:
    """The URL of the DICOMweb service, without a slash behind it."""
    return f"{base_url(request, settings)}{PREFIX}"
