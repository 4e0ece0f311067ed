"""An archive that is told by HL7 v2 ADT of patients whose numbers or details were corrected.

Each message goes once for all the copies that it makes right. It may go twice where nobody heard its answer:
an A08 changes nothing then, and of an A40 some archives say that the number is gone already (AE), which a
person looks at.
"""

from collections.abc import Callable
from uuid import uuid4

from psycopg_pool import ConnectionPool

from exchange.linking.adt_copies import announced, decide_anew, to_announce
from exchange.linking.announcing import Announcement, CannotBeSaid
from exchange.telling.adt_messages import adt
from exchange.telling.hl7 import acknowledged
from exchange.telling.mllp import Mllp
from exchange.telling.subscriber import Subscriber
from exchange.telling.thing import Act
from storage.driver_errors import mapped_errors

#: MSH-4: who sends, whichever trust the number is of.
FACILITY = "IMX"


class AdtReceiver:
    """One of them, spoken to by one thread."""

    def __init__(self, subscriber: Subscriber, mllp: Mllp) -> None:
        self._subscriber, self._mllp = subscriber, mllp

    def tell(self, pool: ConnectionPool, study_uid: str, renew: Callable[[], object]) -> None:
        """All that makes its copies of a study right. Raises NotHeard, Refused, and what `renew` does."""
        name = self._subscriber.name
        with mapped_errors(), pool.connection() as connection:
            try:
                wanted = to_announce(connection, name, study_uid)
            except CannotBeSaid:
                decide_anew(connection, study_uid)
                return
        for says, said in wanted.items():
            for each in said:
                renew()
                self._send(each)
            told_as = ", ".join(dict.fromkeys(f"ADT^{each.trigger.value}" for each in said))
            with mapped_errors(), pool.connection() as connection:
                for study, destination in announced(connection, name, says, told_as):
                    for each in said:
                        connection.execute(
                            "insert into told (subscriber, study_uid, thing, act, person)"
                            " values (%s, %s, %s, %s, %s)",
                            (
                                name, study, f"ADT^{each.trigger.value} for {destination}",
                                Act.REPLACE.value, each.person.uid,
                            ),
                        )  # fmt: skip

    def close(self) -> None:
        """Hang up."""
        self._mllp.close()

    def _send(self, said: Announcement) -> None:
        control_id, manner = uuid4().hex[:20], self._subscriber.manner
        receiver = (manner.application, manner.facility)
        acknowledged(self._mllp.send(adt(said, FACILITY, receiver, control_id), control_id))
