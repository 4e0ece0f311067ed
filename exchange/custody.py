"""Whose a study is: of every trust that sent anything of it that is kept."""

from typing import Any, LiteralString

from psycopg import Connection

#: Whether a study is a trust's, where `s.uid` is its UID. Both marks are the trust; null for whoever is of
#: no one trust.
OF_TRUST: LiteralString = """(%s::text is null or exists (
    select from study t join series r on r.study_id = t.id join instance n on n.series_id = r.id
    join object o on o.id = n.object_id where t.uid = s.uid and o.trust = %s))"""


def is_of_trust(connection: Connection[Any], study_uid: str, trust: str | None) -> bool:
    """Whether somebody of that trust may see to it; None: of no one trust."""
    row = connection.execute(
        f"select from (select %s::text as uid) s where {OF_TRUST}", (study_uid, trust, trust)
    ).fetchone()
    return row is not None
