"""Whole instances: a study's, a series', or one (PS3.18 §10.4.1.1.1)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import Request
from starlette.responses import Response

from exchange.policy import Action
from storage.errors import Unencodable, Unreadable
from storage.leaving import Leaving, leaving_data_set
from storage.objects import Readable
from storage.part10 import write_meta
from storage.stored import Resource, Stored
from storage.syntaxes import LOSSLESS
from storage.transcoding import Transcoder, has_room_native
from viewer_api.bodies import Part, head_alone, multipart, multipart_length, multipart_type
from viewer_api.instance_ways import Wrapping, choose, offers_as_stored
from viewer_api.labels import visible
from viewer_api.media import DICOM, ZIP, Range, accepted
from viewer_api.parts import Working
from viewer_api.problems import NotAcceptable
from viewer_api.validators import answer_headers, boundary_of, not_modified, validator
from viewer_api.zipped import Entry, entry_names, zip_chunks


@dataclass(frozen=True, slots=True)
class _File:
    """An instance on its way out, as a Part 10 file."""

    leaving: Leaving
    meta: bytes

    @property
    def media_type(self) -> str:
        return f"{DICOM}; transfer-syntax={self.leaving.transfer_syntax}"

    @property
    def length(self) -> int | None:
        size = self.leaving.size
        return None if size is None else len(self.meta) + size

    def read(self, objects: Readable, transcoder: Transcoder) -> Iterator[bytes]:
        """Nothing is opened before the first byte is asked for."""
        yield self.meta
        yield from leaving_data_set(self.leaving, objects, transcoder)


@dataclass(frozen=True, slots=True)
class _Body:
    media_type: str
    read: Callable[[Readable], Iterator[bytes]]
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
        seen = await visible(work.readers, reader, await work.archive.stored(resource))
        stored = seen.stored
        too_long = await self._too_long(stored)
        chosen = choose(accepted(request) if ranges is None else ranges, stored, too_long)
        corrections = await work.archive.corrections_of(stored)
        await reader.record(resource.study)
        had = [each for each, _ in chosen.syntaxes]
        tag = validator(had, chosen.wrapping, [syntax for _, syntax in chosen.syntaxes])
        headers = seen.tell(answer_headers(stored, tag))
        if (unchanged := not_modified(request, headers)) is not None:
            return unchanged
        leaving = [Leaving(each, corrections.get(each.id, ()), syntax) for each, syntax in chosen.syntaxes]
        # Where some cannot be had as accepted, the others leave all the same (PS3.18 §10.4.3.2)
        status = HTTPStatus.OK if len(leaving) == len(stored) else HTTPStatus.PARTIAL_CONTENT
        body = self._body(chosen.wrapping, leaving, boundary_of(tag))
        if request.method == "HEAD":
            return head_alone(body.media_type, body.length, headers, status)
        try:
            return await work.sender.send_stored(
                body.read, work.objects, body.media_type, body.length, headers, status
            )
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
        files = [_file(each) for each in leaving]

        def parts(objects: Readable) -> Iterator[Part]:
            for each in files:
                yield Part(each.media_type, each.read(objects, self.work.transcoder), each.length)

        match wrapping:
            case Wrapping.ALONE:
                file = files[0]
                return _Body(file.media_type, lambda objects: iter(next(parts(objects)).chunks), file.length)
            case Wrapping.ZIPPED:

                def entries(objects: Readable) -> Iterator[Entry]:
                    names = entry_names(each.stored.series_uid for each in leaving)
                    for name, part in zip(names, parts(objects), strict=True):
                        yield Entry(name, part.chunks)

                return _Body(ZIP, lambda objects: zip_chunks(entries(objects)), None)
            case Wrapping.MULTIPART:
                length = multipart_length(
                    (Part(each.media_type, (), each.length) for each in files), boundary
                )
                media_type = multipart_type(DICOM, boundary)
                return _Body(media_type, lambda objects: multipart(parts(objects), boundary), length)


def _file(leaving: Leaving) -> _File:
    stored = leaving.stored
    return _File(leaving, write_meta(stored.sop_class, stored.uid, leaving.transfer_syntax))
