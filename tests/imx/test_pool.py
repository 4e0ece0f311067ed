"""The pool of database connections when the database comes and goes."""

import psycopg
import pytest

from imx.wiring import open_pool


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


def test_a_database_that_is_away_is_no_reason_not_to_start() -> None:
    with open_pool("host=/nowhere dbname=imx", 2) as pool:
        pool.timeout = 0.2
        with pytest.raises(psycopg.OperationalError), pool.connection():
            pass
