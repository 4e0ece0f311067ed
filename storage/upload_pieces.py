"""The bytes of uploads: objects of their own, each named by a row that was there before it."""

from collections.abc import Iterable
from uuid import UUID

from psycopg_pool import ConnectionPool

from storage.driver_errors import mapped_errors
from storage.objects import ObjectStore
from storage.upload import Piece

#: A row whose piece has not come by then never gets one.
STALE = "1 day"


def pieces_of(pool: ConnectionPool, number: UUID) -> list[Piece]:
    """Those that count, in the order of the file."""
    with mapped_errors(), pool.connection() as connection:
        rows = connection.execute(
            "select key, size from upload_piece where upload = %s and size is not null order by start",
            (number,),
        ).fetchall()
    return [Piece(*row) for row in rows]


def forget(pool: ConnectionPool, objects: ObjectStore, keys: Iterable[str]) -> None:
    """The object first: one whose row is gone would have to wait for the sweep. Raises Unavailable."""
    for key in keys:
        objects.delete(key)
        with mapped_errors(), pool.connection() as connection:
            connection.execute("delete from upload_piece where key = %s", (key,))


def forget_stale(pool: ConnectionPool, objects: ObjectStore) -> None:
    """What somebody began to write and never ended. Raises Unavailable."""
    with mapped_errors(), pool.connection() as connection:
        rows = connection.execute(
            f"select key from upload_piece where size is null and created_at < now() - interval '{STALE}'"
        ).fetchall()
    forget(pool, objects, [key for (key,) in rows])


def forget_all(pool: ConnectionPool, objects: ObjectStore, number: UUID) -> None:
    """The bytes of an upload; and its row, where it was removed. Raises Unavailable."""
    with mapped_errors(), pool.connection() as connection:
        rows = connection.execute("select key from upload_piece where upload = %s", (number,)).fetchall()
    forget(pool, objects, [key for (key,) in rows])
    with mapped_errors(), pool.connection() as connection:
        connection.execute(
            "delete from upload where id = %s and state = 'removed'"
            " and not exists (select from upload_piece where upload = upload.id)",
            (number,),
        )
