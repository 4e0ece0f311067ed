"""What we serve over DICOMweb: the routes of the HTTP edge, as it would list them itself."""

from dataclasses import dataclass
from typing import Any, cast

from viewer_api.app import ApiParts, create_app
from viewer_api.settings import ApiSettings
from viewer_api.urls import PREFIX


@dataclass(frozen=True, slots=True)
class Route:
    """One transaction (PS3.18 §10)."""

    method: str
    path: str
    name: str


def routes() -> list[Route]:
    """Those below the DICOMweb root, by path."""
    nothing = cast(Any, None)  # the application is asked for its routes, and never runs
    parts = ApiParts(
        settings=ApiSettings(), objects=nothing, door=nothing, database="", pool=nothing, rules=nothing
    )
    found = [
        Route(method.upper(), path.removeprefix(PREFIX), str(about["summary"]))
        for path, methods in create_app(parts).openapi()["paths"].items()
        for method, about in methods.items()
        if path.startswith(PREFIX)
    ]
    return sorted(found, key=lambda route: (route.path, route.method))
