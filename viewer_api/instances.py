"""Whole instances: a study's, a series', or one (PS3.18 §10.4.1.1.1)."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from itertools import chain

from fastapi import Request
from starlette.responses import Response

from exchange.policy import Action
from storage.archive import Resource, Stored
from storage.errors import Unencodable, Unreadable
from storage.leaving import Leaving, leaving_data_set
from storage.part10 import write_meta
from storage.syntaxes import LOSSLESS
from storage.transcoding import has_room_native
from viewer_api.bodies import Part, head_alone, multipart, multipart_length, multipart_type
from viewer_api.instance_ways import Wrapping, choose, offers_as_stored
from viewer_api.media import DICOM, ZIP, Range, accepted
from viewer_api.parts import Working
from viewer_api.problems import NotAcceptable
from viewer_api.validators import answer_headers, boundary_of, not_modified, validator
from viewer_api.zipped import Entry, entry_names, zip_chunks


@dataclass(frozen=True, slots=True)
class _Body:
    media_type: str
    chunks: Iterator[bytes]
    length: int | None


@dataclass(frozen=True, slots=True)
class Instances:
    """Gives instances out."""

    work: Working

    async def answer(
        self, request: Request, resource: Resource, ranges: Sequence[Range] | None = None
    ) -> Response:
        """Those of a resource, as Part 10 files; in `ranges` where not as accepted."""
        work = self.work
        reader = await work.readers.admit(request, Action.RETRIEVE, resource.study)
        stored = await work.archive.stored(resource)
        too_long = await self._too_long(stored)
        chosen = choose(accepted(request) if ranges is None else ranges, stored, too_long)
        corrections = await work.archive.corrections_of(stored)
        await reader.record(resource.study)
        had = [each for each, _ in chosen.syntaxes]
        tag = validator(had, chosen.wrapping, [syntax for _, syntax in chosen.syntaxes])
        headers = answer_headers(stored, tag)
        if (unchanged := not_modified(request, headers)) is not None:
            return unchanged
        leaving = [Leaving(each, corrections.get(each.id, ()), syntax) for each, syntax in chosen.syntaxes]
        # Where some cannot be had as accepted, the others leave all the same (PS3.18 §10.4.3.2)
        status = HTTPStatus.OK if len(leaving) == len(stored) else HTTPStatus.PARTIAL_CONTENT
        body = self._body(chosen.wrapping, leaving, boundary_of(tag))
        if request.method == "HEAD":
            return head_alone(body.media_type, body.length, headers, status)
        try:
            return await work.sender.send(body.chunks, body.media_type, body.length, headers, status)
        except (Unreadable, Unencodable) as error:
            raise NotAcceptable(offers_as_stored(each.transfer_syntax for each in stored)) from error

    async def _too_long(self, instances: Sequence[Stored]) -> frozenset[int]:
        """Those whose pixel data, decoded, are longer than an element can be: slides, and no others here."""
        found = set()
        for stored in instances:
            if stored.frame_count > 1 and stored.transfer_syntax in LOSSLESS:
                with suppress(Unreadable):  # told with the instance itself
                    pixel = await self.work.archive.image_pixel(stored)
                    if not has_room_native(pixel, stored.transfer_syntax, stored.frame_count):
                        found.add(stored.id)
        return frozenset(found)

    def _body(self, wrapping: Wrapping, leaving: Sequence[Leaving], boundary: str) -> _Body:
        match wrapping:
            case Wrapping.ALONE:
                part = self._part(leaving[0])
                return _Body(part.media_type, iter(part.chunks), part.length)
            case Wrapping.ZIPPED:
                names = entry_names(each.stored.series_uid for each in leaving)
                parts = (self._part(each) for each in leaving)
                entries = (Entry(name, part.chunks) for name, part in zip(names, parts, strict=True))
                return _Body(ZIP, zip_chunks(entries), None)
            case Wrapping.MULTIPART:
                every = [self._part(each) for each in leaving]
                length = multipart_length(every, boundary)
                return _Body(multipart_type(DICOM, boundary), multipart(every, boundary), length)

    def _part(self, leaving: Leaving) -> Part:
        stored, syntax, size = leaving.stored, leaving.transfer_syntax, leaving.size
        meta = write_meta(stored.sop_class, stored.uid, syntax)
        return Part(
            f"{DICOM}; transfer-syntax={syntax}",
            chain((meta,), self._data_set(leaving)),
            None if size is None else len(meta) + size,
        )

    def _data_set(self, leaving: Leaving) -> Iterator[bytes]:
        """Nothing is opened before the first byte is asked for: parts are measured first."""
        yield from leaving_data_set(leaving, self.work.objects, self.work.transcoder)
