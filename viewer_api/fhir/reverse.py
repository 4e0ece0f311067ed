"""What refers to the people whom a search found, sent with them (FHIR R4 §3.1.1.5.4 `_revinclude`)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import UUID

from psycopg import Connection

from exchange.fhir.service_request import as_service_request
from exchange.people.person import Person
from exchange.record.finding import any_of, find, of_people
from exchange.record.orders import find_orders, of_person
from storage.driver_errors import mapped_errors
from viewer_api.fhir.answers import Made
from viewer_api.fhir.diagnostic_report import DIAGNOSTIC_REPORTS
from viewer_api.fhir.disclosing import may_see
from viewer_api.fhir.document_reference import DOCUMENT_REFERENCES
from viewer_api.fhir.imaging_study import IMAGING_STUDIES
from viewer_api.fhir.known import ONE_MOMENT, Places, known_of
from viewer_api.fhir.outcomes import Refused
from viewer_api.fhir.service_request import SERVICE_REQUEST
from viewer_api.fhir.studies import INSTANCES_LIMIT
from viewer_api.fhir.study_routes import StudyKind, assigners_of
from viewer_api.parts import Working
from viewer_api.readers import Reader

_KINDS: Mapping[str, StudyKind] = {
    each.resource.type: each for each in (IMAGING_STUDIES, DIAGNOSTIC_REPORTS, DOCUMENT_REFERENCES)
}
#: Studies of all people of a page, and their orders: whoever has more is asked for by themselves.
STUDIES_LIMIT, ORDERS_LIMIT = 500, 500


@dataclass(frozen=True, slots=True)
class Included:
    """What goes with a page, and whose it is, for the audit."""

    made: Sequence[Made] = ()
    seen: Sequence[tuple[str | None, UUID | None]] = ()


@dataclass(frozen=True, slots=True)
class ReverseDesk:
    """What is asked in threads."""

    work: Working
    places: Places

    def of_people(self, reader: Reader, whom: Sequence[Person], names: Sequence[str]) -> Included:
        """Of these people, as far as the reader may see it. Raises Refused where it is too much."""
        types = {each.partition(":")[0] for each in names}
        with mapped_errors(), self.work.desk.pool.connection() as connection:
            connection.execute(ONE_MOMENT)
            studies = self._studies(connection, reader, whom, types & _KINDS.keys())
            orders = self._orders(connection, reader, whom) if SERVICE_REQUEST.type in types else Included()
        return Included([*studies.made, *orders.made], [*studies.seen, *orders.seen])

    def _studies(
        self, connection: Connection[Any], reader: Reader, whom: Sequence[Person], types: Collection[str]
    ) -> Included:
        if not (types and whom):
            return Included()
        found = find(connection, [of_people([each.id for each in whom])], STUDIES_LIMIT + 1)
        if len(found) > STUDIES_LIMIT or sum(each.instance_count for each in found) > INSTANCES_LIMIT:
            raise _too_much("studies")
        known = known_of(connection, found, self.places, assigners_of(self.work))
        shown = [each for each in known.values() if may_see(reader, *each.seen)]
        made = [one for type in sorted(types) for each in shown for one in _KINDS[type].make(each)]
        return Included(made, [each.seen for each in shown])

    def _orders(self, connection: Connection[Any], reader: Reader, whom: Sequence[Person]) -> Included:
        found = find_orders(connection, [any_of([of_person(each) for each in whom])], ORDERS_LIMIT + 1)
        if len(found) > ORDERS_LIMIT:
            raise _too_much("orders")
        assigners, ids = assigners_of(self.work), {each.id for each in whom}
        made, seen = [], []
        for each in found:
            subject = (each.placed.order.study_uid, each.person.uid if each.person else None)
            if each.person and each.person.id in ids and may_see(reader, *subject):
                made.append(Made(as_service_request(each.placed, each.person, assigners), each.changed_at))
                seen.append(subject)
        return Included(made, seen)


def _too_much(what: str) -> Refused:
    why = f"_revinclude: these people have too many {what}: ask with a smaller _count, or for each"
    return Refused(HTTPStatus.BAD_REQUEST, "too-costly", why)
