"""What sources say of their own numbers, kept: one record or ten thousand, in the same statements.

In the caller's turn (exchange.people.clusters.take_turn). What its source said last of a number stands; in
one breath the greater content does, so that no order matters. Who may know stands by itself, as not every
source says it; in one breath the strictest does.
"""

from collections.abc import Sequence
from typing import Any

import orjson
from psycopg import Connection

from exchange.people.clusters import numbered, settle
from exchange.people.person import Identifier
from exchange.people.rows import Row

_SAID = """
    jsonb_to_recordset(%(rows)s::jsonb) as s (issuer text collate "C", value text collate "C",
        nhs_number text collate "C", number_status text collate "C", sensitivity text collate "C",
        demographics jsonb, said_at timestamptz, said_by text collate "C", family text, given text,
        birth_date text collate "C", sex text collate "C", postcode text collate "C")
"""
#: Nobody else writes records in this turn, so what is new is inserted and what is known is updated. A new one
#: stands for its verified number's person at once: nothing else was said of it yet.
_KEEP = f"""
    with said as materialized (
        select distinct on (s.issuer, s.value) s.* from {_SAID}
        order by s.issuer, s.value, s.said_at desc, s.said_by desc, coalesce(s.nhs_number, '') desc,
            s.number_status desc, s.demographics::text collate "C" desc
    ), known as materialized (
        select s.*, b.id as before_id, b.nhs_number as before_number, b.number_status as before_status,
            b.said_at as before_said_at,
            n.current_id as stands_for,
            case when b.id is null then nextval(pg_get_serial_sequence('person_record', 'id')) end as new_id
        from said s
        left join person_record b on b.issuer = s.issuer and b.value = s.value
        left join person_record n on n.issuer = 'NHS' and n.value = s.nhs_number
            and s.number_status = '01' and s.issuer <> 'NHS'
    ), inserted as (
        insert into person_record (id, issuer, value, nhs_number, number_status, sensitivity, sensitivity_at,
            sensitivity_by, demographics, said_at, said_by, family, given, birth_date, sex, postcode,
            current_id)
        overriding system value
        select new_id, issuer, value, nhs_number, number_status, coalesce(sensitivity, 'N'),
            case when sensitivity is not null then said_at end,
            case when sensitivity is not null then said_by else '' end,
            demographics, said_at, said_by, family, given, birth_date, sex, postcode,
            coalesce(stands_for, new_id)
        from known where before_id is null
        returning current_id
    ), updated as (
        update person_record r set nhs_number = s.nhs_number, number_status = s.number_status,
            demographics = s.demographics, said_at = s.said_at, said_by = s.said_by, family = s.family,
            given = s.given, birth_date = s.birth_date, sex = s.sex, postcode = s.postcode,
            is_considered = r.is_considered
                and (r.nhs_number, r.number_status, r.demographics) is not distinct from
                    (s.nhs_number, s.number_status, s.demographics)
        from known s
        where r.id = s.before_id and (r.said_at is null
           or (r.said_at, r.said_by collate "C", coalesce(r.nhs_number, ''), r.number_status,
               r.demographics::text collate "C")
            < (s.said_at, s.said_by, coalesce(s.nhs_number, ''), s.number_status,
               s.demographics::text collate "C"))
        returning r.id, s.before_said_at is null or (s.before_number, s.before_status)
            is distinct from (s.nhs_number, s.number_status) as stands_anew
    )
    select (select count(*) from inserted) + (select count(*) from updated),
        (select array_agg(id) from updated where stands_anew),
        (select array_agg(distinct p.id) from inserted i join person_record p on p.id = i.current_id
         where p.is_considered)
"""
_KEEP_SENSITIVITY = f"""
    update person_record r set sensitivity = s.sensitivity, sensitivity_at = s.said_at,
        sensitivity_by = s.said_by, is_considered = r.is_considered and r.sensitivity = s.sensitivity
    from (
        select distinct on (s.issuer, s.value) s.* from {_SAID} where s.sensitivity is not null
        order by s.issuer, s.value, s.said_at desc, s.said_by desc,
            array_position('{{N,R,V}}', s.sensitivity) desc
    ) s
    where r.issuer = s.issuer and r.value = s.value and (r.sensitivity_at is null
       or (r.sensitivity_at, r.sensitivity_by, array_position('{{N,R,V}}', r.sensitivity))
        < (s.said_at, s.said_by, array_position('{{N,R,V}}', s.sensitivity)))
"""


def keep(connection: Connection[Any], rows: Sequence[Row]) -> int:
    """Keep what was said, unless something later is known already; how many of them were news."""
    if verified := {row.verified for row in rows if row.verified}:
        numbered(connection, [Identifier.nhs(number) for number in verified])
    values = {"rows": orjson.dumps(rows).decode()}
    found = connection.execute(_KEEP, values).fetchone()
    assert found is not None
    news, standing_anew, joined = found
    if standing_anew:
        settle(connection, standing_anew)
    if joined:
        connection.execute("update person_record set is_considered = false where id = any(%s)", (joined,))
    if saying := [row for row in rows if row.sensitivity]:
        values = {"rows": orjson.dumps(saying).decode()}
        news = max(news, connection.execute(_KEEP_SENSITIVITY, values).rowcount)
    return int(news)
