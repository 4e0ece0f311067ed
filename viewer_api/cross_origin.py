"""Cross-origin requests (the Fetch standard's CORS): viewers of other origins, where settings name them.

They show a token of their own. Cookies are our own pages' alone: no answer ever allows credentials, and no
origin is let in by a pattern.
"""

from collections.abc import Sequence
from typing import Any

#: What a DICOMweb client, or one that uploads, sends beyond what every page may.
REQUEST_HEADERS = (
    "Accept", "Authorization", "Content-Type", "If-Match", "If-Modified-Since", "If-None-Match", "IMX-Reason",
    "Range", "Tus-Resumable", "Upload-Checksum", "Upload-Length", "Upload-Metadata", "Upload-Offset",
    "X-HTTP-Method-Override",
)  # fmt: skip
#: What it reads of an answer.
ANSWER_HEADERS = (
    "Accept-Ranges", "Content-Disposition", "Content-Length", "Content-Location", "Content-Range", "ETag",
    "Last-Modified", "Link", "Location", "Retry-After", "Tus-Checksum-Algorithm", "Tus-Extension",
    "Tus-Max-Size", "Tus-Resumable", "Tus-Version", "Upload-Expires", "Upload-Length",
    "Upload-Metadata", "Upload-Offset", "Warning", "WWW-Authenticate",
)  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_PREFLIGHT_S = 3600


def cross_origin(origins: Sequence[str]) -> dict[str, Any]:
    """For starlette.middleware.cors."""
    return {
        "allow_origins": list(origins),
        "allow_methods": METHODS,
        "allow_headers": REQUEST_HEADERS,
        "expose_headers": ANSWER_HEADERS,
        "allow_credentials": False,
        "max_age": _PREFLIGHT_S,
    }
