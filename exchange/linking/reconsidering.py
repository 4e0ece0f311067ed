"""Studies whose link may change, since the directory heard something new: found by index, and decided again.

In two steps, each a transaction: what changed becomes rows of the studies that are due, and those are decided
a batch at a time. A worker that dies in between loses neither. Those that a fault kept from being decided are
tried again here, each alone, when their time has come.
"""

from psycopg_pool import ConnectionPool

from exchange.linking import failing
from exchange.linking.linker import BATCH, consider, consider_alone, take_turn
from storage.driver_errors import mapped_errors
from storage.errors import is_outage

#: Records looked at in one go: most are of people of whom no study is kept.
RECORDS = 1000

#: Studies that a record may matter to: they bear its number, or one whose source claims that number for it;
#: are linked to whom it stands for, or were proposed them; or share its birth date and family name, so that
#: it may be a twin's, or be proposed (as they may with day and month, or given and family name, swapped).
_FIND = """
    with changed as materialized (
        select id, issuer, value, coalesce(current_id, id) as person_id, birth_date, family, given
        from person_record where not is_considered order by id limit %s for no key update skip locked
    ), numbers as materialized (
        select issuer, value from changed
        union select r.issuer, r.value from changed c join person_record r on r.nhs_number = c.value
            where c.issuer = 'NHS'
    ), people as materialized (
        select id from changed union select person_id from changed
    ), found as (
        select d.study_id, false as of_person from numbers c
            join patient p on p.identifier = c.value and p.issuer = c.issuer
            join identity d on d.patient_id = p.id
        union all
        select n.study_id, false from numbers c
            join study_identifier n on n.issuer = c.issuer and n.value = c.value
        union all
        select l.study_id, true from people k join study_link l on l.person_id = k.id
        union all
        select l.study_id, false from study_link l
            where l.proposed && (select array_agg(id) from people)
        union all
        select d.study_id, false from changed c join identity d
            on d.birth_date in (c.birth_date,
                left(c.birth_date, 4) || right(c.birth_date, 2) || substr(c.birth_date, 5, 2))
            and ltrim(plain_name(split_part(d.patient_name, '^', 1)))
                in (c.family, split_part(c.given, ' ', 1))
            where c.family <> ''
        union all
        select l.study_id, false from changed c join person_record r
            on r.birth_date = c.birth_date and r.family = c.family and r.id <> c.id
            join study_link l on l.person_id = r.current_id
            where c.family <> ''
    ), due as (
        insert into link_due as k (study_id, heard)
            select study_id, case when bool_or(of_person) then array['person'] else '{}' end
                from found group by study_id order by study_id
            on conflict (study_id) do update set due_at = now(),
                heard = array(select distinct unnest(k.heard || excluded.heard) order by 1)
    )
    update person_record r set is_considered = true from changed c where r.id = c.id
"""
_DUE = """
    select s.uid from link_due k join study s on s.id = k.study_id
    where k.tries = 0 order by k.study_id limit %s for update of k skip locked
"""
_WHY = "the directory heard something new"


def reconsider(pool: ConnectionPool) -> int:
    """All that changed, until now; how many studies were decided again."""
    while _find(pool) == RECORDS:
        pass
    count = 0
    while decided := _decide(pool):
        count += decided
    with mapped_errors(), pool.connection() as connection:
        again = failing.due_again(connection, RECORDS)
    for study_uid in again:
        consider_alone(pool, study_uid, (), "it was tried again after a fault")
    return count + len(again)


def _find(pool: ConnectionPool) -> int:
    """Studies that are due, since records changed; how many records."""
    with mapped_errors(), pool.connection() as connection:
        take_turn(connection)
        return connection.execute(_FIND, (RECORDS,)).rowcount


def _decide(pool: ConnectionPool) -> int:
    """A batch of what is due since the directory heard something; how many."""
    due: list[str] = []
    try:
        with mapped_errors(), pool.connection() as connection:
            take_turn(connection)
            due += (uid for (uid,) in connection.execute(_DUE, (BATCH,)))
            consider(connection, dict.fromkeys(due, ()), _WHY)
    except Exception as error:
        if is_outage(error) or not due:
            raise
        for study_uid in due:  # one study's trouble is no other's
            consider_alone(pool, study_uid, (), _WHY)
    return len(due)
