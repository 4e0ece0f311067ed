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
    insert into person_record as r (issuer, value, nhs_number, number_status, sensitivity, demographics,
        said_at, said_by, family, given, birth_date, sex, postcode)
    values (%(issuer)s, %(value)s, %(nhs_number)s, %(status)s, %(sensitivity)s, %(demographics)s, %(at)s,
        %(by)s, %(family)s, %(given)s, %(birth_date)s, %(sex)s, %(postcode)s)
    on conflict (issuer, value) do update set nhs_number = excluded.nhs_number,
        number_status = excluded.number_status, sensitivity = excluded.sensitivity,
        demographics = excluded.demographics, said_at = excluded.said_at, said_by = excluded.said_by,
        family = excluded.family, given = excluded.given, birth_date = excluded.birth_date,
        sex = excluded.sex, postcode = excluded.postcode,
        is_considered = r.is_considered
            and (r.nhs_number, r.number_status, r.sensitivity, r.demographics) is not distinct from
                (excluded.nhs_number, excluded.number_status, excluded.sensitivity, excluded.demographics)
    where r.said_at is null
       or (r.said_at, r.said_by collate "C", coalesce(r.nhs_number, ''), r.number_status, r.sensitivity,
           r.demographics::text collate "C")
        < (excluded.said_at, excluded.said_by collate "C", coalesce(excluded.nhs_number, ''),
           excluded.number_status, excluded.sensitivity, excluded.demographics::text collate "C")
    returning id, not exists (select from before b where b.current_id is not null
        and (b.nhs_number, b.number_status) is not distinct from (r.nhs_number, r.number_status))
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
    if record.status is NumberStatus.VERIFIED and is_nhs_number(nhs_number):
        numbered(connection, [Identifier.nhs(nhs_number)])
    row = connection.execute(
        _TELL,
        {
            "issuer": record.identifier.issuer,
            "value": record.identifier.value,
            "nhs_number": nhs_number or None,
            "status": record.status.value,
            "sensitivity": record.sensitivity.value,
            "demographics": Jsonb(stored_demographics(demographics)),
            "at": said.at,
            "by": said.by,
            "family": " ".join(plain_words(name.family)),
            "given": " ".join(plain_words(" ".join(name.given))),
            "birth_date": demographics.birth_date or None,
            "sex": demographics.sex.value or None,
            "postcode": demographics.postcode.replace(" ", "").upper() or None,
        },
    ).fetchone()
    if row is None:
        return False
    id, stands_anew = row
    if stands_anew:
        settle(connection, [id])
    return True


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
