"""What a source says of somebody, taken into the directory: the one door of every feed, file and service.

In the caller's transaction, so that a message is acknowledged together with what it says.
"""

from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from exchange.people.numbers import is_nhs_number
from exchange.people.person import NHS, Identifier, NumberStatus, Record, Said
from exchange.people.stored import stored_demographics
from storage.names import plain_words

_TELL = """
    insert into person_record as r (issuer, value, nhs_number, number_status, sensitivity, demographics,
        said_at, said_by, family, given, birth_date, sex, postcode)
    values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    on conflict (issuer, value) do update set nhs_number = excluded.nhs_number,
        number_status = excluded.number_status, sensitivity = excluded.sensitivity,
        demographics = excluded.demographics, said_at = excluded.said_at, said_by = excluded.said_by,
        family = excluded.family, given = excluded.given, birth_date = excluded.birth_date,
        sex = excluded.sex, postcode = excluded.postcode, is_considered = false
    where r.said_at is null or (r.said_at, r.said_by) < (excluded.said_at, excluded.said_by)
    returning id
"""


def tell(connection: Connection[Any], record: Record, said: Said) -> bool:
    """Keep what was said, unless something later is known already; whether it changed anything."""
    demographics = record.demographics
    name = demographics.name
    row = connection.execute(
        _TELL,
        (
            record.identifier.issuer, record.identifier.value, record.nhs_number or None, record.status.value,
            record.sensitivity.value, Jsonb(stored_demographics(demographics)), said.at, said.by,
            " ".join(plain_words(name.family)), " ".join(plain_words(" ".join(name.given))),
            demographics.birth_date or None, demographics.sex.value or None,
            demographics.postcode.replace(" ", "").upper() or None,
        ),
    ).fetchone()  # fmt: skip
    if row is None:
        return False
    _settle(connection, row[0], record)
    return True


def _settle(connection: Connection[Any], id: int, record: Record) -> None:
    """For whom it stands: the NHS number that its source holds as verified, else itself."""
    current = id
    if (
        not record.identifier.is_nhs
        and record.status is NumberStatus.VERIFIED
        and is_nhs_number(record.nhs_number)
    ):
        current = _named(connection, Identifier.nhs(record.nhs_number))
    connection.execute("update person_record set current_id = %s where id = %s", (current, id))


def _named(connection: Connection[Any], identifier: Identifier) -> int:
    """A record of a number that others name; its own source may say more of it later."""
    connection.execute(
        "with added as (insert into person_record (issuer, value) values (%s, %s)"
        " on conflict (issuer, value) do nothing returning id)"
        " update person_record r set current_id = r.id from added where r.id = added.id",
        (NHS, identifier.value),
    )
    row = connection.execute(
        "update person_record set current_id = coalesce(current_id, id), is_considered = false"
        " where issuer = %s and value = %s returning id",
        (NHS, identifier.value),
    ).fetchone()
    assert row is not None
    number: int = row[0]
    return number
