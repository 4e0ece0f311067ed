"""Retrieving: WADO-RS studies, series, instances, metadata, frames and bulk data (PS3.18 §10.4)."""

import re
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import chain

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from exchange.policy import Action
from storage.archive import FrameRanges, Metadata, Resource, Stored
from storage.bulk import BulkPath, parse_bulk_path, value_chunks
from storage.corrections import Correction, correct_bytes
from storage.elements import EXPLICIT_BIG
from storage.errors import BadQuery, NotHeld, Unreadable
from storage.frames import NOTED_LIMIT, PIXELS, Form
from storage.leaving import Leaving, Way, leaving_data_set
from storage.metadata import Whereabouts, json_chunks, metadata_attributes
from storage.part10 import write_meta
from storage.passing import joined_fragments
from storage.syntaxes import NATIVE
from viewer_api.bodies import Part, multipart, multipart_length, multipart_type, new_boundary
from viewer_api.media import (
    DICOM,
    DICOM_JSON,
    OCTETS,
    Decoding,
    Range,
    accepted,
    frame_offers,
    frame_way,
    offers,
    way_for,
)
from viewer_api.parts import Working
from viewer_api.problems import NotAcceptable
from viewer_api.readers import Reader
from viewer_api.urls import PREFIX, studies_url

_CONTESTED = '299 imx "Other content has come under the same UIDs, and waits for a decision"'
_FRAME_LIST = re.compile(r"\d{1,9}(,\d{1,9})*")
_FRAMES_AT_ONCE = 10_000


def choose_ways(
    ranges: Sequence[Range], instances: Sequence[Stored], decoding: Decoding
) -> tuple[Range, list[tuple[Stored, Way]]]:
    """The first accepted range in which all can be had, else most of them. Raises NotAcceptable."""
    best: tuple[Range, list[tuple[Stored, Way]]] | None = None
    for each in ranges:
        if not each.takes(DICOM) or (len(instances) > 1 and not _is_multipart(each)):
            continue
        ways = (
            (stored, way_for(stored.transfer_syntax, stored.size, each.transfer_syntax, decoding))
            for stored in instances
        )
        had = [(stored, way) for stored, way in ways if way is not None]
        if best is None or len(had) > len(best[1]):
            best = each, had
    if best is None or not best[1]:
        raise NotAcceptable(offers({each.transfer_syntax for each in instances}, decoding))
    return best


def _is_multipart(each: Range) -> bool:
    return each.is_multipart or each.media_type in ("*/*", "application/*")


@dataclass(frozen=True, slots=True)
class Retrieving:
    """What the retrieve transactions share."""

    parts: Working

    async def instances(
        self, request: Request, resource: Resource, ranges: Sequence[Range] | None = None
    ) -> Response:
        """Whole instances, as Part 10 files (PS3.18 §10.4.1.1.1); in `ranges` where not as accepted."""
        parts = self.parts
        reader = await parts.readers.admit(request, Action.RETRIEVE, resource.study)
        stored = await parts.archive.stored(resource)
        chosen, ways = choose_ways(ranges or accepted(request), stored, parts.decoding)
        corrections = await parts.archive.corrections_of(stored)
        await reader.record(resource.study)
        leaving = [Leaving(each, corrections.get(each.id, ()), way) for each, way in ways]
        status = HTTPStatus.OK if len(leaving) == len(stored) else HTTPStatus.PARTIAL_CONTENT
        headers = _headers(stored)
        try:
            if not _is_multipart(chosen):
                part = self._part(leaving[0])
                return await parts.sender.send(iter(part.chunks), part.media_type, part.length, headers)
            boundary = new_boundary()
            body = multipart((self._part(each) for each in leaving), boundary)
            length = multipart_length((self._part(each) for each in leaving), boundary)
            return await parts.sender.send(body, multipart_type(DICOM, boundary), length, headers, status)
        except Unreadable as error:
            raise NotAcceptable(offers({each.transfer_syntax for each in stored}, NO_DECODING)) from error

    def _part(self, leaving: Leaving) -> Part:
        stored, syntax, size = leaving.stored, leaving.transfer_syntax, leaving.size
        meta = write_meta(stored.sop_class, stored.uid, syntax)
        return Part(
            f"{DICOM}; transfer-syntax={syntax}",
            chain((meta,), self._data_set(leaving)),
            None if size is None else len(meta) + size,
        )

    def _data_set(self, leaving: Leaving) -> Iterator[bytes]:
        """Nothing is opened before the first byte is asked for: parts are made only to be measured too."""
        yield from leaving_data_set(leaving, self.parts.objects, self.parts.recoder)

    async def metadata(self, request: Request, resource: Resource) -> Response:
        """Metadata as DICOM JSON, streamed where there is much of it (PS3.18 §10.4.1.1.2)."""
        parts = self.parts
        reader = await parts.readers.admit(request, Action.RETRIEVE, resource.study)
        if not any(each.takes(DICOM_JSON) or each.takes("application/json") for each in accepted(request)):
            raise NotAcceptable([DICOM_JSON])
        stored = await parts.archive.stored(resource)
        await reader.record(resource.study)
        root = studies_url(request, parts.settings)
        pages = parts.archive.metadata(stored, root)
        first = await anext(pages)
        headers = _headers(stored)
        if len(first) == len(stored) and all(each.json is not None for each in first):
            body = b"[" + b",".join([each.json for each in first if each.json]) + b"]"
            return Response(body, HTTPStatus.OK, headers, DICOM_JSON)
        stream = self._stream_metadata(first, pages, root)
        return StreamingResponse(stream, HTTPStatus.OK, headers, DICOM_JSON)

    async def _stream_metadata(
        self, first: list[Metadata], pages: AsyncIterator[list[Metadata]], root: str
    ) -> AsyncIterator[bytes]:
        opening = b"["
        page: list[Metadata] | None = first
        while page:
            for each in page:
                yield opening
                opening = b","
                if each.json is not None:
                    yield each.json
                else:
                    async for piece in self._made_metadata(each.stored, root):
                        yield piece
            page = await anext(pages, None)
        yield b"]"

    async def _made_metadata(self, stored: Stored, root: str) -> AsyncIterator[bytes]:
        parts = self.parts
        identity = await parts.archive.identity_json(stored)
        corrections = (await parts.archive.corrections_of([stored])).get(stored.id, ())
        where = Whereabouts(parts.objects, stored.key, stored.data_offset, stored.transfer_syntax)
        attributes = metadata_attributes(where, identity, corrections)
        chunks = json_chunks(attributes, f"{root}{stored.path}/bulkdata/")
        async for piece in parts.sender.pieces(chunks):
            yield piece

    async def frames(self, request: Request, resource: Resource, listed: str) -> Response:
        """Frames, in the order asked for (PS3.18 §10.4.1.1.6)."""
        parts = self.parts
        reader = await parts.readers.admit(request, Action.RETRIEVE, resource.study)
        return await self._send_frames(request, resource, reader, _frame_numbers(listed))

    async def _send_frames(
        self, request: Request, resource: Resource, reader: Reader, numbers: Sequence[int]
    ) -> Response:
        parts = self.parts
        found = await parts.archive.frames(resource, numbers)
        stored = found.stored
        if stored.frame_form == Form.NONE:
            raise NotHeld(f"pixel data of {resource}")
        ranges = accepted(request)
        is_grey = await self._is_grey(stored)
        way = frame_way(ranges, stored.transfer_syntax, stored.size, is_grey, parts.decoding)
        if way is None or (len(numbers) > 1 and not way.is_multipart):
            raise NotAcceptable(frame_offers(stored.transfer_syntax, is_grey, parts.decoding))
        await reader.record(resource.study)
        frames = self._frames(found, numbers, is_decoded=way.is_decoded)
        try:
            if not way.is_multipart:
                alone = chain.from_iterable(frames)
                return await parts.sender.send(alone, way.media_type, headers=_headers([stored]))
            boundary = new_boundary()
            body = multipart((Part(way.media_type, each) for each in frames), boundary)
            content_type = multipart_type(way.media_type, boundary)
            return await parts.sender.send(body, content_type, headers=_headers([stored]))
        except Unreadable as error:
            raise NotAcceptable(frame_offers(stored.transfer_syntax, False, NO_DECODING)) from error

    async def bulk(self, request: Request, resource: Resource, path: str) -> Response:
        """A large value by the URI that metadata gave (PS3.18 §10.4.1.1.5); compressed pixels as frames."""
        parts = self.parts
        reader = await parts.readers.admit(request, Action.RETRIEVE, resource.study)
        wanted = parse_bulk_path(path)
        (stored,) = await parts.archive.stored(resource)
        if wanted.tags[0] in PIXELS and stored.transfer_syntax not in NATIVE:
            if stored.frame_count > NOTED_LIMIT:  # their number is no more than the sender's word
                raise NotAcceptable(offers({stored.transfer_syntax}, NO_DECODING))
            return await self._send_frames(request, resource, reader, range(1, stored.frame_count + 1))
        ranges = [each for each in accepted(request) if each.takes(OCTETS)]
        if not ranges:
            raise NotAcceptable([OCTETS])
        corrections = await parts.archive.corrections_of([stored])
        await reader.record(resource.study)
        value = self._value(stored, corrections.get(stored.id, ()), wanted)
        if not _is_multipart(ranges[0]):
            return await parts.sender.send(value, OCTETS, headers=_headers([stored]))
        boundary = new_boundary()
        body = multipart([Part(OCTETS, value)], boundary)
        return await parts.sender.send(body, multipart_type(OCTETS, boundary), headers=_headers([stored]))

    def _value(
        self, stored: Stored, corrections: tuple[Correction, ...], wanted: BulkPath
    ) -> Iterator[bytes]:
        """Nothing is opened before the first byte is asked for, in a thread that may wait."""
        received = self.parts.objects.read(stored.key, stored.data_offset)
        corrected = correct_bytes(received, stored.transfer_syntax, corrections)
        yield from value_chunks(corrected, stored.transfer_syntax, wanted)

    def _frames(
        self, found: FrameRanges, numbers: Sequence[int], *, is_decoded: bool
    ) -> Iterator[Iterable[bytes]]:
        """Each frame in pieces: one may be as long as a video."""
        stored, objects = found.stored, self.parts.objects
        if found.ranges is None or is_decoded or stored.transfer_syntax == EXPLICIT_BIG:
            data_set = objects.read(stored.key, stored.data_offset)
            recoder = self.parts.recoder
            for frame in recoder.frames(data_set, stored.transfer_syntax, numbers, is_decoded=is_decoded):
                yield (frame,)
            return
        for start, stop in found.ranges:
            if stored.frame_form == Form.FRAGMENTS:
                # The first fragment's length stands in the item header before it.
                yield joined_fragments(objects.read(stored.key, start - 8, stop))
            else:
                yield objects.read(stored.key, start, stop)

    async def _is_grey(self, stored: Stored) -> bool:
        """One sample a pixel; asked only where frames could be decoded."""
        if not self.parts.decoding.reaches(stored.transfer_syntax, stored.size):
            return False
        return await self.parts.archive.samples_per_pixel(stored) == 1


#: What is left when decoding failed.
NO_DECODING = Decoding(frozenset(), 0)


def _headers(stored: Sequence[Stored]) -> dict[str, str]:
    return {"Warning": _CONTESTED} if any(each.is_contested for each in stored) else {}


def _frame_numbers(listed: str) -> list[int]:
    if not _FRAME_LIST.fullmatch(listed):
        raise BadQuery("frames are a list of numbers, from 1: 1,2,3")
    numbers = [int(each) for each in listed.split(",")]
    if len(numbers) > _FRAMES_AT_ONCE:
        raise BadQuery(f"at most {_FRAMES_AT_ONCE} frames at once")
    return numbers


def retrieve_routes(parts: Working) -> APIRouter:
    """Every retrieve transaction of this slice (PS3.18 Table 10.4.1-1)."""
    router = APIRouter(prefix=PREFIX)
    retrieving = Retrieving(parts)
    in_series = "/studies/{study}/series/{series}"
    in_instance = in_series + "/instances/{instance}"

    @router.get("/studies/{study}")
    async def retrieve_study(request: Request, study: str) -> Response:
        return await retrieving.instances(request, Resource(study))

    @router.get(in_series)
    async def retrieve_series(request: Request, study: str, series: str) -> Response:
        return await retrieving.instances(request, Resource(study, series))

    @router.get(in_instance)
    async def retrieve_instance(request: Request, study: str, series: str, instance: str) -> Response:
        return await retrieving.instances(request, Resource(study, series, instance))

    @router.get("/studies/{study}/metadata")
    async def retrieve_study_metadata(request: Request, study: str) -> Response:
        return await retrieving.metadata(request, Resource(study))

    @router.get(in_series + "/metadata")
    async def retrieve_series_metadata(request: Request, study: str, series: str) -> Response:
        return await retrieving.metadata(request, Resource(study, series))

    @router.get(in_instance + "/metadata")
    async def retrieve_instance_metadata(
        request: Request, study: str, series: str, instance: str
    ) -> Response:
        return await retrieving.metadata(request, Resource(study, series, instance))

    @router.get(in_instance + "/frames/{listed}")
    async def retrieve_frames(
        request: Request, study: str, series: str, instance: str, listed: str
    ) -> Response:
        return await retrieving.frames(request, Resource(study, series, instance), listed)

    @router.get(in_instance + "/bulkdata/{path:path}")
    async def retrieve_bulk_data(
        request: Request, study: str, series: str, instance: str, path: str
    ) -> Response:
        return await retrieving.bulk(request, Resource(study, series, instance), path)

    return router
