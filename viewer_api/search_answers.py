"""What a search found, as a reader gets it: DICOM JSON, or a part of XML each (PS3.18 §10.6.3.3)."""

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass

import orjson
from anyio import to_thread

from storage.answers import Found, Members
from storage.dicom_xml import write_xml
from storage.query import Query
from viewer_api.bodies import Part, multipart
from viewer_api.media import DICOM_XML
from viewer_api.search_keys import shown_when_empty

_CHARACTER_SET, _RETRIEVE_URL = "00080005", "00081190"
_UTF8 = {"vr": "CS", "Value": ["ISO_IR 192"]}
#: Before the path of a large value within its instance (storage.dicom_json).
_BULK = b'"BulkDataURI":"@'


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes the matches of one search. `root` is the URL of all studies."""

    root: str
    unsaid: frozenset[str]  # tags that stand only with a value

    @classmethod
    def of(cls, query: Query, root: str) -> "Writer":
        """For the answer to a query."""
        return cls(root, frozenset(f"{path[0]:08X}" for path in query.asked) - shown_when_empty(query))

    def json(self, page: Iterable[Found]) -> bytes:
        """Objects with commas between, without the brackets."""
        return b",".join([self._object(each) for each in page])

    def xml(self, page: Iterable[Found]) -> Iterator[Part]:
        """A document each."""
        for each in page:
            document = write_xml(orjson.loads(self._object(each)))
            yield Part(DICOM_XML, (document,), len(document))

    def xml_body(self, page: Iterable[Found], boundary: str) -> bytes:
        """All of them, where there are no more pages."""
        return b"".join(multipart(self.xml(page), boundary))

    async def json_stream(
        self, first: list[Found], pages: AsyncIterator[list[Found]]
    ) -> AsyncIterator[bytes]:
        """One JSON array, a page at a time."""
        yield b"[" + self.json(first)
        async for page in pages:
            if page:
                yield b"," + self.json(page)
        yield b"]"

    async def xml_stream(
        self, first: list[Found], pages: AsyncIterator[list[Found]], boundary: str
    ) -> AsyncIterator[bytes]:
        """One multipart body, a page at a time."""
        end = b"--" + boundary.encode() + b"--\r\n"
        yield (await to_thread.run_sync(self.xml_body, first, boundary)).removesuffix(end)
        async for page in pages:
            yield (await to_thread.run_sync(self.xml_body, page, boundary)).removesuffix(end)
        yield end

    def _object(self, found: Found) -> bytes:
        """One match as DICOM JSON. What was found is completed in place: nobody else has it."""
        members = found.members
        for tag in self.unsaid:
            if len(members.get(tag, ())) == 1:
                del members[tag]
        url = self.root + found.study_uid
        if found.series_uid:
            url += f"/series/{found.series_uid}"
        if found.instance_uid:
            url += f"/instances/{found.instance_uid}"
        members[_RETRIEVE_URL] = {"vr": "UR", "Value": [url]}
        written = orjson.dumps(members, option=orjson.OPT_SORT_KEYS)
        if not written.isascii():  # more than the default repertoire (PS3.18 Table 10.6.3-3)
            members[_CHARACTER_SET] = _UTF8
            written = orjson.dumps(members, option=orjson.OPT_SORT_KEYS)
        if _BULK not in written:
            return written
        if found.instance_uid:
            return written.replace(_BULK, f'"BulkDataURI":"{url}/bulkdata/'.encode())
        return orjson.dumps(_without_bulk(members), option=orjson.OPT_SORT_KEYS)


def _without_bulk(members: Members) -> Members:
    """A study or series has no instance of which a large value could be asked for."""
    return {tag: member for tag, member in members.items() if _BULK not in orjson.dumps(member)}
