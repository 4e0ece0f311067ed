"""The studies that the benchmark makes are studies: every search that it times finds what it should."""

import asyncio

import psycopg

from benchmarks.many_studies import PER_DAY, Case, cases, fill
from storage.archive import Archive
from storage.connecting import open_pool
from storage.query import Level
from viewer_api.search_keys import parse_query

STUDIES = 4 * PER_DAY


def test_what_is_made_is_found(database: str) -> None:
    fill(database, STUDIES // 2)
    fill(database, STUDIES)  # it goes on where it was

    asked = cases(STUDIES)
    found = asyncio.run(_found(database, asked))

    exact = {"patient", "accession", "study UID", "newest 100", "day and modality", "a common name"}
    assert {case.name for case in asked} >= exact
    for case, matches in zip(asked, found, strict=True):
        if case.name in exact:
            assert matches, case.name
    with psycopg.connect(database) as connection:
        counts = "select count(*), (select count(*) from series), (select max(id) from study) from study"
        assert connection.execute(counts).fetchone() == (STUDIES, 2 * STUDIES, STUDIES)


async def _found(database: str, asked: list[Case]) -> list[int]:
    async with open_pool(database, 2, 10) as pool:
        archive = Archive(pool)
        answers = [await archive.search(parse_query(Level.STUDY, each.keys.items(), {})) for each in asked]
        return [sum([len(page) async for page in answer.pages]) for answer in answers]
