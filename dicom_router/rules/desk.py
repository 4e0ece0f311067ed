"""What people do about routing: look at the rules in force, change them, see what waits, send it on."""

from dataclasses import dataclass
from datetime import datetime

from psycopg_pool import ConnectionPool

from dicom_router.rules.book import RuleBook, Version
from dicom_router.rules.held import gathering, standing_of
from exchange.custody import is_of_trust
from storage.driver_errors import mapped_errors
from storage.errors import NotHeld


@dataclass(frozen=True, slots=True)
class Waiting:
    """A study that is not sent yet."""

    study_uid: str
    destination: str  # "" where the rules could not be asked
    rules: tuple[str, ...]
    since: datetime
    because: str
    needs_person: bool


class NothingWaits(NotHeld):
    """Nothing of that study waits to be sent."""

    def __init__(self, study_uid: str) -> None:
        super().__init__(f"anything of study {study_uid} that waits to be sent")


@dataclass(frozen=True, slots=True)
class RuleDesk:
    """Every verb raises IndexUnavailable."""

    pool: ConnectionPool

    def in_force(self) -> Version | None:
        """The newest rule file; None before the first was loaded."""
        return RuleBook(self.pool).in_force()

    def load(self, text: str, loaded_by: str) -> Version:
        """Put a rule file in force. Raises RulesWrong, and then those in force stay."""
        return RuleBook(self.pool).load(text, loaded_by)

    def waiting(self, trust: str | None = None) -> list[Waiting]:
        """What came first at first; of one trust's studies, or of all."""
        with mapped_errors(), self.pool.connection() as connection:
            found = [
                (each, standing_of(connection, each))
                for each in gathering(connection)
                if is_of_trust(connection, each.study_uid, trust)
            ]
        return [
            Waiting(
                held.study_uid,
                held.destination,
                held.wish.rules,
                held.opened_at,
                standing.because,
                held.needs_person,
            )
            for held, standing in found
            if not standing.is_complete
        ]

    def release(self, study_uid: str, released_by: str, trust: str | None = None) -> int:
        """Send on what waits of a study, as it is; to how many destinations. Raises NothingWaits, for another
        trust's too.

        So it is with what was ordered before the study came in doubt, and was not sent since.
        """
        with mapped_errors(), self.pool.connection() as connection:
            if not is_of_trust(connection, study_uid, trust):
                raise NothingWaits(study_uid)
            released = connection.execute(
                "update routing r set released_at = now(), released_by = %s where (state = 'gathering'"
                " or exists (select from delivery d where d.study_uid = %s and d.destination = r.destination"
                " and d.state = 'waiting' and is_in_doubt(d.study_uid, d.destination)))"
                " and released_at is null and study_id = (select id from study where uid = %s)",
                (released_by, study_uid, study_uid),
            ).rowcount
        if not released:
            raise NothingWaits(study_uid)
        return released
