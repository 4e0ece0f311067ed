"""Corrections that say whose a study is, recorded and taken back: whoever decides, by the same two verbs."""

from typing import Any

from psycopg import Connection

from storage import correcting
from storage.correcting import NewCorrection, NoSuchCorrection


def rename(connection: Connection[Any], new: NewCorrection, review_id: int | None) -> int:
    """Put one in force; its number. `review_id` is the decision of a person that it belongs to."""
    number = correcting.record(connection, new)
    connection.execute(
        "insert into identity_correction (correction_id, review_id) values (%s, %s)", (number, review_id)
    )
    return number


def take_back(connection: Connection[Any], correction_id: int, by: str) -> None:
    """Out of force, whoever else undid it before."""
    try:
        correcting.undo(connection, correction_id, by)
    except NoSuchCorrection:
        return
