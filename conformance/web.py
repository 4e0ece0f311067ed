"""What we serve over DICOMweb: the routes of the HTTP edge, as it lists them itself, and its searches."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from pydicom.datadict import keyword_for_tag

from storage.columns import COLUMNS, PATIENT_NAME, Owner
from storage.query import WILDCARD_VRS, Path, vr_of
from storage.search import BROAD_LIMIT
from viewer_api.app import ApiParts, create_app
from viewer_api.media import TEXT_OFFERS
from viewer_api.qido import QUERY_LIMIT_BYTES
from viewer_api.search_keys import (
    INCLUDES_LIMIT,
    INSTANCE_ATTRIBUTES,
    PARAMETERS_LIMIT,
    SERIES_ATTRIBUTES,
    STUDY_ATTRIBUTES,
    TEXT_LIMIT,
)
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


#: What each resource of a search answers, unless `includefield` asks for more (PS3.18 §10.6.3.3).
ANSWERED: Mapping[str, frozenset[Path]] = {
    "study": STUDY_ATTRIBUTES,
    "series": SERIES_ATTRIBUTES,
    "instance": INSTANCE_ATTRIBUTES,
}

#: How searches are asked and answered (PS3.18 §8.3.4, §10.6).
SEARCHING: tuple[tuple[str, str], ...] = (
    ("Media types", ", ".join(f"`{each}`" for each in TEXT_OFFERS)),
    ("Character set of requests and answers", "UTF-8"),
    ("`includefield`", f"keywords, tags, nested attributes, lists, `all`; at most {INCLUDES_LIMIT:,}"),
    ("`fuzzymatching`", "Patient's Name: words that begin or sound so, in any order, without accents"),
    ("`emptyvaluematching`, `multiplevaluematching`", "done for every key written so"),
    ("`limit`, `offset`", "newest study first, then by number; the order stays"),
    ("Answers to a search without a UID, Patient ID or accession number", f"at most {BROAD_LIMIT:,}"),
    ("Date and time in two ranges", "one range of time (PS3.4 §C.2.2.2.5.4)"),
    ("Nothing found", "200 with an empty list"),
    ("Parameters that are not understood", "400, with their names and the reasons"),
    ("Attributes that cannot be matched on", "left out of the search, and named in a Warning"),
    (
        "Parameters, characters of a key, bytes of a query",
        f"at most {PARAMETERS_LIMIT}, {TEXT_LIMIT:,}, {QUERY_LIMIT_BYTES:,}",
    ),
    ("Content-Encoding", "gzip, zstd"),
)


#: Who the patient is, a study says in its own way.
_LEVELS = {Owner.IDENTITY: Owner.PATIENT.value}


def matched() -> list[tuple[str, str, str, str]]:
    """Every attribute that a search matches on: name, tag, level and kinds of matching (PS3.4 §C.2.2.2)."""
    return [
        (
            ".".join(keyword_for_tag(tag) for tag in path),
            ".".join(f"({tag >> 16:04X},{tag & 0xFFFF:04X})" for tag in path),
            _LEVELS.get(column.owner, column.owner.value),
            ", ".join(_kinds(path)),
        )
        for path, column in sorted(COLUMNS.items())
    ]


def _kinds(path: Path) -> list[str]:
    match vr_of(path):
        case "DA" | "TM":
            return ["single", "range", "empty"]
        case "UI":
            return ["single", "list"]
        case vr:
            kinds = ["single", "list", "empty"]
            kinds += ["wildcard"] if vr in WILDCARD_VRS else []
            return kinds + (["fuzzy"] if path == PATIENT_NAME else [])


def answered() -> list[tuple[str, str]]:
    """What each resource answers, by keyword."""
    return [
        (level, ", ".join(keyword_for_tag(tag) for (tag,) in sorted(paths)))
        for level, paths in ANSWERED.items()
    ]
