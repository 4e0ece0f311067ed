"""A query as SQL. Pure: what is sought becomes statements with placeholders, never values in the text.

A statement reads from these tables, by these names: s study, r series, n instance, i identity and
p patient (the current ones, which a correction changes).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from psycopg import sql

from storage.columns import (
    ACCESSION,
    COLUMNS,
    INSTANCE_UID,
    PATIENT_COUNTS,
    PATIENT_ID,
    PATIENT_NAME,
    SERIES_UID,
    STUDY_DATE,
    STUDY_INSTANCES,
    STUDY_TIME,
    STUDY_UID,
    Column,
    Kind,
    Owner,
)
from storage.conditions import Statement, condition, fuzzily, instant_between, of_one_request
from storage.query import AnyOf, Anything, Between, Empty, Exactly, Level, Match, Path, Query, text_of
from storage.showing import IDENTITY_SHOWS, MODALITIES, SERIES_COUNT, SHOWS

#: How many answers a broad search gives at most: one that names no patient, accession or UID.
BROAD_LIMIT = 5_000


#: Days of which studies are found by their date, whatever else they must match.
FEW_DAYS = 92

#: Whose columns the rows of a level have beside them; what lies below is sought within.
_BESIDE: Mapping[Level, frozenset[Owner]] = {
    Level.PATIENT: frozenset({Owner.PATIENT}),
    Level.STUDY: frozenset({Owner.STUDY}),
    Level.SERIES: frozenset({Owner.STUDY, Owner.SERIES}),
    Level.INSTANCE: frozenset({Owner.STUDY, Owner.SERIES, Owner.INSTANCE}),
}
#: Whose columns say who the patient is: matched on the same identity, at every level but the patient's own.
_OF_IDENTITY = frozenset({Owner.PATIENT, Owner.IDENTITY})
#: One of these, named, makes a search narrow.
_NARROW = frozenset({PATIENT_ID, ACCESSION, STUDY_UID, SERIES_UID, INSTANCE_UID})
#: Governs how keys are read, and is never matched (PS3.4 §C.2.2.2).
_NEVER_MATCHED = frozenset({(0x00080005,), (0x00080201,)})

_ORDER: Mapping[Level, sql.SQL] = {
    Level.PATIENT: sql.SQL("p.id desc"),
    Level.STUDY: sql.SQL("s.study_date desc nulls last, s.id desc"),
    Level.SERIES: sql.SQL("s.study_date desc nulls last, s.id desc, r.series_number, r.id"),
    Level.INSTANCE: sql.SQL(
        "s.study_date desc nulls last, s.id desc, r.series_number, r.id, n.instance_number, n.id"
    ),
}
_FROM: Mapping[Level, sql.SQL] = {
    Level.PATIENT: sql.SQL("patient p"),
    Level.STUDY: sql.SQL("study s"),
    Level.SERIES: sql.SQL("series r join study s on s.id = r.study_id"),
    Level.INSTANCE: sql.SQL(
        "instance n join series r on r.id = n.series_id join study s on s.id = r.study_id"
        " join identity i on i.id = n.identity_id left join patient p on p.id = i.patient_id"
        " left join object o on o.id = n.object_id"
    ),
}


def _each(table: str, name: str, by: str) -> str:
    """The row of a table that another row points to, found by its key, whatever the planner has been told.

    Behind OFFSET 0 it is asked for row by row. Joined freely, the rows of an answer were looked for by going
    through the whole index in its order, or by hashing whole tables, wherever the statistics were of an
    emptier database: 40 ms instead of one for 100 studies among 5,000.
    """
    return (
        f"join lateral (select {name}.* from {table} {name} where {name}.id = {by} offset 0) {name} on true"
    )


#: The rows of an answer, whose ids are in f.
_ROWS: Mapping[Level, str] = {
    Level.PATIENT: _each("patient", "p", "f.id"),
    Level.STUDY: _each("study", "s", "f.id"),
    Level.SERIES: f"{_each('series', 'r', 'f.id')} {_each('study', 's', 'r.study_id')}",
    Level.INSTANCE: f"{_each('instance', 'n', 'f.id')} {_each('series', 'r', 'n.series_id')}"
    f" {_each('study', 's', 'r.study_id')} {_each('identity', 'i', 'n.identity_id')}"
    f" left {_each('object', 'o', 'n.object_id')}",
}
_ID: Mapping[Level, sql.SQL] = {
    Level.PATIENT: sql.SQL("p.id"),
    Level.STUDY: sql.SQL("s.id"),
    Level.SERIES: sql.SQL("r.id"),
    Level.INSTANCE: sql.SQL("n.id"),
}
#: What a row of an answer holds, after what every row begins with.
_HEAD = (
    "s.id, s.uid, s.inconsistent, s.contested, i.id, i.json,"
    " exists (select from correction c where c.study_id = s.id and c.undone_at is null),"
)
_STUDY_FIELDS = f" {MODALITIES}, {SERIES_COUNT}, {{instances}}, s.json"
_FIELDS: Mapping[Level, str] = {
    Level.PATIENT: "s.id, '', false, false, i.id, i.json,"
    " exists (select from correction c where c.study_id = s.id and c.undone_at is null),"
    " '{{}}'::text[], 0, 0::bigint, ''::bytea, null, 0::bigint, {counts}",
    Level.STUDY: _HEAD + _STUDY_FIELDS,
    Level.SERIES: _HEAD + _STUDY_FIELDS + ", r.uid, instances_in(r.id), r.json",
    Level.INSTANCE: _HEAD
    + _STUDY_FIELDS
    + ", r.uid, instances_in(r.id), n.uid, n.sop_class, n.json_before, n.json_patient, n.json_after,"
    " o.transfer_syntax",
}
_COUNTED = (
    "(select coalesce(sum(c.instances), 0)::bigint from series r cross join lateral"
    " (select sum(t.instances) as instances from series_tally t where t.series_id = r.id offset 0) c"
    " where r.study_id = s.id)"
)
_STUDIES_OF_PATIENT = (
    "(select i.study_id from identity i join study s on s.id = i.study_id"
    f" where i.patient_id = p.id and {IDENTITY_SHOWS})"
)
_COUNTED_OF_PATIENT = (
    f"(select count(*) from study t where t.id in {_STUDIES_OF_PATIENT}),"
    f" (select coalesce(sum({SERIES_COUNT}), 0)::bigint from study s where s.id in {_STUDIES_OF_PATIENT}),"
    " (select coalesce(sum(t.instances), 0)::bigint from series y join series_tally t on t.series_id = y.id"
    f" where y.study_id in {_STUDIES_OF_PATIENT})"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a query is answered."""

    query: Query
    limit: int | None  # in force; None: a narrow search gives all
    unmatched: tuple[Path, ...]  # keys that the archive cannot match on, and so left out
    conditions: tuple[Statement, ...]
    of_identity: tuple[Statement, ...]

    def ids(self, most: int | None = None) -> Statement:
        """The rows that match, in order: at most so many, else one more than the limit."""
        if most is None and self.limit is not None:
            most = self.limit + 1
        level = self.query.level
        conditions = [*self.conditions, *self._of_patients(), *_showing(level)]
        where = sql.SQL(" and ").join([each.text for each in conditions])
        text = sql.SQL("select {} as id from {} where {} order by {}").format(
            _ID[level], _FROM[level], where, _ORDER[level]
        )
        values = _values(conditions)
        if most is not None:
            text += sql.SQL(" limit %s")
            values.append(most)
        if self.query.offset:
            text += sql.SQL(" offset %s")
            values.append(self.query.offset)
        return Statement(text, values, not _is_narrow(self.query))

    def rows(self, most: int) -> Statement:
        """What the answers hold, of the first so many rows that match."""
        return self._rows_of(self.ids(most))

    def rows_of(self, ids: list[int]) -> Statement:
        """What the answers hold, of these rows."""
        return self._rows_of(Statement(sql.SQL("select unnest(%s::bigint[]) as id"), [ids]))

    def _rows_of(self, found: Statement) -> Statement:
        level = self.query.level
        identity = Statement(sql.SQL(""), []) if level is Level.INSTANCE else self._identity_shown()
        instances = _COUNTED if STUDY_INSTANCES in self.query.asked else "0::bigint"
        counts = _COUNTED_OF_PATIENT if self.query.asked.intersection(PATIENT_COUNTS) else "0, 0, 0"
        text = sql.SQL("select {} from ({}) f {} {} order by {}").format(
            sql.SQL(_FIELDS[level]).format(instances=sql.SQL(instances), counts=sql.SQL(counts)),
            found.text,
            sql.SQL(_ROWS[level]),
            identity.text,
            _ORDER[level],
        )
        return Statement(text, [*found.values, *identity.values], found.depends_on_values)

    def _of_patients(self) -> list[Statement]:
        """Studies under an identity that matches, and at lower levels only what bears it itself."""
        if not self.of_identity or self.query.level is Level.PATIENT:
            return []  # a patient's identities are sought within it, with what lies below
        condition = sql.SQL(" and ").join([each.text for each in self.of_identity])
        values = _values(self.of_identity)
        studies = Statement(
            sql.SQL(
                "s.id in (select i.study_id from identity i"
                " left join patient p on p.id = i.patient_id where {})"
            ).format(condition),
            values,
        )
        match self.query.level:
            case Level.PATIENT | Level.STUDY:
                borne = sql.SQL(
                    "(not (s.has_hidden or s.has_versions) or exists (select from identity i"
                    " left join patient p on p.id = i.patient_id where i.study_id = s.id and {} and {}))"
                ).format(sql.SQL(IDENTITY_SHOWS), condition)
                return [studies, Statement(borne, values)]
            case Level.SERIES:
                borne = sql.SQL(
                    "exists (select from instance n join identity i on i.id = n.identity_id"
                    " left join patient p on p.id = i.patient_id"
                    " where n.series_id = r.id and not n.hidden and {})"
                ).format(condition)
                return [studies, Statement(borne, values)]
            case Level.INSTANCE:
                return [studies, *self.of_identity]

    def _identity_shown(self) -> Statement:
        """The identity that an answer bears: one that matched, and of a series its own first."""
        shows = Statement(sql.SQL(IDENTITY_SHOWS), [])
        if self.query.level is Level.PATIENT:
            text = sql.SQL(
                "join lateral (select i.id, i.json, i.study_id from identity i"
                " join study s on s.id = i.study_id where i.patient_id = p.id{}"
                " order by i.id desc limit 1) i on true join study s on s.id = i.study_id"
            ).format(_and([shows, *self.of_identity]))
            return Statement(text, _values(self.of_identity))
        conditions = _and([shows, *self.of_identity])
        own = (
            "i.id = (select n.identity_id from instance n where n.series_id = r.id and not n.hidden"
            " order by n.instance_number, n.id limit 1) desc,"
            if self.query.level is Level.SERIES
            else ""
        )
        text = sql.SQL(
            "join lateral (select i.id, i.json from identity i left join patient p on p.id = i.patient_id"
            " where i.study_id = s.id{} order by {} i.id limit 1) i on true"
        ).format(conditions, sql.SQL(own))
        return Statement(text, _values(self.of_identity))


def plan(query: Query) -> Plan:
    """How the archive answers a query. Pure."""
    found: dict[Owner, list[Statement]] = {owner: [] for owner in Owner}
    unmatched: list[Path] = []
    days, times = query.matches.get(STUDY_DATE), query.matches.get(STUDY_TIME)
    joined: tuple[Path, ...] = ()
    if query.joins_date_and_time and isinstance(days, Between) and isinstance(times, Between):
        joined = (STUDY_DATE, STUDY_TIME)
        found[Owner.STUDY].append(instant_between(days, times))
    requested: list[tuple[Column, Match]] = []
    for path, match in query.matches.items():
        column = COLUMNS.get(path)
        if isinstance(match, Anything) or path in _NEVER_MATCHED or path in joined:
            continue
        if column is None:
            unmatched.append(path)
        elif column.kind is Kind.ITEM:
            requested.append((column, match))
        elif query.fuzzy and path == PATIENT_NAME and not isinstance(match, Empty):
            found[column.owner].append(_fuzzily(match))
        else:
            found[column.owner].append(_matching(column, match, is_of_days=_is_of_days(days)))
            if column.kind is Kind.SET:
                found[column.owner].append(_of_what_shows(column, match))
    if requested:
        found[Owner.SERIES].append(of_one_request(requested))
    beside = _BESIDE[query.level]
    of_identity = [each for owner in _OF_IDENTITY - beside for each in found[owner]]
    conditions = [each for owner in Owner if owner in beside for each in found[owner]]
    return Plan(
        query,
        _limit(query),
        tuple(unmatched),
        (*conditions, *_within(query.level, found)),
        tuple(of_identity),
    )


def _matching(column: Column, match: Match, *, is_of_days: bool) -> Statement:
    """One match; of a few days' studies, modalities are looked at row by row. The planner would rather read
    every entry that a modality has in its index: 10 ms for a tenth of a million studies.
    """
    if column.kind is Kind.SET and is_of_days and isinstance(match, Exactly | AnyOf):
        texts = [match.text] if isinstance(match, Exactly) else list(match.texts)
        each = sql.SQL("%s = any({})").format(column.name)
        return Statement(sql.SQL("({})").format(sql.SQL(" or ").join([each] * len(texts))), texts)
    return condition(column, match)


def _is_of_days(days: Match | None) -> bool:
    """Study dates that an index brings sooner than anything else."""
    match days:
        case Exactly():
            return True
        case Between(str(first), str(last)):
            return (_day(last) - _day(first)).days <= FEW_DAYS
    return False


def _day(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))


def _fuzzily(match: Match) -> Statement:
    """Any of the names that are asked for."""
    names = [fuzzily(text) for text in text_of(match).split("\\")]
    return Statement(
        sql.SQL("({})").format(sql.SQL(" or ").join([each.text for each in names])), _values(names)
    )


def _within(level: Level, found: Mapping[Owner, Sequence[Statement]]) -> list[Statement]:
    """What a study or series must hold, in one and the same series or instance, to match keys below it.

    A patient is one who has an identity that matches.
    """
    series, instances = list(found[Owner.SERIES]), list(found[Owner.INSTANCE])
    joins = [sql.SQL("series r on r.study_id = s.id")] if series or instances else []
    joins += [sql.SQL("instance n on n.series_id = r.id")] if instances else []
    series += _showing(Level.SERIES) if series else []
    instances += _showing(Level.INSTANCE) if instances else []
    match level:
        case Level.PATIENT:
            shows = Statement(sql.SQL(IDENTITY_SHOWS), [])
            conditions = [shows, *found[Owner.IDENTITY], *found[Owner.STUDY], *series, *instances]
            text = sql.SQL("exists (select from identity i join {} where i.patient_id = p.id{})").format(
                sql.SQL(" join ").join([sql.SQL("study s on s.id = i.study_id"), *joins]), _and(conditions)
            )
        case Level.STUDY if series or instances:
            conditions = [*series, *instances]
            text = sql.SQL("exists (select from series r{} where r.study_id = s.id{})").format(
                sql.SQL(" join {}").format(joins[1]) if instances else sql.SQL(""), _and(conditions)
            )
        case Level.SERIES if instances:
            conditions = [*instances]
            text = sql.SQL("exists (select from instance n where n.series_id = r.id{})").format(
                _and(conditions)
            )
        case _:
            return []
    return [Statement(text, _values(conditions))]


def _showing(level: Level) -> list[Statement]:
    return [Statement(sql.SQL(SHOWS[level]), [])] if level in SHOWS else []


def _and(conditions: Sequence[Statement]) -> sql.Composed:
    return sql.SQL("").join([sql.SQL(" and {}").format(each.text) for each in conditions])


def _is_narrow(query: Query) -> bool:
    """It finds few, whatever the values: one plan does for all. How many a name, a date or a modality finds,
    and so whether to go by it or by the order of the answers, is another matter for each of them.
    """
    return any(isinstance(query.matches.get(path), Exactly | AnyOf) for path in _NARROW)


def _limit(query: Query) -> int | None:
    if _is_narrow(query):
        return query.limit
    return BROAD_LIMIT if query.limit is None else min(query.limit, BROAD_LIMIT)


def _of_what_shows(column: Column, match: Match) -> Statement:
    """The modalities of a study that has something hidden: only those that show count."""
    shown = condition(replace(column, name=sql.SQL(MODALITIES)), match)
    return Statement(sql.SQL("(not s.has_hidden or {})").format(shown.text), shown.values)


def _values(statements: Sequence[Statement]) -> list[object]:
    return [value for each in statements for value in each.values]
