"""Reaching the database of a set-up from a command: somebody else's, the running service's, or one of
our own that is started for as long as the command takes."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg_pool import ConnectionPool

from imx.errors import CommandFailed
from imx.folder import DataFolder
from imx.pool import open_pool
from imx.postgres.binaries import find_binaries
from imx.postgres.cluster import cluster_in
from imx.postgres.process import start
from imx.settings import Settings
from storage.migrations import migrate

#: Of a command, which may work in several threads.
CONNECTIONS = 18


@contextmanager
def reach_database(settings: Settings) -> Iterator[str]:
    """The conninfo of a database that answers, or soon will."""
    if settings.database.url is not None:
        yield settings.database.url.text
        return
    folder = DataFolder(settings.data)
    folder.create()
    binaries = find_binaries(settings.database.binaries)
    if folder.is_held():
        yield cluster_in(folder.path, binaries, settings.database.account).conninfo()
        return
    with folder.held():
        running = start(cluster_in(folder.path, binaries, settings.database.account))
        try:
            running.wait_until_ready()
            yield running.conninfo
        finally:
            running.stop()


@contextmanager
def migrated_database(settings: Settings) -> Iterator[str]:
    """The conninfo of that database, with our tables in it."""
    with reach_database(settings) as conninfo:
        try:
            migrate(conninfo)
        except psycopg.OperationalError as error:
            raise CommandFailed("the database cannot be reached: imx check says more") from error
        yield conninfo


@contextmanager
def open_database(settings: Settings) -> Iterator[ConnectionPool]:
    """Connections to that database, with our tables in it. A person waits, and may count everything."""
    with migrated_database(settings) as conninfo:
        pool = open_pool(conninfo, CONNECTIONS, statement_s=0)
        try:
            yield pool
        finally:
            pool.close()
