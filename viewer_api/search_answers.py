"""What a search found, as a reader gets it: DICOM JSON, or a part of XML each (PS3.18 §10.6.3.3)."""

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass

import orjson

from storage.answers import Found, Members
from storage.dicom_xml import write_xml
from storage.query import Query
from viewer_api.bodies import Part, multipart
from viewer_api.media import DICOM_XML
from viewer_api.search_keys import shown_when_empty

_CHARACTER_SET, _RETRIEVE_URL = "00080005", "00081190"
_UTF8 = {"vr": "CS", "Value": ["ISO_IR 192"]}


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
            members = self._members(each)
            if not orjson.dumps(members).isascii():
                members[_CHARACTER_SET] = _UTF8
            document = write_xml(dict(sorted(members.items())))
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
        yield self.xml_body(first, boundary).removesuffix(end)
        async for page in pages:
            yield self.xml_body(page, boundary).removesuffix(end)
        yield end

    def _object(self, found: Found) -> bytes:
        members = self._members(found)
        written = orjson.dumps(members, option=orjson.OPT_SORT_KEYS)
        if written.isascii():
            return written
        members[_CHARACTER_SET] = _UTF8  # more than the default repertoire (PS3.18 Table 10.6.3-3)
        return orjson.dumps(members, option=orjson.OPT_SORT_KEYS)

    def _members(self, found: Found) -> Members:
        """What was found, completed in place: nobody else has it."""
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
        return members
