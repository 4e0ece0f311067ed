from concurrent.futures import ThreadPoolExecutor

import psycopg
from psycopg.conninfo import make_conninfo

from storage.migrations import files, migrate
from storage.queue_schema import PREFIX, queue_files
from tests.storage.schema import GOLDEN, dumped


def test_the_migrations_end_in_the_schema_that_is_committed(database: str) -> None:
    """Where they should not: `.venv/bin/python -m tests.storage.schema`, and look at the difference."""
    assert dumped(database) == GOLDEN.read_text()


def test_they_are_numbered_without_gaps() -> None:
    ours = [name for name, _ in files() if not name.startswith(PREFIX)]

    assert [name.split("_")[0] for name in ours] == [f"{n:04}" for n in range(1, len(ours) + 1)]


def test_applied_again_they_do_nothing(database: str) -> None:
    assert migrate(database) == []


def test_processes_that_start_together_apply_each_once(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("create database together")
    fresh = make_conninfo(database_url, dbname="together")
    try:
        with ThreadPoolExecutor(6) as threads:
            applied = [name for names in threads.map(migrate, [fresh] * 6) for name in names]
        assert applied == [name for name, _ in files()]
    finally:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("drop database together with (force)")


def queue_in(url: str) -> list[tuple[str, ...]]:
    """The queue's columns and functions, in no order that its history would tell."""
    with psycopg.connect(url) as connection:
        return connection.execute(
            "select table_name::text, column_name::text, data_type::text from information_schema.columns"
            " where table_name like 'procrastinate%' union all"
            " select proname::text, pg_get_function_arguments(oid), prosrc from pg_proc"
            " where proname like 'procrastinate%' order by 1, 2, 3"
        ).fetchall()


def test_a_queue_of_an_earlier_version_comes_to_the_same(database: str, database_url: str) -> None:
    earlier = [(name, text) for name, text in queue_files() if name < f"{PREFIX}03.03"]
    assert 0 < len(earlier) < len(queue_files())
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("create database earlier")
    url = make_conninfo(database_url, dbname="earlier")
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("create table migration (name text primary key, applied_at timestamptz)")
            for name, text in earlier:
                connection.execute(text)
                connection.execute("insert into migration (name) values (%s)", (name,))
        migrate(url)
        assert queue_in(url) == queue_in(database)
    finally:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("drop database earlier with (force)")


def test_a_database_that_moved_opens_a_new_epoch(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("update feed set system_identifier = 1, opened_at = '2020-01-01'")
    migrate(database)

    with psycopg.connect(database) as connection:
        row = connection.execute("select epoch, opened_at > '2021-01-01' from feed").fetchone()
    assert row == (2, True)
