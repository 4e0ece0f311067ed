import psycopg
import pytest

from tests.storage.material import instance
from tests.storage.shelf import Shelf

_AUDIT = (
    "insert into audit (actor_kind, actor, trust, address, action, purpose, outcome, because)"
    " values ('peer', 'CT1', 'RBN', '10.0.0.1', 'store', 'TREAT', 'allowed', 'its entry')"
)


@pytest.mark.parametrize("table", ["audit", "arrival"])
@pytest.mark.parametrize(
    "change",
    ["update {table} set because = 'never'", "delete from {table}", "truncate {table} cascade",
     "delete from {table} where false"],
)  # fmt: skip
def test_rows_are_added_and_never_changed(shelf: Shelf, table: str, change: str) -> None:
    shelf.send(instance())
    with shelf.pool.connection() as connection:
        connection.execute(_AUDIT)
    before = shelf.rows(f"select * from {table}")
    with (
        pytest.raises(psycopg.errors.RestrictViolation, match="never changed"),
        shelf.pool.connection() as connection,
    ):
        connection.execute(change.format(table=table))

    assert shelf.rows(f"select * from {table}") == before


def test_an_audit_row_says_allowed_or_refused(shelf: Shelf) -> None:
    with pytest.raises(psycopg.errors.CheckViolation), shelf.pool.connection() as connection:
        connection.execute(_AUDIT.replace("'allowed'", "'perhaps'"))
