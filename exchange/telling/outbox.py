"""What the record is still to hear of: a row in the transaction of whatever changed."""

from collections.abc import Iterable
from enum import Enum
from typing import Any

from psycopg import Connection


class Because(Enum):
    """What changed of a study."""

    LINKED = "linked"  # to somebody, or to somebody else
    UNLINKED = "unlinked"
    CONTENT = "content"  # instances came, went or moved
    CORRECTED = "corrected"
    REPORT = "report"
    PERSON = "person"  # what the directory says of whose it is
    ORDER = "order"
    REPLAYED = "replayed"  # a person asked for it to be told again


def note(connection: Connection[Any], study_uids: Iterable[str], because: Because) -> None:
    """That the record is to hear of these studies, in the caller's transaction."""
    connection.execute(
        "insert into outbox (study_uid, because) select unnest(%s::text[]), %s",
        (sorted(set(study_uids)), because.value),
    )
