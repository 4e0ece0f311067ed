"""Rejection notes that were kept, what they hide, and a person's word over them (IHE RAD TF, IOCM).

A note is in force when it is kept (storage.index), over what is its own trust's. Nothing is deleted: undone,
a note hides nothing any more, and what it hid shows as before.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from psycopg.rows import class_row
from psycopg_pool import ConnectionPool

from storage.driver_errors import mapped_errors
from storage.errors import BadInput, NotHeld
from storage.rejection_notes import TITLES


class Standing(Enum):
    """How a note stands."""

    IN_FORCE = "in force"
    TO_DECIDE = "to be decided"  # it names what is not its trust's, or lies elsewhere: that is not hidden
    ACCEPTED = "accepted"  # a person put it in force over whatever it names
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class Noted:
    """A rejection note that is kept, and what became of the instances that it names."""

    id: int
    uid: str  # SOP Instance UID of the note
    code: str
    study_uid: str  # in which the note itself is
    peer: str
    trust: str
    noted_at: datetime
    decision: str | None
    decided_by: str | None
    decided_at: datetime | None
    named: int
    hidden: int
    missing: int  # not here; hidden when they come
    foreign: int  # another trust's
    elsewhere: int  # in another study than the note says
    sent_again: int  # after their retention had expired: they show

    @property
    def title(self) -> str:
        """Why, in the standard's words."""
        return TITLES[self.code]

    @property
    def standing(self) -> Standing:
        """How it stands."""
        match self.decision:
            case "undo":
                return Standing.UNDONE
            case "accept":
                return Standing.ACCEPTED
        return Standing.TO_DECIDE if self.foreign or self.elsewhere else Standing.IN_FORCE


@dataclass(frozen=True, slots=True)
class View:
    """What notes of one title do."""

    code: str
    hides_instances: bool
    hides_note: bool
    changed_at: datetime | None
    changed_by: str | None
    settled: bool  # every study obeys

    @property
    def title(self) -> str:
        """Of the notes."""
        return TITLES[self.code]


_NOTES = """
    select t.id, t.uid, t.code, st.uid as study_uid, t.peer, t.trust, t.noted_at, t.decision, t.decided_by,
        t.decided_at, c.*
    from rejection_note t join instance n on n.id = t.instance_id join series se on se.id = n.series_id
    join study st on st.id = se.study_id
    cross join lateral (
        select count(*) as named, count(*) filter (where h.hidden) as hidden,
            count(*) filter (where h.id is null) as missing,
            count(*) filter (where ht.uid = j.study_uid and heir_of(hi.trust) <> heir_of(t.trust)) as foreign,
            count(*) filter (where ht.uid <> j.study_uid) as elsewhere, count(j.lifted_at) as sent_again
        from rejected j left join instance h on h.uid = j.uid left join identity hi on hi.id = h.identity_id
        left join study ht on ht.id = hi.study_id
        where j.note_id = t.id and not j.is_note) c
"""
_VIEWS = "select code, hides_instances, hides_note, changed_at, changed_by, settled from rejection_view"


@dataclass(frozen=True, slots=True)
class Rejections:
    """The notes and the views. Every verb raises IndexUnavailable when the database is away."""

    pool: ConnectionPool

    def notes(self, limit: int = 100, trust: str | None = None) -> list[Noted]:
        """The last ones first; those that one trust sent, where it is named."""
        return self._notes(
            "where %s::text is null or t.trust = %s order by t.id desc limit %s", trust, trust, limit
        )

    def note(self, number: int) -> Noted:
        """Raises NotHeld."""
        found = self._notes("where t.id = %s", number)
        if not found:
            raise NotHeld(f"rejection note {number}")
        return found[0]

    def undo(self, number: int, by: str) -> Noted:
        """It hides nothing any more. Raises NotHeld."""
        return self._decide(number, "undo", by)

    def accept(self, number: int, by: str) -> Noted:
        """It is in force over all that it names in the studies that it names, whoever owns them; also after
        it was undone. Raises NotHeld."""
        return self._decide(number, "accept", by)

    def views(self) -> list[View]:
        """Of all titles."""
        with (
            mapped_errors(),
            self.pool.connection() as connection,
            connection.cursor(row_factory=class_row(View)) as cursor,
        ):
            return cursor.execute(f"{_VIEWS} order by code").fetchall()

    def change_view(self, code: str, hides_instances: bool, hides_note: bool, by: str) -> View:
        """What notes of a title do from now on, in studies that are here too. Raises BadInput."""
        if code not in TITLES:
            raise BadInput(f"no title of a rejection note: {', '.join(TITLES)}")
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute(
                "update rejection_view set hides_instances = %s, hides_note = %s, changed_by = %s,"
                " changed_at = clock_timestamp(), settled = false where code = %s",
                (hides_instances, hides_note, by, code),
            )
        self.settle_views()
        return next(each for each in self.views() if each.code == code)

    def settle_views(self) -> int:
        """Make every study obey the views that were changed; how many there were.

        Stop it anywhere: the next call begins again with what is not settled, and comes to the same end.
        """
        count = 0
        for view in self.views():
            if view.settled:
                continue
            for study_uid in self._studies_of(view.code):
                with mapped_errors(), self.pool.connection() as connection:
                    connection.execute("select lock_studies(array[%s])", (study_uid,))
                    connection.execute("select settle_hidden(%s)", (study_uid,))
                count += 1
            with mapped_errors(), self.pool.connection() as connection:
                connection.execute(
                    "update rejection_view set settled = true where code = %s and changed_at = %s",
                    (view.code, view.changed_at),
                )
        return count

    def _studies_of(self, code: str) -> list[str]:
        with mapped_errors(), self.pool.connection() as connection:
            rows = connection.execute(
                "select distinct j.study_uid from rejected j join rejection_note t on t.id = j.note_id"
                " where t.code = %s",
                (code,),
            )
            return [uid for (uid,) in rows]

    def _decide(self, number: int, decision: str, by: str) -> Noted:
        self.note(number)
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute("select decide_rejection(%s, %s, %s)", (number, decision, by))
        return self.note(number)

    def _notes(self, condition: str, *values: Any) -> list[Noted]:
        with (
            mapped_errors(),
            self.pool.connection() as connection,
            connection.cursor(row_factory=class_row(Noted)) as cursor,
        ):
            return cursor.execute(_NOTES + condition, values).fetchall()
