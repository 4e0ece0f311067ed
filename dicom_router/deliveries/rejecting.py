"""The rejection note before a study that is sent again: for destinations whose entry asks for one.

It names what the destination has taken, and the patient as it was told them. Its bytes lie in the object
store for as long as it is being sent: it is no instance of the archive, which would obey it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg import Connection
from psycopg_pool import ConnectionPool

from dicom_router.deliveries.claims import Claimed
from exchange.destinations import Entry, OnCorrection
from exchange.linking.as_told import as_told
from exchange.linking.copies import UNSURE
from exchange.linking.rejection import Rejection, Taken, note_of
from exchange.registry import PostgresRegistry
from storage.driver_errors import mapped_errors
from storage.elements import EXPLICIT_LITTLE
from storage.frames import Form
from storage.keys import fresh_key
from storage.leaving import Leaving
from storage.objects import ObjectStore
from storage.part10 import read_meta
from storage.rejection_notes import KEY_OBJECT_SELECTION
from storage.stored import Stored

# Nothing of this round was taken yet: after that, a note would hide it again.
_BEARS = """
    select c.bears from delivery d join renamed_copy c on c.study_uid = d.study_uid
        and c.destination = d.destination and c.round = d.round
    where d.id = %s and not exists (select from forwarded f where f.delivery_id = d.id)
"""
_TAKEN = """
    select distinct r.uid, n.sop_class, n.uid from delivery d join forwarded f on f.delivery_id = d.id
    join instance n on n.id = f.instance_id join series r on r.id = n.series_id
    where d.study_uid = %s and d.destination = %s order by 1, 3
"""


@dataclass(frozen=True, slots=True)
class Rejecting:
    """Makes the notes. Raises IndexUnavailable and what the object store raises."""

    pool: ConnectionPool
    objects: ObjectStore
    registry: PostgresRegistry

    @contextmanager
    def note(self, entry: Entry, claimed: Claimed) -> Iterator[Leaving | None]:
        """What is to be sent before a delivery; None where nothing is."""
        if entry.on_correction is not OnCorrection.REJECT_AND_RESEND:
            yield None
            return
        with mapped_errors(), self.pool.connection() as connection:
            rejection = self._rejection(connection, entry, claimed)
        if rejection is None:
            yield None
            return
        file = note_of(rejection)
        key = fresh_key(datetime.now(UTC))
        self.objects.put(key, [file])
        try:
            yield Leaving(_stored(rejection, key, file))
        finally:
            self.objects.delete(key)

    def _rejection(self, connection: Connection[Any], entry: Entry, claimed: Claimed) -> Rejection | None:
        row = connection.execute(_BEARS, (claimed.id,)).fetchone()
        taken = connection.execute(_TAKEN, (claimed.study_uid, entry.name)).fetchall()
        if row is None or not taken:
            return None
        bears = row[0].strip(UNSURE)
        told = as_told(connection, claimed.study_uid, bears, entry.trust, self.registry.trusts())
        if not told:
            return None
        return Rejection(
            claimed.id, claimed.study_uid, told[0].members, [Taken(*each) for each in taken],
            datetime.now(UTC),
        )  # fmt: skip


def _stored(rejection: Rejection, key: str, file: bytes) -> Stored:
    """As an instance that leaves is described."""
    return Stored(
        id=0, study_id=0, identity_id=0, study_uid=rejection.study_uid, series_uid=rejection.series_uid,
        uid=rejection.uid, sop_class=KEY_OBJECT_SELECTION, key=key, size=len(file),
        data_offset=read_meta(file).data_offset, transfer_syntax=EXPLICIT_LITTLE, frame_count=0,
        frame_form=Form.NONE, json_bytes=0, is_contested=False, digest=b"", corrected_by=[],
    )  # fmt: skip
