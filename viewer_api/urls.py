"""Where readers find what an answer points to."""

from starlette.requests import Request

from viewer_api.settings import ApiSettings

PREFIX = "/dicom-web"
FHIR = "/fhir/R4"


def studies_url(request: Request, settings: ApiSettings) -> str:
    """The URL of all studies, with a slash behind it."""
    return f"{_base(request, settings)}{PREFIX}/studies/"


def fhir_url(request: Request, settings: ApiSettings) -> str:
    """The URL of the FHIR facade, without a slash behind it."""
    return f"{_base(request, settings)}{FHIR}"


def _base(request: Request, settings: ApiSettings) -> str:
    return settings.public_url.rstrip("/") or f"{request.url.scheme}://{request.url.netloc}"
