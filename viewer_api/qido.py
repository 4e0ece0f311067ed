"""Searches: QIDO-RS (PS3.18 §10.6)."""

from collections.abc import Mapping
from http import HTTPStatus

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from exchange.namespaces import within_issuer
from exchange.policy import Action
from storage.answers import Found
from storage.archive import PAGE, Answer
from storage.columns import PATIENT_NAME, SERIES_UID, STUDY_UID
from storage.query import Anything, Level, Path, Query, vr_of
from viewer_api.bodies import multipart_type, new_boundary
from viewer_api.caching import PRIVATE, VARY, etag_of, kept_by_reader
from viewer_api.media import DICOM_XML, TEXT_OFFERS, accepted, text_type
from viewer_api.parts import Working
from viewer_api.problems import NotAcceptable
from viewer_api.search_answers import Writer
from viewer_api.search_keys import name_of, parse_query
from viewer_api.urls import PREFIX, studies_url

#: Of a URL's query: some 750 UIDs. The server reads no URL of 64 KiB.
QUERY_LIMIT_BYTES = 48 * 1024


def search_routes(parts: Working) -> APIRouter:
    """Every search transaction (PS3.18 Table 10.6.1-1)."""
    router = APIRouter(prefix=PREFIX)

    async def search(request: Request, level: Level, within: Mapping[Path, str]) -> Response:
        study_uid = within.get(STUDY_UID)
        reader = await parts.readers.admit(request, Action.QUERY, study_uid)
        media_type = text_type(accepted(request))
        if media_type is None:
            raise NotAcceptable(list(TEXT_OFFERS))
        if len(request.scope["query_string"]) > QUERY_LIMIT_BYTES:
            raise HTTPException(HTTPStatus.REQUEST_URI_TOO_LONG)
        asked = parse_query(level, request.query_params.multi_items(), within)
        query = within_issuer(asked, reader.look.actor.issuer)
        answer = await parts.archive.search(query)
        first: list[Found] = await anext(answer.pages, [])
        keys = sorted(name_of(path) for path in asked.matches)
        await reader.record(study_uid, {"level": level.value, "keys": keys})
        headers = _warnings(answer, query, first)
        writer = Writer.of(query, studies_url(request, parts.settings))
        return await _response(request, media_type, writer, first, answer, headers)

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


async def _response(
    request: Request,
    media_type: str,
    writer: Writer,
    first: list[Found],
    answer: Answer,
    headers: dict[str, str],
) -> Response:
    """Nothing found is an empty list, and 200 (ADR 0035)."""
    is_all = len(first) < PAGE
    streamed = {**headers, "Cache-Control": PRIVATE, "Vary": VARY}
    if media_type != DICOM_XML:
        if is_all:
            return kept_by_reader(request, b"[" + writer.json(first) + b"]", media_type, headers)
        return StreamingResponse(writer.json_stream(first, answer.pages), 200, streamed, media_type)
    boundary = new_boundary()
    body_type = multipart_type(DICOM_XML, boundary)
    if is_all:
        body = await to_thread.run_sync(writer.xml_body, first, boundary)  # some 50 ms of a full page
        etag = etag_of(body.replace(boundary.encode(), b""))
        return kept_by_reader(request, body, body_type, headers, etag)
    return StreamingResponse(writer.xml_stream(first, answer.pages, boundary), 200, streamed, body_type)


def _warnings(answer: Answer, query: Query, first: list[Found]) -> dict[str, str]:
    """What the reader must know of how complete the answer is (PS3.18 §8.3.4.4, RFC 7234 §5.5)."""
    said = []
    if answer.is_truncated:
        said.append("There are additional results that can be requested")
    if answer.unmatched:
        names = " ".join(name_of(path) for path in answer.unmatched)
        said.append(f"These keys were not matched on, since the index does not hold them here: {names}")
    if query.fuzzy and (literal := _literal_names(query)):
        names = " ".join(name_of(path) for path in literal)
        said.append(f"The fuzzymatching parameter is supported for Patient's Name alone, not for {names}")
    if any(each.is_contested for each in first):
        said.append("Of some studies other content has come under the same UIDs, and waits for a decision")
    if any(each.is_inconsistent for each in first):
        said.append("Some studies came under two identifiers, birth dates or trusts")
    return {"Warning": ", ".join(f'299 imx "{each}"' for each in said)} if said else {}


def _literal_names(query: Query) -> list[Path]:
    """Names of other persons that were asked for: of them only literal matching has been performed."""
    return [
        path
        for path, match in query.matches.items()
        if path != PATIENT_NAME and vr_of(path) == "PN" and not isinstance(match, Anything)
    ]
