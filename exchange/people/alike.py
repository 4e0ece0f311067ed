"""People who could be meant: found by index among millions, for those who propose and decide.

Nobody is found by a postcode: that would tell where somebody lives.
"""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from psycopg import Connection

from exchange.people.directory import people
from exchange.people.person import Demographics, Person
from storage.names import plain_words

#: Of one birth date and family name: a handful, but where many are said to be born on the first of January.
_NAMESAKES = 200

#: Of each way of looking.
_ALIKE = 50


_ALIKE_SQL = """
    (select id from person_record where birth_date = %(day)s and family in (%(family)s, %(given)s)
        limit %(limit)s)
    union (select id from person_record where birth_date = %(day)s
        and (given = %(given)s or given like %(begins)s) and %(given)s <> '' limit %(limit)s)
    union (select id from person_record where birth_date = %(swapped)s and family = %(family)s
        limit %(limit)s)
    union (select id from person_record where family = %(family)s
        and (given = %(given)s or given like %(begins)s) and %(given)s <> ''
        and (%(day)s = '' or birth_date is null or left(birth_date, 4) = %(year)s
            or right(birth_date, 4) = %(day_of_year)s) limit %(limit)s)
"""


class Namesake(NamedTuple):
    """What twins share, and people who are taken for one another."""

    birth_date: str  # YYYYMMDD
    family: str  # plain words


def namesakes(
    connection: Connection[Any], wanted: Collection[Namesake]
) -> Mapping[Namesake, Collection[int]]:
    """The records of everybody born on a day, by a family name."""
    keys = sorted(set(wanted))
    rows = connection.execute(
        "select k.birth_date, k.family, r.id from unnest(%s::text[], %s::text[]) k (birth_date, family)"
        " cross join lateral (select id from person_record r where r.birth_date = k.birth_date"
        " and r.family = k.family limit %s) r",
        ([each.birth_date for each in keys], [each.family for each in keys], _NAMESAKES),
    ).fetchall()
    found: dict[Namesake, set[int]] = {}
    for birth_date, family, id in rows:
        found.setdefault(Namesake(birth_date, family), set()).add(id)
    return found


def alike(connection: Connection[Any], said: Demographics) -> Collection[Person]:
    """Whoever shares enough with a description to be proposed: the birth date and a name, or both names.

    Also where day and month are swapped, or given and family name.
    """
    family = plain(said.name.family)
    given = plain(" ".join(said.name.given)).partition(" ")[0]
    day = said.birth_date if len(said.birth_date) == 8 else ""
    values = {
        "day": day, "swapped": day[:4] + day[6:] + day[4:6], "year": day[:4], "day_of_year": day[4:],
        "family": family, "given": given, "begins": given.replace("%", r"\%") + " %", "limit": _ALIKE,
    }  # fmt: skip
    rows = connection.execute(_ALIKE_SQL, values).fetchall()
    found = people(connection, [id for (id,) in rows])
    return list({each.id: each for each in found.values()}.values())


def plain(name: str) -> str:
    """A name as the directory keeps it for searches."""
    return " ".join(plain_words(name))
