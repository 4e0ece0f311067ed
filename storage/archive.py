"""Reading the index, without blocking: searches, metadata, and where the bytes of instances lie."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from storage.answers import Found, FoundRow, MetadataWriter, found, read_members, wanted_by
from storage.codecs.frame import ImagePixel, of_members
from storage.conditions import Statement
from storage.corrections import IN_FORCE, Correction, Member, in_force, those_of
from storage.errors import BadQuery, IndexUnavailable, NotHeld
from storage.frames import ENTRY, NOTED_LIMIT, Form, places
from storage.query import Level, Path, Query
from storage.search import plan
from storage.showing import SHOWS
from storage.stored import STORED_FIELDS, Resource, Stored

Row = tuple[Any, ...]

#: Rows fetched at once; a longer answer comes in pages, so that memory does not grow with it.
PAGE = 1_000
#: Ready-made JSON fetched at once, in bytes.
METADATA_PAGE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class FrameRanges:
    """Where frames of one instance lie in its object: start and stop, in bytes.

    `ranges` is None where offsets do not tell the frames apart.
    """

    stored: Stored
    ranges: tuple[tuple[int, int], ...] | None


@dataclass(frozen=True, slots=True)
class Metadata:
    """One instance's metadata, or None where it is too large to keep ready and made from the object."""

    stored: Stored
    json: bytes | None


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose an instance is."""

    id: int  # of the instance
    trust: str  # ODS code
    members: Mapping[str, Member]  # patient and order, as sent


@dataclass(frozen=True, slots=True)
class Answer:
    """What a search found, in pages, and how honest it must be about it."""

    pages: AsyncIterator[list[Found]]
    is_truncated: bool  # a limit cut it
    unmatched: tuple[Path, ...]  # keys that could not be matched on


class _OnePage:
    """An answer that is whole. No generator: one that is left before its end costs the loop another visit."""

    def __init__(self, page: list[Found]) -> None:
        self._left = [page]

    def __aiter__(self) -> AsyncIterator[list[Found]]:
        return self

    async def __anext__(self) -> list[Found]:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop()


def _written(statement: sql.Composed) -> sql.SQL:
    """Put together once: psycopg would do it for each request, and a frame's takes longer than its answer."""
    return sql.SQL(statement.as_string())


_STORED_SHOWN = STORED_FIELDS + sql.SQL(
    " from study s join series r on r.study_id = s.id join instance n on n.series_id = r.id"
    f" join object o on o.id = n.object_id where {SHOWS[Level.INSTANCE]} and "
)
_STORED = _STORED_SHOWN + sql.SQL("s.uid = %s")
_STORED_BY_ID = (
    sql.SQL("select ")
    + _STORED_SHOWN
    + sql.SQL("n.id = any(%s) order by s.id, r.series_number, r.id, n.instance_number, n.id")
)
_STORED_AMONG = (
    " from ({}) f join instance n on n.id = f.id join series r on r.id = n.series_id"
    " join study s on s.id = r.study_id join object o on o.id = n.object_id"
    " order by s.study_date desc nulls last, s.id desc, r.series_number, r.id, n.instance_number, n.id"
)
_STORED_IN: Mapping[str, sql.SQL] = {
    level: _written(sql.SQL("select ") + _STORED + sql.SQL(f"{and_of} order by {order}"))
    for level, and_of, order in (
        ("study", "", "r.series_number, r.id, n.instance_number, n.id"),
        ("series", " and r.uid = %s", "n.instance_number, n.id"),
        ("instance", " and r.uid = %s and n.uid = %s", "n.id"),
    )
}
_FRAMES = _written(
    sql.SQL(
        f"select case when n.frame_form in ({Form.FRAGMENT:d}, {Form.FRAGMENTS:d}) then array("
        f"select substr(n.frames, 1 + {ENTRY.size} * (least(k, {NOTED_LIMIT + 1}) - 1), {ENTRY.size})"
        " from unnest(%s::int[]) with ordinality as asked(k, place) order by place) end, "
    )
    + _STORED
    + sql.SQL(" and r.uid = %s and n.uid = %s")
)
_METADATA = sql.SQL(
    "select n.id, i.json, n.json_before, n.json_patient, n.json_after, n.json_whole"
    " from unnest(%s::bigint[]) with ordinality as asked(id, place)"
    " join instance n on n.id = asked.id join identity i on i.id = n.identity_id order by place"
)
_IDENTITY = sql.SQL("select json from identity where id = %s")
_FOREIGN = sql.SQL("select id from identity where id = any(%s) and trust <> %s")
_WHOSE = sql.SQL(
    "select n.id, i.trust, i.json, n.json_before"
    " from instance n join identity i on i.id = n.identity_id where n.id = any(%s)"
)
_JSON_AFTER = sql.SQL("select json_after from instance where id = %s")
_CORRECTIONS = sql.SQL(IN_FORCE)
#: Of the instance whose single corrections an answer shows (storage.correcting).
_OF_IDENTITY = sql.SQL("select id, shown_as from identity where shown_as is not null and id = any(%s)")
_SHOWN_AS: Mapping[Level, sql.SQL] = {
    Level.PATIENT: _OF_IDENTITY,
    Level.STUDY: _OF_IDENTITY,
    Level.SERIES: sql.SQL("select uid, shown_as from series where shown_as is not null and uid = any(%s)"),
    Level.INSTANCE: sql.SQL("select uid, id from instance where uid = any(%s)"),
}


def _placed(stored: Stored, entries: Sequence[bytes], numbers: Sequence[int]) -> FrameRanges:
    """Frames of these numbers, by what is noted of them. Raises NotHeld."""
    if beyond := [number for number in numbers if not 1 <= number <= stored.frame_count]:
        raise NotHeld(f"frame {beyond[0]} of instance {stored.uid}, which has {stored.frame_count}")
    noted = entries if stored.native is None else (stored.native,)
    return FrameRanges(stored, places(stored.frame_form, noted, numbers))


def _is_broken(error: psycopg.OperationalError) -> bool:
    """The connection is gone (SQLSTATE class 08, 57P), which says nothing about the next."""
    return error.sqlstate is None or error.sqlstate.startswith(("57P", "08"))


@dataclass(frozen=True, slots=True)
class Archive:
    """What is kept, for readers. Every verb raises IndexUnavailable when the database is away."""

    pool: AsyncConnectionPool

    async def search(self, query: Query) -> Answer:
        """What matches, newest study first (PS3.18 §8.3.4)."""
        answering = plan(query)
        most = PAGE if answering.limit is None else min(answering.limit, PAGE)
        rows = await self.rows(answering.rows(most + 1))
        is_cut = len(rows) > most
        if not is_cut or most == answering.limit:
            return Answer(_OnePage(await self._found(query, rows[:most])), is_cut, answering.unmatched)
        ids = [row[0] for row in await self.rows(answering.ids())]
        is_cut = answering.limit is not None and len(ids) > answering.limit
        pages = self._pages(query, ids[: answering.limit])
        return Answer(pages, is_cut, answering.unmatched)

    async def stored(self, resource: Resource) -> list[Stored]:
        """The instances of a resource, in order. Raises NotHeld when there are none."""
        rows = await self.rows(Statement(_STORED_IN[resource.level], resource.uids))
        if not rows:
            raise NotHeld(str(resource))
        return [Stored(*row) for row in rows]

    async def stored_by_id(self, ids: Sequence[int]) -> list[Stored]:
        """Those of these instances that are shown, study by study and in order."""
        return [Stored(*row) for row in await self.rows(Statement(_STORED_BY_ID, [list(ids)]))]

    async def stored_matching(self, query: Query) -> list[Stored]:
        """The instances that a search for instances finds, in its order."""
        found = plan(query).ids()
        text = sql.SQL("select ") + STORED_FIELDS + sql.SQL(_STORED_AMONG).format(found.text)
        rows = await self.rows(Statement(text, found.values, found.depends_on_values))
        return [Stored(*row) for row in rows]

    async def metadata(self, instances: Sequence[Stored], bulk_root: str) -> AsyncIterator[list[Metadata]]:
        """Their metadata, in pages. `bulk_root` is the URL under which bulk data are found."""
        writer = MetadataWriter()
        for page in _pages_of(instances):
            held = {each.id: each for each in page}
            corrections = await self.corrections_of(page)
            rows = await self.rows(Statement(_METADATA, [list(held)]))
            answer = []
            for number, identity, before, patient, after, is_whole in rows:
                stored = held[number]
                prefix = f"{bulk_root}{stored.path}/bulkdata/"
                json = writer.write(
                    stored.identity_id,
                    (before, identity, patient, after),
                    corrections.get(stored.id, ()),
                    prefix.encode(),
                )
                answer.append(Metadata(stored, json if is_whole else None))
            yield answer

    async def identity_json(self, stored: Stored) -> bytes:
        """Who the patient is, as sent: members of DICOM JSON."""
        rows = await self.rows(Statement(_IDENTITY, [stored.identity_id]))
        json: bytes = rows[0][0]
        return json

    async def owned_by_others(self, instances: Sequence[Stored], trust: str) -> list[Stored]:
        """Those of the instances that do not belong to that trust."""
        identities = list({each.identity_id for each in instances})
        foreign = {number for (number,) in await self.rows(Statement(_FOREIGN, [identities, trust]))}
        return [each for each in instances if each.identity_id in foreign]

    async def whose(self, instances: Sequence[Stored]) -> AsyncIterator[list[Whose]]:
        """Whose they are, in pages."""
        for start in range(0, len(instances), PAGE):
            ids = [each.id for each in instances[start : start + PAGE]]
            rows = await self.rows(Statement(_WHOSE, [ids]))
            yield [Whose(number, trust, read_members(*json)) for number, trust, *json in rows]

    async def image_pixel(self, stored: Stored) -> ImagePixel:
        """How its frames are laid out, as its header says. Raises Unreadable."""
        rows = await self.rows(Statement(_JSON_AFTER, [stored.id]))
        return of_members(read_members(rows[0][0]))

    async def frames(self, resource: Resource, numbers: Sequence[int]) -> FrameRanges:
        """Where frames lie, numbered from one: in constant time, however many there are."""
        rows = await self.rows(Statement(_FRAMES, [list(numbers), *resource.uids]))
        if not rows:
            raise NotHeld(str(resource))
        entries, *of_stored = rows[0]
        return _placed(Stored(*of_stored), entries, numbers)

    async def frames_of(self, stored: Stored, numbers: Sequence[int]) -> FrameRanges:
        """The same of an instance that is known: where native ones lie was told with it."""
        if stored.native is not None:
            return _placed(stored, (), numbers)
        return await self.frames(Resource(stored.study_uid, stored.series_uid, stored.uid), numbers)

    async def corrections_of(self, instances: Sequence[Stored]) -> dict[int, tuple[Correction, ...]]:
        """The corrections in force, by instance; those without any are left out."""
        corrected = [each for each in instances if each.corrected_by]
        if not corrected:
            return {}
        by_study = await self._corrections(
            {each.study_id for each in corrected}, [each.id for each in corrected]
        )
        return {
            each.id: those_of(by_study.get(each.study_id, ()), each.identity_id, each.id)
            for each in corrected
        }

    async def rows(self, statement: Statement) -> list[Row]:
        """What a statement answers. A connection that broke meanwhile is replaced once."""
        try:
            try:
                return await self._execute(statement)
            except psycopg.OperationalError as error:
                if isinstance(error, PoolTimeout) or not _is_broken(error):
                    raise
                await self.pool.check()
                return await self._execute(statement)
        except psycopg.DataError as error:
            raise BadQuery("a key holds what the index cannot compare") from error
        except psycopg.Error as error:
            raise IndexUnavailable(f"the database does not answer: {type(error).__name__}") from error

    async def _execute(self, statement: Statement) -> list[Row]:
        async with self.pool.connection() as connection:
            prepare = False if statement.depends_on_values else None
            cursor = await connection.execute(statement.text, statement.values, prepare=prepare, binary=True)
            return await cursor.fetchall()

    async def _corrections(
        self, study_ids: set[int], instance_ids: Sequence[int]
    ) -> dict[int, list[Correction]]:
        by_study: dict[int, list[Correction]] = {}
        rows = await self.rows(Statement(_CORRECTIONS, [list(instance_ids), list(study_ids)]))
        for study_id, *rest in rows:
            by_study.setdefault(study_id, []).append(in_force(rest))
        return by_study

    async def _pages(self, query: Query, ids: list[int]) -> AsyncIterator[list[Found]]:
        answering = plan(query)
        for start in range(0, len(ids), PAGE):
            yield await self._found(query, await self.rows(answering.rows_of(ids[start : start + PAGE])))

    async def _found(self, query: Query, rows: list[Row]) -> list[Found]:
        named = [FoundRow.of(row) for row in rows]
        corrected = {each.study_id for each in named if each.is_corrected}
        shown = await self._shown_as(query.level, named) if corrected else {}
        corrections = await self._corrections(corrected, list(shown.values())) if corrected else {}
        wanted = wanted_by(query)

        def corrections_of(row: FoundRow) -> tuple[Correction, ...]:
            in_force = corrections.get(row.study_id, ())
            return those_of(in_force, row.identity_id, shown.get(_whole(query.level, row)))

        return [
            found(query.level, row, wanted, corrections_of(row) if row.is_corrected else ()) for row in named
        ]

    async def _shown_as(self, level: Level, rows: Sequence[FoundRow]) -> dict[int | str | None, int]:
        """The instance whose single corrections each row shows, by what the row is about."""
        about = list({_whole(level, row) for row in rows if row.is_corrected})
        return dict(await self.rows(Statement(_SHOWN_AS[level], [about])))


def _whole(level: Level, row: FoundRow) -> int | str | None:
    """What a row is about: a patient or a study under one identity, a series, or an instance."""
    match level:
        case Level.PATIENT | Level.STUDY:
            return row.identity_id
        case Level.SERIES:
            return row.series_uid
        case Level.INSTANCE:
            return str(row.last[0])


def _pages_of(instances: Sequence[Stored]) -> list[list[Stored]]:
    pages: list[list[Stored]] = []
    size = METADATA_PAGE_BYTES
    for each in instances:
        if size + each.json_bytes > METADATA_PAGE_BYTES or len(pages[-1]) >= PAGE:
            pages.append([])
            size = 0
        pages[-1].append(each)
        size += each.json_bytes
    return pages
