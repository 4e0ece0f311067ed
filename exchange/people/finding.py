"""People by what somebody knows of them: names, birth date, postcode, numbers (IHE PDQm, ITI-78)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

from psycopg import Connection

from exchange.people.person import NHS, Sex
from storage.names import plain_words

#: Of people who match one search; whoever matches more is to say more of whom they mean.
FOUND_LIMIT = 500

#: Records that match of each person, more or less: many times that are more people than the limit.
_RECORDS_EACH = 6


@dataclass(frozen=True, slots=True)
class Token:
    """An identifier that is asked for. Without an issuer, of any; without a value, any of that issuer."""

    value: str = ""
    issuer: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A name that is asked for, or a postcode."""

    text: str
    is_exact: bool = False  # as it is written, not only how it begins
    is_within: bool = False  # anywhere in it

    @property
    def plain(self) -> str:
        """As the directory keeps names for searches."""
        return " ".join(plain_words(self.text))


class Prefix(Enum):
    """How a date compares (FHIR R4 §3.1.1.4.7)."""

    EQUAL = "eq"
    NOT_EQUAL = "ne"
    GREATER = "gt"
    LESS = "lt"
    AT_LEAST = "ge"
    AT_MOST = "le"
    STARTS_AFTER = "sa"
    ENDS_BEFORE = "eb"
    ABOUT = "ap"


@dataclass(frozen=True, slots=True)
class Day:
    """A date that is asked for, or the month or year."""

    digits: str  # YYYYMMDD, YYYYMM or YYYY
    prefix: Prefix = Prefix.EQUAL

    @property
    def first(self) -> str:
        """Its first day."""
        return self.digits + "0101"[len(self.digits) - 4 :]

    @property
    def last(self) -> str:
        """No day of it is later."""
        return self.digits.ljust(8, "9")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time that is asked for. Both moments are within it."""

    first: datetime
    last: datetime
    prefix: Prefix = Prefix.EQUAL

    @property
    def is_bounded(self) -> bool:
        """Whether it says since when: the index leads to what changed then."""
        return self.prefix not in (Prefix.LESS, Prefix.ENDS_BEFORE, Prefix.AT_MOST, Prefix.NOT_EQUAL)


class By(Enum):
    """What people are sorted by."""

    FAMILY = "p.family"
    GIVEN = "p.given"
    BIRTH = "p.birth_date"
    CHANGED = (
        "(select max(coalesce(n.changed_at, n.created_at)) from person_record n where n.current_id = p.id)"
    )


@dataclass(frozen=True, slots=True)
class Order:
    """One key; whoever has none comes last."""

    by: By
    is_descending: bool = False


#: By name, where nobody asks for anything else.
BY_NAME = (Order(By.FAMILY), Order(By.GIVEN), Order(By.BIRTH))


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """Whom somebody looks for. Each must hold; of the alternatives within one, any may."""

    uids: tuple[tuple[UUID, ...], ...] = ()
    identifiers: tuple[tuple[Token, ...], ...] = ()
    names: tuple[tuple[Text, ...], ...] = ()  # the family name, or a given one
    families: tuple[tuple[Text, ...], ...] = ()
    givens: tuple[tuple[Text, ...], ...] = ()
    births: tuple[tuple[Day, ...], ...] = ()
    postcodes: tuple[tuple[Text, ...], ...] = ()
    practices: tuple[tuple[str, ...], ...] = ()
    sexes: tuple[tuple[Sex, ...], ...] = ()
    changes: tuple[tuple[Span, ...], ...] = ()  # when what is known of them changed last

    @property
    def says_whom(self) -> bool:
        """Whether it is about somebody, rather than half the region."""
        numbers = any(token.value for each in self.identifiers for token in each)
        said = (self.uids, self.names, self.families, self.births, self.postcodes)
        lately = any(all(span.is_bounded for span in each) for each in self.changes)
        return bool(numbers or any(said) or lately)

    @property
    def says_where(self) -> bool:
        """Whether an answer would tell where somebody lives."""
        return bool(self.postcodes or self.practices)


@dataclass(frozen=True, slots=True)
class Found:
    """Those who match, in their order: numbers in the directory, and FHIR ids. `is_cut`: there are more."""

    people: Sequence[tuple[int, UUID]]
    is_cut: bool = False

    @property
    def ids(self) -> list[int]:
        """Their numbers in the directory."""
        return [id for id, _ in self.people]


@dataclass(slots=True)
class _Sql:
    """Conditions, and the values that they compare with."""

    conditions: list[str] = field(default_factory=list)
    values: list[object] = field(default_factory=list)

    def add(self, condition: str, *values: object) -> None:
        self.conditions.append(condition)
        self.values += values


def find(connection: Connection[Any], criteria: Criteria, order: Sequence[Order] = BY_NAME) -> Found:
    """Everybody of whom one source says all that is asked, and who goes by every number that is asked for.

    By a number they once had, too. Where a search says where somebody lives, nobody whose record is
    restricted is found, as the PDS has it: that they match would tell.
    """
    where = _where(criteria)
    most = (FOUND_LIMIT + 1) * _RECORDS_EACH
    keys = "".join(f"{each.by.value}{' desc' if each.is_descending else ''} nulls last, " for each in order)
    keys += "p.id"
    # No more are read than are answered: of a name that half a town has, not half a town.
    rows = connection.execute(
        "with matching as materialized (select r.current_id as id from person_record r"
        f" where {' and '.join(where.conditions)} limit %s)"
        " select p.id, p.uid, (select count(*) from matching) from person_record p"
        f" where p.id in (select id from matching) order by {keys} limit %s",
        (*where.values, most, FOUND_LIMIT + 1),
    ).fetchall()
    found = [(id, uid) for id, uid, _ in rows]
    is_cut = any(count >= most for *_, count in rows) or len(found) > FOUND_LIMIT
    return Found(found[:FOUND_LIMIT], is_cut)


def _where(criteria: Criteria) -> _Sql:
    sql = _Sql(["r.current_id is not null"])
    for uids in criteria.uids:
        sql.add(
            "r.current_id in (select u.current_id from person_record u where u.uid = any(%s))", list(uids)
        )
    for tokens in criteria.identifiers:
        _any(sql, [_token(each) for each in tokens])
    for names in criteria.names:
        _any(sql, [condition for each in names for condition in (_family(each), _given(each))])
    for names in criteria.families:
        _any(sql, [_family(each) for each in names])
    for names in criteria.givens:
        _any(sql, [_given(each) for each in names])
    for days in criteria.births:
        _any(sql, [_day(each) for each in days])
    for postcodes in criteria.postcodes:
        _any(sql, [_postcode(each) for each in postcodes])
    for practices in criteria.practices:
        sql.add("r.demographics ->> 'practice' = any(%s)", list(practices))
    for sexes in criteria.sexes:
        sql.add("coalesce(r.sex, '') = any(%s)", [each.value for each in sexes])
    for spans in criteria.changes:
        _any(sql, [_changed(each) for each in spans])
    if criteria.says_where:
        sql.add(
            "not exists (select from person_record s where s.current_id = r.current_id"
            " and s.sensitivity <> 'N')"
        )
    return sql


_Condition = tuple[str, tuple[object, ...]]


def _any(sql: _Sql, conditions: Sequence[_Condition]) -> None:
    sql.add(
        "(" + " or ".join(condition for condition, _ in conditions) + ")",
        *(value for _, values in conditions for value in values),
    )


def _token(token: Token) -> _Condition:
    of_person = "r.current_id in (select n.current_id from person_record n where "
    if not token.value:
        # Of the NHS, a number that was superseded is nobody's any more.
        own = " and n.id = n.current_id" if token.issuer == NHS else ""
        return (
            f"exists (select from person_record n where n.current_id = r.current_id and n.issuer = %s{own})",
            (token.issuer,),
        )
    if not token.issuer:
        return f"{of_person}n.value = %s)", (token.value,)
    return f"{of_person}n.issuer = %s and n.value = %s)", (token.issuer, token.value)


def _family(name: Text) -> _Condition:
    """The family name in use."""
    plain = _escaped(name.plain)
    if name.is_exact:
        return (
            "(r.family like %s and r.demographics #>> '{names,0,family}' = %s)",
            (f"{plain}%", name.text),
        )
    return "r.family like %s", (f"%{plain}%" if name.is_within else f"{plain}%",)


def _given(name: Text) -> _Condition:
    """Any of the given names in use: "Mary Ann" is found by "ann"."""
    plain = _escaped(name.plain)
    if name.is_exact:
        return "r.demographics #> '{names,0,given}' ? %s", (name.text,)
    if name.is_within:
        return "r.given like %s", (f"%{plain}%",)
    return "(r.given like %s or r.given like %s)", (f"{plain}%", f"% {plain}%")


_CHANGE = "coalesce(n.changed_at, n.created_at)"
_LAST_CHANGE = f"(select max({_CHANGE}) from person_record n where n.current_id = r.current_id)"


def _changed(span: Span) -> _Condition:
    """Of a person, the newest change of their records; the index leads to those that have one then."""
    first, last = span.first, span.last
    match span.prefix:
        case Prefix.EQUAL | Prefix.ABOUT:
            return _since("between %s and %s", first, last)
        case Prefix.GREATER | Prefix.STARTS_AFTER:
            return _since("> %s", last)
        case Prefix.AT_LEAST:
            return _since(">= %s", first)
        case Prefix.LESS | Prefix.ENDS_BEFORE:
            return f"{_LAST_CHANGE} < %s", (first,)
        case Prefix.AT_MOST:
            return f"{_LAST_CHANGE} <= %s", (last,)
        case Prefix.NOT_EQUAL:
            return f"{_LAST_CHANGE} not between %s and %s", (first, last)


def _since(then: str, *values: object) -> _Condition:
    some = f"select n.current_id from person_record n where {_CHANGE} {then}"
    return f"(r.current_id in ({some}) and {_LAST_CHANGE} {then})", (*values, *values)


def _postcode(postcode: Text) -> _Condition:
    text = postcode.text.replace(" ", "").upper()
    return (
        ("r.postcode = %s", (text,)) if postcode.is_exact else ("r.postcode like %s", (f"{_escaped(text)}%",))
    )


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")


#: The days that a birth date may be: as much of it as is known is stored.
_FIRST = "rpad(r.birth_date, 8, '0101')"
_LAST = "rpad(r.birth_date, 8, '9')"


def _day(day: Day) -> _Condition:
    match day.prefix:
        case Prefix.EQUAL:  # the range of what is asked contains that of what is known
            return "(r.birth_date >= %s and r.birth_date <= %s)", (day.digits, day.last)
        case Prefix.NOT_EQUAL:
            return "not (r.birth_date >= %s and r.birth_date <= %s)", (day.digits, day.last)
        case Prefix.GREATER:
            return f"{_LAST} > %s", (day.last,)
        case Prefix.LESS:
            return f"{_FIRST} < %s", (day.first,)
        case Prefix.AT_LEAST:
            return f"{_LAST} >= %s", (day.first,)
        case Prefix.AT_MOST:
            return f"{_FIRST} <= %s", (day.last,)
        case Prefix.STARTS_AFTER:
            return f"{_FIRST} > %s", (day.last,)
        case Prefix.ENDS_BEFORE:
            return f"{_LAST} < %s", (day.first,)
        case Prefix.ABOUT:  # they overlap
            return f"({_FIRST} <= %s and {_LAST} >= %s)", (day.last, day.first)
