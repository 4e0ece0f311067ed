"""Searches: QIDO-RS (PS3.18 §10.6)."""

import re
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from exchange.namespaces import within_issuer
from exchange.policy import Action
from storage.answers import Found
from storage.archive import PAGE, Answer
from storage.columns import SERIES_UID, STUDY_UID
from storage.errors import BadQuery
from storage.query import AnyOf, Anything, Level, Match, Path, Query, parse_attribute, parse_match, vr_of
from viewer_api.media import DICOM_JSON, accepted
from viewer_api.parts import Working
from viewer_api.problems import NotAcceptable
from viewer_api.urls import PREFIX, studies_url


def _tags(text: str) -> frozenset[Path]:
    return frozenset((int(tag, 16),) for tag in text.split())


#: What every answer about a study holds (PS3.18 Table 10.6.3-3), the issuer of its Patient ID too.
STUDY_ATTRIBUTES = _tags(
    "00080020 00080030 00080050 00080056 00080061 00080090 00081030 00100010 00100020 00100021 00100030"
    " 00100040 0020000D 00200010 00201206 00201208"
)
#: About a series (PS3.18 Table 10.6.3-4).
SERIES_ATTRIBUTES = _tags(
    "00080060 0008103E 0020000E 00200011 00201209 00400244 00400245 00400275 0020000D 00080056"
)
#: About an instance (PS3.18 Table 10.6.3-5).
INSTANCE_ATTRIBUTES = _tags(
    "00080016 00080018 00080056 00083002 0020000D 0020000E 00200013 00280008 00280010 00280011 00280100"
)
#: Held only where there is a value.
_IF_KNOWN = frozenset({"00080201", "00280008", "00280010", "00280011", "00280100", "00400275"})
_RETRIEVE_URL = "00081190"


def parse_query(level: Level, pairs: list[tuple[str, str]], within: Mapping[Path, str]) -> Query:
    """A query from URL parameters (PS3.18 §8.3.4) and the UIDs of the path. Raises BadQuery."""
    matches: dict[Path, Match] = {}
    include: set[Path] = set(_default_attributes(level, within))
    include_all = False
    single: dict[str, str] = {}
    for name, text in pairs:
        match name:
            case "includefield":
                names = [part.strip() for part in text.split(",")]
                include_all = include_all or "all" in names
                include.update(parse_attribute(each) for each in names if each and each != "all")
            case (
                "limit"
                | "offset"
                | "fuzzymatching"
                | "emptyvaluematching"
                | "multiplevaluematching"
                | "accept"
            ):
                single[name] = text
            case _:
                path = parse_attribute(name)
                if path in matches:
                    raise BadQuery(f"{_name(path)} is given twice")
                matches[path] = _match(path, text)
    for path, uid in within.items():
        if not re.fullmatch(r"[0-9.]{1,64}", uid):
            raise BadQuery("the path holds no UID")
        if path in matches and not isinstance(matches[path], Anything) and matches[path] != AnyOf((uid,)):
            raise BadQuery(f"{_name(path)} is given in the path and again, otherwise, as a key")
        matches[path] = AnyOf((uid,))
    return Query(
        level=level,
        matches=matches,
        include=frozenset(include),
        include_all=include_all,
        limit=_number(single, "limit"),
        offset=_number(single, "offset") or 0,
        fuzzy=single.get("fuzzymatching", "false").lower() == "true",
    )


def _match(path: Path, text: str) -> Match:
    try:
        return parse_match(vr_of(path), text)
    except BadQuery as error:
        raise BadQuery(f"{_name(path)}: {error}") from None


def _number(single: Mapping[str, str], name: str) -> int | None:
    text = single.get(name)
    if text is None:
        return None
    if not re.fullmatch(r"\d{1,9}", text):
        raise BadQuery(f"{name}: not a whole number")
    return int(text)


def _name(path: Path) -> str:
    return ".".join(f"{tag:08X}" for tag in path)


def _default_attributes(level: Level, within: Mapping[Path, str]) -> frozenset[Path]:
    """Those of the level, and of the levels above that the path does not settle (PS3.18 §10.6.3.3)."""
    of_study = frozenset[Path]() if STUDY_UID in within else STUDY_ATTRIBUTES
    of_series = frozenset[Path]() if SERIES_UID in within else SERIES_ATTRIBUTES
    match level:
        case Level.PATIENT | Level.STUDY:
            return STUDY_ATTRIBUTES
        case Level.SERIES:
            return SERIES_ATTRIBUTES | of_study
        case Level.INSTANCE:
            return INSTANCE_ATTRIBUTES | of_series | of_study


def search_routes(parts: Working) -> APIRouter:
    """Every search transaction (PS3.18 Table 10.6.1-1)."""
    router = APIRouter(prefix=PREFIX)

    async def search(request: Request, level: Level, within: Mapping[Path, str]) -> Response:
        study_uid = within.get(STUDY_UID)
        reader = await parts.readers.admit(request, Action.QUERY, study_uid)
        _require_json(request)
        asked = parse_query(level, request.query_params.multi_items(), within)
        query = within_issuer(asked, reader.look.actor.issuer)
        answer = await parts.archive.search(query)
        first: list[Found] = await anext(answer.pages, [])
        keys = sorted(_name(path) for path in asked.matches)
        await reader.record(study_uid, {"level": level.value, "keys": keys})
        headers = _warnings(answer, query, first)
        if not first:
            return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)
        root = studies_url(request, parts.settings)
        if len(first) < PAGE:
            return Response(_json(first, root), HTTPStatus.OK, headers, DICOM_JSON)
        return StreamingResponse(_stream(first, answer.pages, root), HTTPStatus.OK, headers, DICOM_JSON)

    @router.get("/studies")
    async def search_studies(request: Request) -> Response:
        return await search(request, Level.STUDY, {})

    @router.get("/series")
    async def search_series(request: Request) -> Response:
        return await search(request, Level.SERIES, {})

    @router.get("/instances")
    async def search_instances(request: Request) -> Response:
        return await search(request, Level.INSTANCE, {})

    @router.get("/studies/{study}/series")
    async def search_series_of_study(request: Request, study: str) -> Response:
        return await search(request, Level.SERIES, {STUDY_UID: study})

    @router.get("/studies/{study}/instances")
    async def search_instances_of_study(request: Request, study: str) -> Response:
        return await search(request, Level.INSTANCE, {STUDY_UID: study})

    @router.get("/studies/{study}/series/{series}/instances")
    async def search_instances_of_series(request: Request, study: str, series: str) -> Response:
        return await search(request, Level.INSTANCE, {STUDY_UID: study, SERIES_UID: series})

    return router


def _require_json(request: Request) -> None:
    """DICOM JSON is what there is; XML is not."""
    if not any(each.takes(DICOM_JSON) or each.takes("application/json") for each in accepted(request)):
        raise NotAcceptable([DICOM_JSON])


def _warnings(answer: Answer, query: Query, first: list[Found]) -> dict[str, str]:
    """What the reader must know of how complete the answer is (PS3.18 §8.3.4.4, RFC 7234 §5.5)."""
    said = []
    if answer.is_truncated:
        said.append("There are additional results that can be requested")
    if answer.unmatched:
        names = " ".join(_name(path) for path in answer.unmatched)
        said.append(f"These keys were not matched on, since the index does not hold them here: {names}")
    if query.fuzzy:
        said.append("fuzzymatching is not supported: only literal matching has been performed")
    if any(each.is_contested for each in first):
        said.append("Of some studies other content has come under the same UIDs, and waits for a decision")
    if any(each.is_inconsistent for each in first):
        said.append("Some studies came under two identifiers, birth dates or trusts")
    return {"Warning": ", ".join(f'299 imx "{each}"' for each in said)} if said else {}


def _json(found: list[Found], root: str) -> bytes:
    return orjson.dumps([_members(each, root) for each in found], option=orjson.OPT_SORT_KEYS)


def _members(found: Found, root: str) -> dict[str, object]:
    members: dict[str, object] = {
        tag: member for tag, member in found.members.items() if tag not in _IF_KNOWN or "Value" in member
    }
    url = root + found.study_uid
    if found.series_uid:
        url += f"/series/{found.series_uid}"
    if found.instance_uid:
        url += f"/instances/{found.instance_uid}"
    members[_RETRIEVE_URL] = {"vr": "UR", "Value": [url]}
    return members


async def _stream(first: list[Found], pages: AsyncIterator[list[Found]], root: str) -> AsyncIterator[bytes]:
    """One JSON array, a page at a time."""
    yield _json(first, root)[:-1]
    async for page in pages:
        if page:
            yield b"," + _json(page, root)[1:-1]
    yield b"]"
