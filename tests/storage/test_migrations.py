from concurrent.futures import ThreadPoolExecutor

import psycopg
from psycopg.conninfo import make_conninfo

from storage.migrations import files, migrate
from tests.storage.schema import GOLDEN, dumped


def test_the_migrations_end_in_the_schema_that_is_committed(database: str) -> None:
    """Where they should not: `.venv/bin/python -m tests.storage.schema`, and look at the difference."""
    assert dumped(database) == GOLDEN.read_text()


def test_they_are_numbered_without_gaps() -> None:
    assert [name.split("_")[0] for name, _ in files()] == [f"{n:04}" for n in range(1, len(files()) + 1)]


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


def test_a_database_that_moved_opens_a_new_epoch(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("update feed set system_identifier = 1, opened_at = '2020-01-01'")
    migrate(database)

    with psycopg.connect(database) as connection:
        row = connection.execute("select epoch, opened_at > '2021-01-01' from feed").fetchone()
    assert row == (2, True)
