"""What is known of a study when resources are made of it: whose it is, and what was reported."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from exchange.fhir.identifiers import Assigners
from exchange.manifests.manifest import Here
from exchange.orders import Placed
from exchange.people.directory import people
from exchange.people.person import Person
from exchange.record.finding import FoundStudy
from exchange.record.ordered import orders_of
from exchange.record.reading import shared_studies
from exchange.record.study import SharedStudy
from exchange.reports.reading import reports_of
from exchange.reports.report import Report
from exchange.trusts import Trust

#: All that one answer says is of one moment: no study is shown beside whom it was of before.
ONE_MOMENT = "set transaction isolation level repeatable read, read only"


@dataclass(frozen=True, slots=True)
class Places:
    """Addresses under which the reader reaches us."""

    root: str  # scheme and host
    fhir: str
    dicomweb: str
    ae_title: str

    @property
    def here(self) -> Here:
        """As manifests are made of it."""
        return Here(self.root, self.ae_title)


@dataclass(frozen=True, slots=True)
class Known:
    """A study of which something shows."""

    study: SharedStudy
    person: Person | None  # to whom it is linked
    reports: Sequence[Report]
    orders: Sequence[Placed]  # that it answers
    holder: Trust  # whose it is
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
    orders = orders_of(connection, uids)
    holders = {each.ods_code: each for each in assigners.values()}
    return {
        each.uid: Known(
            studies[each.uid],
            persons.get(each.person_id) if each.person_id is not None else None,
            reports.get(each.uid, ()),
            orders.get(each.uid, ()),
            holders.get(studies[each.uid].trust) or _unknown(studies[each.uid].trust),
            each.changed_at,
            places,
            assigners,
        )
        for each in found
        if each.uid in studies
    }


def _unknown(ods_code: str) -> Trust:
    """One that the registry lost, by its code alone."""
    return Trust(ods_code, ods_code, ods_code)
