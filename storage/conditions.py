"""One match on one column, as SQL with placeholders (PS3.4 §C.2.2.2). Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql
from psycopg.types.json import Jsonb

from storage.columns import Column, Kind
from storage.names import name_key, plain_words
from storage.query import AnyOf, Anything, Between, Empty, Exactly, Match, Wildcard


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL and the values for its placeholders."""

    text: sql.SQL | sql.Composed
    values: Sequence[object]
    depends_on_values: bool = False  # its best plan: then it is planned each time, for 1 ms


def condition(column: Column, match: Match) -> Statement:
    """One match on one column."""
    name = column.name
    match match:
        case Exactly(text):
            return _one_of(column, [text])
        case AnyOf(texts):
            return _one_of(column, list(texts))
        case Wildcard(pattern):
            return _like(column, pattern)
        case Between(first, last):
            return _between(name, first, last)
        case Empty():
            empty = {Kind.NUMBER: "{} is null", Kind.SET: "{} = '{{}}'"}.get(
                column.kind, "coalesce({}, '') = ''"
            )
            return Statement(sql.SQL(empty).format(name), [])
        case Anything():
            return Statement(sql.SQL("true"), [])


def _one_of(column: Column, texts: list[str]) -> Statement:
    name = column.name
    match column.kind:
        case Kind.NUMBER:
            return Statement(sql.SQL("{} = any(%s::bigint[])").format(name), [[int(text) for text in texts]])
        case Kind.SET:
            return Statement(sql.SQL("{} && %s::text[]").format(name), [texts])
        case Kind.NAME:
            if len(texts) == 1:
                return _like(column, texts[0])
            return Statement(
                sql.SQL("{} ~ any(%s::text[])").format(name), [[name_pattern(each) for each in texts]]
            )
        case Kind.TEXT | Kind.ITEM if len(texts) == 1:
            return Statement(sql.SQL("{} = %s").format(name), [texts[0]])
        case Kind.TEXT | Kind.ITEM:
            return Statement(sql.SQL("{} = any(%s)").format(name), [texts])


def _like(column: Column, pattern: str) -> Statement:
    match column.kind:
        case Kind.NAME:
            # LIKE finds rows by the index; the expression keeps component groups apart. Were it a bare
            # operator as well, the planner would count its guess twice: wrong by ten for a common name.
            roughly = f"%{like_pattern(name_key(pattern).removesuffix('^*'))}%"
            text = sql.SQL("({0} like %s and coalesce({0} ~ %s, false))").format(column.name)
            return Statement(text, [roughly, name_pattern(pattern)])
        case Kind.SET:
            each = sql.SQL("exists (select from unnest({}) as one where one like %s)")
            return Statement(each.format(column.name), [like_pattern(pattern)])
        case Kind.NUMBER:
            return Statement(sql.SQL("{}::text like %s").format(column.name), [like_pattern(pattern)])
        case Kind.TEXT | Kind.ITEM:
            return Statement(sql.SQL("{} like %s").format(column.name), [like_pattern(pattern)])


def _between(name: sql.Composable, first: str | None, last: str | None) -> Statement:
    parts: list[sql.Composable] = []
    values: list[object] = []
    if first is not None:
        parts.append(sql.SQL("{} >= %s").format(name))
        values.append(earliest(first))
    if last is not None:
        parts.append(sql.SQL("{} <= %s").format(name))
        values.append(last)
    return Statement(sql.SQL(" and ").join(parts), values)


def instant_between(dates: Between, times: Between) -> Statement:
    """Combined date-time matching (PS3.4 §C.2.2.2.5.4): times bound the first and the last day only."""
    days = _between(sql.SQL("s.study_date"), dates.first, dates.last)
    parts = [days.text]
    values = list(days.values)
    for day, at, beyond, side in (
        (dates.first, times.first and earliest(times.first), ">", ">="),
        (dates.last, times.last, "<", "<="),
    ):
        if day is not None and at is not None:
            parts.append(sql.SQL(f"(s.study_date {beyond} %s or s.study_time {side} %s)"))
            values += [day, at]
    return Statement(sql.SQL(" and ").join(parts), values)


def fuzzily(text: str) -> Statement:
    """A patient's name like that one (PS3.4 §C.2.2.2.1.1, ADR 0036): for each of its words, in any order, the
    name has one that begins so, or sounds so. Accents and case do not count, and no component has its place.
    """
    conditions: list[sql.Composable] = []
    values: list[object] = []
    for word in plain_words(text):
        conditions.append(sql.SQL("(i.patient_plain like %s or i.patient_sounds && name_sounds(%s))"))
        values += [f"% {like_pattern(word)}%", word]
    return Statement(sql.SQL("({})").format(sql.SQL(" and ").join(conditions or [sql.SQL("true")])), values)


def of_one_request(matches: Sequence[tuple[Column, Match]]) -> Statement:
    """One item of what was requested of a series holds all of this (PS3.4 §C.2.2.2.6).

    What is named exactly is looked up in the index. An empty sequence has nothing that could be empty.
    """
    each = [condition(column, match) for column, match in matches]
    text = sql.SQL("exists (select from jsonb_array_elements(r.requests) item where {})").format(
        sql.SQL(" and ").join([one.text for one in each])
    )
    values = [value for one in each for value in one.values]
    exact = {column.member: match.text for column, match in matches if isinstance(match, Exactly)}
    if exact:
        return Statement(sql.SQL("(r.requests @> %s and {})").format(text), [Jsonb([exact]), *values])
    if all(isinstance(match, Empty) for _, match in matches):
        text = sql.SQL("(r.requests is null or {})").format(text)
    return Statement(text, values)


def earliest(text: str) -> str:
    """The shortest way to write the start of a range: text of less precision compares after it.

    >>> earliest("101100.000000")
    '1011'
    """
    if "." not in text:
        return text
    while len(text) > 2 and text.endswith((".000000", "00")):
        text = text.removesuffix(".000000") if text.endswith(".000000") else text.removesuffix("00")
    return text


def like_pattern(pattern: str) -> str:
    """A DICOM wildcard pattern as one for LIKE."""
    escaped = re.sub(r"([\\%_])", r"\\\1", pattern)
    return escaped.replace("*", "%").replace("?", "_")


def name_pattern(pattern: str) -> str:
    """A name, or a wildcard pattern for one, as a regular expression on the keys of names.

    It matches any one component group; a pattern with "=" matches the whole name. A trailing "^*"
    also finds the name that has no further component.
    """
    key = name_key(pattern)
    anything = "." if "=" in key else "[^=]"
    tail = ""
    if key.endswith("^*"):
        key, tail = key[:-2], rf"(\^{anything}*)?"
    wild = {"*": f"{anything}*", "?": anything}
    body = "".join(wild.get(character) or re.sub(r"(\W)", r"\\\1", character) for character in key)
    return f"^{body}{tail}$" if "=" in key else f"(^|=){body}{tail}(=|$)"
