"""What somebody looks at who asks that something be withdrawn, or decides over it: whose it is, what there is
of it, who holds a copy and who has opened it. What is hidden is shown to them too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from exchange.custody import is_of_trust
from exchange.linking.copies import Copy, Opened, copies_of, opened_by
from exchange.linking.identities import identities_of
from exchange.linking.link import StudyIdentity
from exchange.linking.links import link_of
from exchange.people.directory import people
from exchange.people.person import Person
from exchange.record.reading import kept_studies, shared_studies
from exchange.record.study import SharedStudy
from storage.errors import NotHeld


@dataclass(frozen=True, slots=True)
class Looked:
    """A study, with what is hidden of it."""

    study: SharedStudy
    shown: int  # of its instances, those that anybody can see
    names: tuple[StudyIdentity, ...]  # whom it names; several where its instances disagree
    person: Person | None  # to whom it is linked
    copies: Sequence[Copy]  # destinations that were sent any of it
    opened: Sequence[Opened]


def look_at(connection: Connection[Any], study_uid: str, trust: str | None) -> Looked:
    """Raises NotHeld, for a study that is another trust's too."""
    study = kept_studies(connection, [study_uid]).get(study_uid)
    if study is None or not is_of_trust(connection, study_uid, trust):
        raise NotHeld(f"study {study_uid}")
    link = link_of(connection, study_uid)
    linked = link.decided.person_id if link else None
    shown = shared_studies(connection, [study_uid]).get(study_uid)
    return Looked(
        study,
        shown.instance_count if shown else 0,
        tuple(dict.fromkeys(identities_of(connection, study_uid))),
        people(connection, [linked]).get(linked) if linked is not None else None,
        copies_of(connection, study_uid),
        opened_by(connection, study_uid),
    )
