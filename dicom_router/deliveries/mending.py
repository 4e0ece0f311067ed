"""Copies that bear wrong names are mended: sent again, where their destination's entry or a person says so.

A delivery is how a correction reaches a destination: it applies what is in force. One more round of it sends
all of a study once more. What was chosen stands in the row before it is ordered, so that a step that is cut
orders the same round again, which changes nothing.
"""

from dataclasses import dataclass

from psycopg_pool import ConnectionPool

from dicom_router.deliveries.ordering import PostgresDeliveries
from exchange.deliveries import Priority
from exchange.linking.adt_copies import AT_ONCE, choose
from exchange.linking.copies import note_copies, see_what_was_sent
from storage.driver_errors import mapped_errors

BECAUSE = "the study's patient was corrected"

_CHOOSE = """
    update renamed_copy c set ordered_for = naming_of(c.study_uid), delivery_id = null,
        round = (select max(d.round) + 1 from delivery d
            where d.study_uid = c.study_uid and d.destination = c.destination)
    where c.settled_at is null and c.bears <> naming_of(c.study_uid)
        and c.ordered_for is distinct from naming_of(c.study_uid)
        and (c.wanted_by is not null or exists (select from destination t
            where t.name = c.destination and t.on_correction <> 'list'
            and (t.told_by is null or (c.adt_for = naming_of(c.study_uid) and c.adt_says = ''))))
"""
_TO_ORDER = """
    select c.study_uid, c.destination, c.round, coalesce(c.wanted_by, ''), last.transfer_syntax
    from renamed_copy c left join lateral (select d.transfer_syntax from delivery d
        where d.study_uid = c.study_uid and d.destination = c.destination
        order by d.id desc limit 1) last on true
    where c.settled_at is null and c.ordered_for is not null and c.delivery_id is null order by c.since
"""


@dataclass(frozen=True, slots=True)
class Mending:
    """One round of it. Raises IndexUnavailable."""

    pool: ConnectionPool
    deliveries: PostgresDeliveries

    def run(self) -> int:
        """Who was sent what is wrong now is noted, who has it right is too, and the others are sent it."""
        while self._noted():
            pass
        with mapped_errors(), self.pool.connection() as connection:
            see_what_was_sent(connection)
        while self._chosen():
            pass
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute(_CHOOSE)
            rows = connection.execute(_TO_ORDER).fetchall()
        for study_uid, destination, round, wanted_by, transfer_syntax in rows:
            number = self.deliveries.order(
                study_uid,
                destination,
                priority=Priority.HIGH,
                because=f"{wanted_by}: {BECAUSE}" if wanted_by else BECAUSE,
                round=round,
                transfer_syntax=transfer_syntax,
            )
            with mapped_errors(), self.pool.connection() as connection:
                connection.execute(
                    "update renamed_copy set delivery_id = %s where study_uid = %s and destination = %s"
                    " and round = %s",
                    (number, study_uid, destination, round),
                )
        return len(rows)

    def _chosen(self) -> bool:
        """What ADT says is for whoever tells (exchange.telling); the rest is sent again, or listed."""
        with mapped_errors(), self.pool.connection() as connection:
            return choose(connection) == AT_ONCE

    def _noted(self) -> int:
        with mapped_errors(), self.pool.connection() as connection:
            return note_copies(connection)
