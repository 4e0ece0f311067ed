"""Copies that ADT makes right: which of them it can, by which messages, and that it did.

What is to be said stands in the copy's row before anything is sent, and is found anew when it is. That it is
being sent is a row of `telling`, one for each study and receiver (exchange.telling).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from exchange.linking.announcing import Announcement, CannotBeSaid, Known, announcements
from exchange.linking.as_told import AsTold, as_told
from exchange.linking.copies import UNSURE
from exchange.people.directory import people, standings
from exchange.people.merges import given_way
from exchange.people.person import Identifier, Person
from exchange.registry import trusts_of
from exchange.trusts import Trust

#: Copies looked at in one transaction.
AT_ONCE = 100

_DESTINATIONS = "join destination t on t.name = c.destination and t.told_by is not null"
_WRONG = "c.settled_at is null and c.bears <> naming_of(c.study_uid)"
_UNDECIDED = f"""
    select c.study_uid, c.destination, t.trust, c.bears, naming_of(c.study_uid), t.told_by
    from renamed_copy c {_DESTINATIONS}
    where {_WRONG} and c.adt_for is distinct from naming_of(c.study_uid)
        and not exists (select from renaming n where n.study_uid = c.study_uid and n.noted_at is null)
    order by c.since, c.study_uid, c.destination limit {AT_ONCE} for update of c skip locked
"""
_DECIDE = """
    update renamed_copy set adt_for = %s, adt_says = %s, adt_cannot = %s
    where study_uid = %s and destination = %s
"""
_TELL = """
    insert into telling as t (subscriber, study_uid, because) values (%s, %s, 'corrected')
    on conflict (subscriber, study_uid) do update set changes = t.changes + 1, because = excluded.because,
        state = 'waiting', tries = 0, due_at = least(t.due_at, now()),
        since = case when t.state = 'waiting' then t.since else now() end
"""
_TO_ANNOUNCE = f"""
    select c.study_uid, c.destination, t.trust, c.bears, naming_of(c.study_uid), t.told_by, c.adt_says
    from renamed_copy c {_DESTINATIONS}
    where {_WRONG} and t.told_by = %s and c.study_uid = %s and c.adt_says <> ''
        and c.adt_for = naming_of(c.study_uid)
    order by c.destination
"""
# All copies there that the same messages make right: they were said once for all of them.
_SETTLE = f"""
    update renamed_copy c set bears = c.adt_for, settled_at = now(), settled_by = null, because = '',
        wanted_by = null, told_as = %s
    from destination t where t.name = c.destination and t.told_by = %s and c.adt_says = %s
        and {_WRONG} and c.adt_for = naming_of(c.study_uid)
    returning c.study_uid, c.destination
"""
_STILL_BORNE = """
    select p.issuer, p.identifier from unnest(%s::text[], %s::text[]) k (issuer, value)
    join patient p on p.issuer = k.issuer and p.identifier = k.value
    where exists (select from identity i join study s on s.id = i.study_id
        join delivery d on d.study_uid = s.uid join forwarded f on f.delivery_id = d.id
        where i.patient_id = p.id and s.uid <> %s and d.destination = %s)
"""


@dataclass(frozen=True, slots=True)
class Copy:
    """One that is wrong, at a destination that is told by ADT."""

    study_uid: str
    destination: str
    trust: str  # the destination's
    bears: str  # `naming_of`, when it was sent
    naming: str  # and now
    told_by: str
    says: str = ""


def choose(connection: Connection[Any]) -> int:
    """Have those told by ADT that can be; how many copies were looked at."""
    rows = [Copy(*row) for row in connection.execute(_UNDECIDED).fetchall()]
    for each in rows:
        says, cannot = "", ""
        try:
            says = _as_text(_announcements(connection, each))
        except CannotBeSaid as error:
            cannot = str(error)
        connection.execute(_DECIDE, (each.naming, says, cannot, each.study_uid, each.destination))
        if says:
            connection.execute(_TELL, (each.told_by, each.study_uid))
    return len(rows)


def to_announce(
    connection: Connection[Any], told_by: str, study_uid: str
) -> Mapping[str, Sequence[Announcement]]:
    """What is to be said of a study now, by the text under which it was noted.

    Raises CannotBeSaid where facts changed since: it is decided anew.
    """
    found: dict[str, Sequence[Announcement]] = {}
    for each in [Copy(*row) for row in connection.execute(_TO_ANNOUNCE, (told_by, study_uid)).fetchall()]:
        said = _announcements(connection, each)
        if _as_text(said) != each.says:
            raise CannotBeSaid("what is known of the number has changed")
        found[each.says] = said
    return found


def decide_anew(connection: Connection[Any], study_uid: str) -> None:
    """Whether ADT can say it."""
    connection.execute(
        "update renamed_copy set adt_for = null, adt_says = '' where study_uid = %s and settled_at is null",
        (study_uid,),
    )


def announced(
    connection: Connection[Any], told_by: str, says: str, told_as: str
) -> Sequence[tuple[str, str]]:
    """The receiver has it: the copies that are right now, by study and destination."""
    return connection.execute(_SETTLE, (told_as, told_by, says)).fetchall()


def _announcements(connection: Connection[Any], copy: Copy) -> Sequence[Announcement]:
    """Raises CannotBeSaid."""
    if copy.bears == UNSURE:
        raise CannotBeSaid("it was on its way when the names changed: nobody knows which it bears")
    trusts = trusts_of(connection)
    receiver = next(
        (each for each in trusts if each.ods_code == copy.trust), Trust(copy.trust, "", copy.trust)
    )
    before = as_told(connection, copy.study_uid, copy.bears, receiver, trusts)
    after = as_told(connection, copy.study_uid, copy.naming, receiver, trusts)
    found = announcements(before, after, _known(connection, copy, before, after))
    if not found:
        raise CannotBeSaid("what changed is nothing that ADT says")
    return found


def _known(
    connection: Connection[Any], copy: Copy, before: Sequence[AsTold], after: Sequence[AsTold]
) -> Known:
    gone, now = {each.own for each in before}, {each.own for each in after}
    return Known(given_way(connection, gone), _people(connection, now), _still_borne(connection, copy, gone))


def _people(connection: Connection[Any], numbers: Collection[Identifier]) -> Mapping[Identifier, Person]:
    known = standings(connection, numbers)
    named = people(connection, {each.person_id for each in known.values()})
    return {number: named[each.person_id] for number, each in known.items() if each.person_id in named}


def _still_borne(
    connection: Connection[Any], copy: Copy, numbers: Collection[Identifier]
) -> frozenset[Identifier]:
    wanted = sorted(numbers)
    rows = connection.execute(
        _STILL_BORNE,
        (
            [each.issuer for each in wanted], [each.value for each in wanted], copy.study_uid,
            copy.destination,
        ),
    ).fetchall()  # fmt: skip
    return frozenset(Identifier(value, issuer) for issuer, value in rows)


def _as_text(said: Sequence[Announcement]) -> str:
    """The same text, the same messages; it names people by their uid in the directory."""
    return "; ".join(
        " ".join(
            filter(
                None, (each.trigger.value, *_number(each.gone), *_number(each.number), str(each.person.uid))
            )
        )
        for each in said
    )


def _number(number: Identifier | None) -> tuple[str, ...]:
    return (f"{number.value}^{number.issuer}",) if number is not None else ()
