"""A report for which somebody decides, and the studies to which it may belong, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg import Connection

from exchange.custody import OF_TRUST, is_of_trust
from exchange.people.person import Identifier
from exchange.record.reading import shared_studies
from exchange.record.study import SharedStudy
from exchange.reports.matching import Candidate, against, is_meant
from exchange.reports.question import Place, Question, question_of
from exchange.reports.report import Content

#: Studies of whom a report names, for one that finds none by what it names: those of about the same day.
_LIKELY_LIMIT = 5
_LIKELY: LiteralString = f"""
    with numbers as (
        select value, issuer from unnest(%s::text[], %s::text[]) n (value, issuer)
        union select value, issuer from person_record where current_id = any(%s)
    ), theirs as (
        select i.study_id from numbers n join patient p on p.identifier = n.value and p.issuer = n.issuer
            join identity i on i.patient_id = p.id
        union select l.study_id from study_link l join person_record p on p.id = l.person_id
            where coalesce(p.current_id, p.id) = any(%s)
    )
    select s.uid from study s where s.id in (select study_id from theirs) and {OF_TRUST}
    order by abs(extract(epoch from s.created_at - %s::timestamptz)) limit %s
"""
_DECISIONS = """
    select decided_at, decided_by, trust, verb, state, coalesce(study_uid, ''), because, reason
    from report_decision where report_id = %s order by id
"""


@dataclass(frozen=True, slots=True)
class Side:
    """Whom a report or a study names."""

    study_uid: str  # "" for the report's own side, where it names none
    identifiers: tuple[Identifier, ...]
    birth_dates: tuple[str, ...]  # YYYYMMDD
    names: tuple[str, ...] = ()  # DICOM person names
    accessions: tuple[str, ...] = ()
    date: str = ""  # YYYYMMDD: when what it is about was done
    is_linked: bool = False
    is_named: bool = False  # the report names it, by UID or accession number
    against: str = ""  # what speaks against it, by the rules


@dataclass(frozen=True, slots=True)
class Decision:
    """One that was made."""

    at: datetime
    by: str
    trust: str
    verb: str  # "" where the rules made it
    state: str
    study_uid: str
    because: str
    reason: str


@dataclass(frozen=True, slots=True)
class Case:
    """Both sides. Patient data: whoever shows it asks exchange.policy.may and writes down who looked."""

    report: Side
    studies: tuple[Side, ...]
    because: str
    elsewhere: int  # studies of other trusts to which it may belong, which the asker may not see to
    decided_by: str | None
    decisions: tuple[Decision, ...]
    seen: str  # comes back with a decision: it is refused if anything changed since


@dataclass(frozen=True, slots=True)
class Shown:
    """A case with all that a page says of both sides."""

    case: Case
    place: Place
    content: Content
    studies: tuple[SharedStudy, ...]  # in the order of the case's


def case_of(connection: Connection[Any], report_id: int, trust: str = "", also: str = "") -> Shown | None:
    """Of one report, for somebody of a trust ("" of none); None where there is none.

    `also` is a study that the asker means, whatever the report names.
    """
    asked = question_of(connection, report_id, [also] if also else [])
    if asked is None:
        return None
    if not any(is_meant(asked.named, each) for each in asked.studies):
        likely = _likely(connection, asked, trust)
        asked = question_of(connection, report_id, [*likely, *([also] if also else [])]) or asked
    theirs = [each for each in asked.studies if is_of_trust(connection, each.uid, trust or None)]
    held = shared_studies(connection, [each.uid for each in theirs])
    shown = sorted(
        (each for each in theirs if each.uid in held),
        key=lambda each: (each.uid != asked.place.study_uid, not is_meant(asked.named, each), each.uid),
    )
    decisions = connection.execute(_DECISIONS, (report_id,)).fetchall()
    case = Case(
        _of_report(asked),
        tuple(_of_study(asked, each, held[each.uid]) for each in shown),
        asked.place.because,
        len(asked.studies) - len(theirs),
        asked.decided_by,
        tuple(Decision(*each) for each in decisions),
        asked.seen,
    )
    return Shown(case, asked.place, asked.content, tuple(held[each.uid] for each in shown))


def _likely(connection: Connection[Any], asked: Question, trust: str) -> Sequence[str]:
    numbers, people = sorted(asked.named.patients), sorted(asked.directory.stands_for.values())
    about = asked.content.effective or asked.content.issued
    rows = connection.execute(
        _LIKELY,
        (
            [each.value for each in numbers], [each.issuer for each in numbers], people, people,
            trust or None, trust or None, about, _LIKELY_LIMIT,
        ),
    ).fetchall()  # fmt: skip
    return [uid for (uid,) in rows]


def _of_report(asked: Question) -> Side:
    content, named = asked.content, asked.named
    done = content.effective
    return Side(
        named.study_uid,
        tuple(sorted(named.patients)),
        _dates([named.birth_date]),
        (content.patient_name,) if content.patient_name else (),
        named.accessions,
        f"{done.astimezone():%Y%m%d}" if done else "",
    )


def _of_study(asked: Question, study: Candidate, held: SharedStudy) -> Side:
    return Side(
        study.uid,
        tuple(sorted(frozenset().union(*(each.identifiers for each in study.whose)))),
        _dates([each.birth_date for each in study.whose]),
        (held.patient_name,) if held.patient_name else (),
        (study.accession,) if study.accession else (),
        held.date,
        study.person is not None,
        is_meant(asked.named, study),
        against(asked.named, study, asked.directory),
    )


def _dates(found: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({each for each in found if each}))
