"""What is known of a study when resources are made of it: whose it is, and what was reported."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from exchange.fhir.identifiers import Assigners
from exchange.people.directory import people
from exchange.people.person import Person
from exchange.record.finding import FoundStudy
from exchange.record.reading import shared_studies
from exchange.record.study import SharedStudy
from exchange.reports.reading import reports_of
from exchange.reports.report import Report


@dataclass(frozen=True, slots=True)
class Places:
    """Addresses under which the reader reaches us."""

    fhir: str
    dicomweb: str


@dataclass(frozen=True, slots=True)
class Known:
    """A study of which something shows."""

    study: SharedStudy
    person: Person | None  # to whom it is linked
    reports: Sequence[Report]
    changed_at: datetime
    places: Places
    assigners: Assigners

    @property
    def seen(self) -> tuple[str, UUID | None]:
        """For the audit."""
        return self.study.uid, self.person.uid if self.person else None


def known_of(
    connection: Connection[Any], found: Sequence[FoundStudy], places: Places, assigners: Assigners
) -> Mapping[str, Known]:
    """Of these studies, by UID."""
    uids = [each.uid for each in found]
    studies = shared_studies(connection, uids)
    persons = people(connection, [each.person_id for each in found if each.person_id is not None])
    reports = reports_of(connection, uids)
    return {
        each.uid: Known(
            studies[each.uid],
            persons.get(each.person_id) if each.person_id is not None else None,
            reports.get(each.uid, ()),
            each.changed_at,
            places,
            assigners,
        )
        for each in found
        if each.uid in studies
    }
