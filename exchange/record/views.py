"""The record's default views, in the database: one an audience as it stands, and every one there was."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from exchange.record.view import Audience, KeptView, View, view_as_json, view_from
from storage.errors import AlreadyDecided

_COLUMNS = "audience, content, version, changed_at, changed_by"


@dataclass(frozen=True, slots=True)
class Change:
    """Who put which view in force, and when."""

    audience: Audience
    version: int
    at: datetime
    by: str
    view: View


def views(connection: Connection[Any]) -> Sequence[KeptView]:
    """All, in the order of Audience."""
    rows = connection.execute(f"select {_COLUMNS} from record_view").fetchall()
    found = [_kept(row) for row in rows]
    return sorted(found, key=lambda each: list(Audience).index(each.audience))


def view_for(connection: Connection[Any], audience: Audience) -> KeptView:
    """The one in force."""
    row = connection.execute(
        f"select {_COLUMNS} from record_view where audience = %s", (audience.value,)
    ).fetchone()
    assert row is not None  # a migration put it there, and nobody can take it away
    return _kept(row)


def change_view(
    connection: Connection[Any], audience: Audience, view: View, version: int, by: str
) -> KeptView:
    """Put a view in force over the one that its editor saw. Raises AlreadyDecided."""
    row = connection.execute(
        "update record_view set content = %s, version = version + 1, changed_at = now(), changed_by = %s"
        f" where audience = %s and version = %s returning {_COLUMNS}",
        (Jsonb(view_as_json(view)), by, audience.value, version),
    ).fetchone()
    if row is None:
        raise AlreadyDecided("somebody changed this view since you opened it: look at theirs first")
    return _kept(row)


def changes(connection: Connection[Any], audience: Audience | None = None) -> Sequence[Change]:
    """The last first."""
    rows = connection.execute(
        "select audience, version, changed_at, changed_by, content from record_view_change"
        " where %(audience)s::text is null or audience = %(audience)s order by id desc limit 200",
        {"audience": audience.value if audience else None},
    ).fetchall()
    return [
        Change(Audience(who), version, at, by, view_from(content)) for who, version, at, by, content in rows
    ]


def _kept(row: tuple[Any, ...]) -> KeptView:
    audience, content, version, at, by = row
    return KeptView(Audience(audience), view_from(content), version, at, by)
