"""All that a subscriber could be told of a study, read at one moment; and whether it may be."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from exchange.linking.link import LinkState
from exchange.linking.links import link_of
from exchange.people.directory import person
from exchange.people.person import Person
from exchange.record.reading import shared_studies
from exchange.record.study import SharedStudy
from exchange.registry import trusts_of
from exchange.trusts import Trust


@dataclass(frozen=True, slots=True)
class Story:
    """A study of which something shows, and the verified person whose it is."""

    study: SharedStudy
    person: Person
    assigners: Mapping[str, Trust]  # trusts, by the issuer of their numbers


def story_of(connection: Connection[Any], study_uid: str) -> Story | None:
    """None where the record is to hold nothing of it: it is nobody's, or of nobody with a verified NHS
    number, or nothing of it shows.

    All of it is of one moment: what is read of a person is never told with the study of before.
    """
    connection.execute("set transaction isolation level repeatable read, read only")
    study = shared_studies(connection, [study_uid]).get(study_uid)
    link = link_of(connection, study_uid)
    if study is None or link is None or link.decided.state is not LinkState.LINKED:
        return None
    assert link.decided.person_id is not None
    whose = person(connection, link.decided.person_id)
    if whose is None or not whose.is_verified:
        return None
    return Story(study, whose, {each.issuer: each for each in trusts_of(connection)})
