"""What a merge of two numbers, or its undoing, would do to studies: done, looked at, and rolled back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg import Connection

from exchange.linking.copies import copies_of, opened_by
from exchange.linking.link import LinkState
from exchange.linking.linker import look_again, take_turn
from exchange.linking.links import link_of, studies_of
from exchange.linking.merging import apply_merges, studies_named
from exchange.people.directory import person, person_known_as
from exchange.people.merges import reaching
from exchange.people.person import Identifier, Said
from exchange.people.statements import Relation, names
from exchange.people.telling import tell


@dataclass(frozen=True, slots=True)
class Stand:
    """How a study is named and linked."""

    numbers: tuple[Identifier, ...]
    state: LinkState | None
    person: Identifier | None  # whose it is, by the number that stands for them


@dataclass(frozen=True, slots=True)
class Moved:
    """A study, before and after."""

    study_uid: str
    before: Stand
    after: Stand
    destinations: tuple[str, ...]  # that hold it as it is
    opened_by: tuple[str, ...]  # who saw it as it is

    @property
    def is_moved(self) -> bool:
        """Whether anything changes."""
        return self.before != self.after


def preview_of(connection: Connection[Any], relation: Relation) -> Sequence[Moved]:
    """The studies that it would rename or link to somebody else. Nothing is kept of it."""
    before: dict[str, Stand] = {}
    after: dict[str, Stand] = {}
    with connection.transaction(force_rollback=True):
        take_turn(connection)
        numbers = reaching(connection, names(relation))
        people = [known.id for each in numbers if (known := person_known_as(connection, each)) is not None]
        studies = {uid for id in set(people) for uid in studies_of(connection, id)}
        studies |= set(studies_named(connection, numbers))
        before = {uid: _stand(connection, uid) for uid in sorted(studies)}
        tell(connection, relation, Said(datetime.now(UTC), "preview"))
        for uid in sorted(studies):
            apply_merges(connection, uid)
        look_again(connection, studies)
        after = {uid: _stand(connection, uid) for uid in sorted(studies)}
    found = [
        Moved(
            uid,
            before[uid],
            after[uid],
            tuple(each.destination for each in copies_of(connection, uid)),
            tuple(dict.fromkeys(each.name for each in opened_by(connection, uid))),
        )
        for uid in before
    ]
    return [each for each in found if each.is_moved]


def _stand(connection: Connection[Any], study_uid: str) -> Stand:
    rows = connection.execute(
        "select distinct p.identifier, p.issuer from identity d join patient p on p.id = d.patient_id"
        " join study s on s.id = d.study_id where s.uid = %s order by 1, 2",
        (study_uid,),
    ).fetchall()
    link = link_of(connection, study_uid)
    linked = link.decided.person_id if link else None
    whose = person(connection, linked) if linked is not None else None
    return Stand(
        tuple(Identifier(*row) for row in rows),
        link.decided.state if link else None,
        whose.identifier if whose else None,
    )
