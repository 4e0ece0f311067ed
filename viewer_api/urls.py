"""Where readers find what an answer points to."""

from starlette.requests import Request

from viewer_api.settings import ApiSettings

PREFIX = "/dicom-web"


def studies_url(request: Request, settings: ApiSettings) -> str:
    """The URL of all studies, with a slash behind it."""
    base = settings.public_url.rstrip("/") or f"{request.url.scheme}://{request.url.netloc}"
    return f"{base}{PREFIX}/studies/"
