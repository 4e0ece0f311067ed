"""The row of one upload, read by whoever has found or changed it."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from storage.upload import NoSuchUpload, Upload

UPLOAD_COLUMNS = (
    "id, actor, trust, issuer, address, name, metadata, length, received, state, of_case, made, done,"
    " changed, created_at, expires_at"
)


def one_upload(
    connection: Connection[Any], statement: str, values: Sequence[object] | Mapping[str, object]
) -> Upload:
    """What a statement that returns UPLOAD_COLUMNS found. Raises NoSuchUpload."""
    found = connection.cursor(row_factory=class_row(Upload)).execute(statement, values).fetchone()
    if found is None:
        raise NoSuchUpload
    return found
