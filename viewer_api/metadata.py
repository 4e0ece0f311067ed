"""Metadata: data sets without their large values, as JSON or XML (PS3.18 §10.4.1.1.2)."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from http import HTTPStatus

import orjson
from anyio import to_thread
from fastapi import Request
from starlette.responses import Response, StreamingResponse

from exchange.policy import Action
from storage.answers import read_members
from storage.archive import Metadata
from storage.dicom_xml import write_xml, xml_chunks
from storage.metadata import Attribute, Whereabouts, json_chunks, metadata_attributes
from storage.stored import Resource, Stored
from viewer_api.bodies import Part, head_alone, multipart_type, part_head
from viewer_api.labels import visible
from viewer_api.media import DICOM_XML, TEXT_OFFERS, accepted, text_type
from viewer_api.parts import Working
from viewer_api.problems import NotAcceptable
from viewer_api.renditions import Kind, kind_of
from viewer_api.urls import studies_url
from viewer_api.validators import answer_headers, boundary_of, not_modified, validator, weakened


@dataclass(frozen=True, slots=True)
class MetadataOf:
    """Gives metadata out, page by page where there is much of it."""

    work: Working

    async def answer(self, request: Request, resource: Resource) -> Response:
        """That of every instance of a resource."""
        work = self.work
        reader = await work.readers.admit(request, Action.RETRIEVE, resource.study)
        media_type = text_type(accepted(request))
        if media_type is None:
            raise NotAcceptable(list(TEXT_OFFERS))
        seen = await visible(work.readers, reader, await work.archive.stored(resource))
        stored = seen.stored
        await reader.record(resource.study)
        root = studies_url(request, work.settings)
        tag = weakened(validator(stored, "metadata", media_type, root))
        headers = seen.tell(answer_headers(stored, tag))
        if (unchanged := not_modified(request, headers)) is not None:
            return unchanged
        content_type, boundary = media_type, boundary_of(tag)
        if media_type == DICOM_XML:
            content_type = multipart_type(media_type, boundary)
        if request.method == "HEAD":
            return head_alone(content_type, None, headers)
        pages = _told(work.archive.metadata(stored, root))
        first = await anext(pages)
        if media_type == DICOM_XML:
            stream = self._xml(first, pages, root, boundary)
        elif len(first) == len(stored) and all(each.json is not None for each in first):
            body = b"[" + b",".join([each.json for each in first if each.json]) + b"]"
            return Response(body, HTTPStatus.OK, headers, content_type)
        else:
            stream = self._json(first, pages, root)
        return StreamingResponse(stream, HTTPStatus.OK, headers, content_type)

    async def _json(
        self, page: list[Metadata] | None, pages: AsyncIterator[list[Metadata]], root: str
    ) -> AsyncIterator[bytes]:
        pieces = [b"["]
        while page:
            for each in page:
                if each.json is not None:
                    pieces.append(each.json)
                else:
                    yield b"".join(pieces)
                    pieces = []
                    made = json_chunks(await self._made(each.stored), _bulk_prefix(root, each.stored))
                    async for piece in self.work.sender.pieces(made):
                        yield piece
                pieces.append(b",")
            page = await anext(pages, None)
            if page:
                yield b"".join(pieces)
                pieces = []
        yield b"".join(pieces[:-1]) + b"]"

    async def _xml(
        self, page: list[Metadata] | None, pages: AsyncIterator[list[Metadata]], root: str, boundary: str
    ) -> AsyncIterator[bytes]:
        """Multipart: a part for each instance."""
        head = part_head(Part(DICOM_XML, ()), boundary)
        while page:
            for each in page:
                yield head
                if each.json is not None:
                    yield await to_thread.run_sync(_as_xml, each.json, limiter=self.work.sender.limiter)
                else:
                    made = xml_chunks(await self._made(each.stored), _bulk_prefix(root, each.stored))
                    async for piece in self.work.sender.pieces(made):
                        yield piece
                yield b"\r\n"
            page = await anext(pages, None)
        yield b"--" + boundary.encode() + b"--\r\n"

    async def _made(self, stored: Stored) -> Iterator[Attribute]:
        """Of an instance whose metadata are too large to be kept ready."""
        work = self.work
        identity = await work.archive.identity_json(stored)
        corrections = (await work.archive.corrections_of([stored])).get(stored.id, ())
        where = Whereabouts(work.objects, stored.key, stored.data_offset, stored.transfer_syntax)
        return metadata_attributes(where, identity, corrections)


async def _told(pages: AsyncIterator[list[Metadata]]) -> AsyncIterator[list[Metadata]]:
    """Videos say how they are encoded, since a viewer plays them and does not page through them."""
    async for page in pages:
        yield [_with_syntax(each) if kind_of(each.stored) is Kind.VIDEO else each for each in page]


def _with_syntax(metadata: Metadata) -> Metadata:
    """Available Transfer Syntax UID (0008,3002), where its tag stands."""
    if metadata.json is None:
        return metadata
    members = orjson.loads(metadata.json)
    members["00083002"] = {"vr": "UI", "Value": [metadata.stored.transfer_syntax]}
    return Metadata(metadata.stored, orjson.dumps(dict(sorted(members.items()))))


def _bulk_prefix(root: str, stored: Stored) -> str:
    return f"{root}{stored.path}/bulkdata/"


def _as_xml(json: bytes) -> bytes:
    return write_xml(read_members(json[1:-1]))
