"""What holds of the directory and the links whoever did what, in whatever order, at once: one query each."""

from typing import Any, LiteralString

from psycopg import Connection

#: Each finds what should not be.
_BROKEN: dict[str, LiteralString] = {
    "a record that stands for nobody": "select id from person_record where current_id is null",
    "a record that stands for one that stands for another": """
        select r.id from person_record r join person_record c on c.id = r.current_id
        where c.current_id <> c.id""",
    "a trust's number that stands for an NHS number which nothing bears out": """
        select r.id from person_record r join person_record c on c.id = r.current_id
        where r.issuer <> 'NHS' and c.issuer = 'NHS'
            and not exists
                (select from person_record v where v.current_id = c.id and v.number_status = '01')""",
    "a link that is not what was decided last": """
        select l.study_id from study_link l where (l.state, l.person_id) is distinct from
            (select (d.state, d.person_id) from link_decision d where d.study_id = l.study_id
             order by d.id desc limit 1)""",
    "a link by hand that no decision of a person stands behind": """
        select l.study_id from study_link l where l.is_by_hand and not exists
            (select from link_review v where v.study_id = l.study_id and v.undone_at is null
                and v.verb in ('link', 'reject', 'correct'))""",
    "a change of a link that the record is not to hear of": """
        select l.study_id from study_link l join study s on s.id = l.study_id where l.state = 'linked'
            and not exists (select from outbox o where o.study_uid = s.uid)""",
}


def broken(connection: Connection[Any]) -> list[str]:
    """Which do not hold. The outbox must not have been emptied."""
    return [what for what, query in _BROKEN.items() if connection.execute(query).fetchone() is not None]
