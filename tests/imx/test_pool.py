"""The pool of database connections when the database comes and goes."""

from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from imx.pool import open_pool
from storage.elements import EXPLICIT_LITTLE
from storage.errors import Unavailable
from storage.files import FileObjects
from storage.index import PostgresIndex
from storage.ingest import Incoming, Ingest
from storage.origin import Origin
from storage.receipt import Outcome
from storage.staging import StagedObjects
from tests.viewer_api.material import an_image, encoded


def test_a_connection_that_the_server_closed_is_replaced_before_it_is_used(
    database: str, database_url: str
) -> None:
    with open_pool(database, 4) as pool:
        pool.wait()
        with pool.connection() as connection:
            pid = connection.info.backend_pid
        with psycopg.connect(database_url, autocommit=True) as other:
            other.execute("select pg_terminate_backend(%s, 5000)", [pid])

        with pool.connection() as connection:
            assert connection.execute("select 1").fetchone() == (1,)
            assert connection.info.backend_pid != pid


def test_the_connection_that_came_back_last_goes_out_first(database: str) -> None:
    with open_pool(database, 3) as pool:
        pool.resize(3, 3)
        pool.wait()
        first = pool.getconn()
        second = pool.getconn()
        pool.putconn(second)
        pool.putconn(first)

        for _ in range(3):
            with pool.connection() as connection:
                assert connection is first


def test_a_database_that_is_away_is_no_reason_not_to_start() -> None:
    with open_pool("host=/nowhere dbname=imx", 2) as pool:
        pool.timeout = 0.2
        with pytest.raises(psycopg.OperationalError), pool.connection():
            pass


def test_a_database_that_hangs_is_answered_for(database: str, tmp_path: Path) -> None:
    origin = Origin("CT1", "RBS", "RBS", "127.0.0.1", "IMX", datetime(2026, 1, 2, tzinfo=UTC))
    image = an_image("1.1.1.1")
    incoming = Incoming(image.SOPClassUID, image.SOPInstanceUID, EXPLICIT_LITTLE)
    content = encoded(image)
    with open_pool(database, 4, statement_s=0.5) as pool, psycopg.connect(database) as other:
        ingest = Ingest(StagedObjects(FileObjects(tmp_path, 0), pool), PostgresIndex(pool))
        other.execute("lock table instance in access exclusive mode")
        with pytest.raises(Unavailable):
            ingest.accept(incoming, [content], origin)
        other.rollback()
        assert ingest.accept(incoming, [content], origin).outcome is Outcome.KEPT


@pytest.mark.parametrize("options", ["", "-c work_mem=5MB"])
def test_what_a_conninfo_sets_stays(database: str, options: str) -> None:
    with open_pool(make_conninfo(database, options=options), 1) as pool, pool.connection() as connection:
        shown = [
            connection.execute("select current_setting(%s)", [name]).fetchone()
            for name in ("statement_timeout", "lock_timeout", "work_mem")
        ]
    assert shown == [("20s",), ("10s",), ("5MB" if options else "4MB",)]


def test_commands_are_not_hurried(database: str) -> None:
    with open_pool(database, 1, statement_s=0) as pool, pool.connection() as connection:
        assert connection.execute("select current_setting('statement_timeout')").fetchone() == ("0",)
