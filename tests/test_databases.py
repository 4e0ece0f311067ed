"""A database that a test gave back is as good as new to the next, whatever was done in it."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from tests.databases import Databases


@pytest.fixture
def few(database_url: str) -> Iterator[Databases]:
    """Databases of their own template, so that the first is new."""
    yield Databases.of(database_url, "of_few")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("drop database of_few")


def content(conninfo: str) -> dict[str, object]:
    """Every row of every table, and where the numbers stand."""
    with psycopg.connect(conninfo) as connection:
        tables = connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        numbers = connection.execute("select sequencename, last_value from pg_sequences").fetchall()
        return dict(numbers) | {
            name: connection.execute(
                SQL("select to_jsonb(t)::text from {} t order by 1").format(Identifier(name))
            ).fetchall()
            for (name,) in tables
        }


def name(conninfo: str) -> object:
    return conninfo_to_dict(conninfo)["dbname"]


def oid(conninfo: str) -> int:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute("select oid from pg_database where datname = current_database()").fetchone()
    assert row is not None
    return int(row[0])


def test_rows_numbers_and_whoever_was_there_are_gone(few: Databases) -> None:
    with few.one() as first:
        new, before = content(first), oid(first)
        left = psycopg.connect(first)  # and never closed by its test
        left.execute("insert into trust (ods_code, name, issuer) values ('RBT', 'Mid Cheshire', 'RBT')")
        left.execute("update feed set epoch = 7")
        left.execute("delete from rejection_view")
        left.execute("select nextval(format('%I', sequencename)::regclass) from pg_sequences")
        left.commit()
        assert content(first) != new
    with few.one() as second:
        assert oid(second) == before
        assert name(second) != name(first)
        assert content(second) == new
        with pytest.raises(psycopg.OperationalError):
            left.execute("select 1")
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(first)


@pytest.mark.parametrize(
    "change",
    [
        "create table more (id int)",
        "drop table upload cascade",
        "alter table trust add column more int",
        "alter table trust disable trigger all",
        "create index on trust (name)",
        "do $$ begin execute format('alter database %I set work_mem = 99', current_database()); end $$",
    ],
)
def test_who_touches_the_schema_has_it_to_himself(few: Databases, change: str) -> None:
    with few.one() as first:
        before = oid(first)
        with psycopg.connect(first, autocommit=True) as connection:
            connection.execute(change)
    with few.one() as second:
        assert oid(second) != before
