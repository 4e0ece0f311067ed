"""What is said of people, taken into the directory: the one door of every feed, file and service.

In the caller's transaction, so that a message is acknowledged together with what it says.
"""

from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from exchange.people.clusters import numbered, settle, take_turn
from exchange.people.numbers import is_nhs_number
from exchange.people.person import Identifier, NumberStatus, Record, Said
from exchange.people.statements import Apart, Linked, Merged, Statement, Tie, Unlinked, names
from exchange.people.stored import stored_demographics
from storage.names import plain_words

#: What its source said last stands. In one breath the greater content does, so that no order matters.
_TELL = """
    with before as (select * from person_record where issuer = %(issuer)s and value = %(value)s)
    insert into person_record as r (issuer, value, nhs_number, number_status, demographics,
        said_at, said_by, family, given, birth_date, sex, postcode)
    values (%(issuer)s, %(value)s, %(nhs_number)s, %(status)s, %(demographics)s, %(at)s,
        %(by)s, %(family)s, %(given)s, %(birth_date)s, %(sex)s, %(postcode)s)
    on conflict (issuer, value) do update set nhs_number = excluded.nhs_number,
        number_status = excluded.number_status, demographics = excluded.demographics,
        said_at = excluded.said_at, said_by = excluded.said_by,
        family = excluded.family, given = excluded.given, birth_date = excluded.birth_date,
        sex = excluded.sex, postcode = excluded.postcode,
        is_considered = r.is_considered
            and (r.nhs_number, r.number_status, r.demographics) is not distinct from
                (excluded.nhs_number, excluded.number_status, excluded.demographics)
    where r.said_at is null
       or (r.said_at, r.said_by collate "C", coalesce(r.nhs_number, ''), r.number_status,
           r.demographics::text collate "C")
        < (excluded.said_at, excluded.said_by collate "C", coalesce(excluded.nhs_number, ''),
           excluded.number_status, excluded.demographics::text collate "C")
    returning id, not exists (select from before b where b.current_id is not null
        and (b.nhs_number, b.number_status) is not distinct from (r.nhs_number, r.number_status))
"""
#: Who may know stands by itself, as not every source says it. In one breath the strictest does.
_TELL_SENSITIVITY = """
    update person_record r set sensitivity = %(sensitivity)s, sensitivity_at = %(at)s,
        sensitivity_by = %(by)s, is_considered = is_considered and sensitivity = %(sensitivity)s
    where issuer = %(issuer)s and value = %(value)s
      and (sensitivity_at is null or (sensitivity_at, sensitivity_by, array_position('{N,R,V}', sensitivity))
        < (%(at)s, %(by)s collate "C", array_position('{N,R,V}', %(sensitivity)s)))
"""
_NOTE = """
    insert into person_statement (kind, from_id, into_id, said_at, said_by) values (%s, %s, %s, %s, %s)
    on conflict do nothing returning id
"""


def tell(connection: Connection[Any], statement: Statement, said: Said) -> bool:
    """Keep what was said; whether anybody had not heard it, or something later, already.

    Whatever order statements come in, and however often, the directory comes to the same end.
    """
    take_turn(connection)
    match statement:
        case Record():
            return _tell_record(connection, statement, said)
        case _:
            return _tell_tie(connection, statement, said)


def _tell_record(connection: Connection[Any], record: Record, said: Said) -> bool:
    demographics = record.demographics
    name = demographics.name
    nhs_number = record.nhs_number.replace(" ", "")
    of_nhs = record.identifier.is_nhs
    status = held_status(record.identifier.value if of_nhs else nhs_number, record.status)
    if status is NumberStatus.VERIFIED and not of_nhs:
        numbered(connection, [Identifier.nhs(nhs_number)])
    values = {
        "issuer": record.identifier.issuer,
        "value": record.identifier.value,
        "nhs_number": nhs_number or None,
        "status": status.value,
        "demographics": Jsonb(stored_demographics(demographics)),
        "at": said.at,
        "by": said.by,
        "family": " ".join(plain_words(name.family)),
        "given": " ".join(plain_words(" ".join(name.given))),
        "birth_date": demographics.birth_date or None,
        "sex": demographics.sex.value or None,
        "postcode": demographics.postcode.replace(" ", "").upper() or None,
    }
    row = connection.execute(_TELL, values).fetchone()
    if row is not None and row[1]:
        settle(connection, [row[0]])
    is_news = row is not None
    if record.sensitivity is not None:
        values["sensitivity"] = record.sensitivity.value
        is_news |= connection.execute(_TELL_SENSITIVITY, values).rowcount > 0
    return is_news


def held_status(nhs_number: str, said: NumberStatus) -> NumberStatus:
    """What is kept of a status: nobody verified a number that has a wrong check digit, or is not there."""
    if said is NumberStatus.VERIFIED and nhs_number and not is_nhs_number(nhs_number):
        return NumberStatus.TO_BE_RESOLVED
    if not nhs_number and said in (NumberStatus.VERIFIED, NumberStatus.NOT_TRACED):
        return NumberStatus.NOT_PRESENT
    return said


def _tell_tie(connection: Connection[Any], tie: Tie, said: Said) -> bool:
    ids = numbered(connection, names(tie))
    kind, one, other = _row_of(tie)
    values = (kind, ids[one], ids[other] if other else None, said.at, said.by)
    if connection.execute(_NOTE, values).fetchone() is None:
        return False
    settle(connection, list(ids.values()))
    return True


def _row_of(tie: Tie) -> tuple[str, Identifier, Identifier | None]:
    match tie:
        case Merged(gone, into):
            return "merged", gone, into
        case Apart(number):
            return "apart", number, None
        case Linked(one, other):
            return "linked", min(one, other), max(one, other)
        case Unlinked(one, other):
            return "unlinked", min(one, other), max(one, other)
