"""All of one person's studies across trusts, as one line in time. Pure, but for `studies_for`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from exchange.linking.links import studies_of
from exchange.people.person import Person
from exchange.record.specialty import Specialty, kinds_of, specialties_of
from exchange.record.view import Part, View
from exchange.reports.report import Report, ReportStatus

#: Studies on one page.
SHOWN_AT_ONCE = 50

_STUDIES = """
    select s.uid, coalesce(s.study_date, '') as date, coalesce(s.study_time, '') as time,
        coalesce(s.description, '') as description, coalesce(s.accession, '') as accession,
        s.modalities, i.trust, coalesce(t.name, i.trust) as trust_name,
        (select coalesce(sum(c.instances), 0)::bigint from series r join series_tally c on c.series_id = r.id
            where r.study_id = s.id) as images
    from study s cross join lateral (
        select d.trust from identity d
        where d.study_id = s.id and (not s.has_versions or is_borne(s.id, d.id)) order by d.id limit 1
    ) i left join trust t on t.ods_code = i.trust
    where s.uid = any(%s) order by s.study_date desc nulls last, s.study_time desc nulls last, s.uid
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A study of somebody, of which something shows."""

    uid: str
    date: str  # YYYYMMDD or ""
    time: str
    description: str
    accession: str
    modalities: Sequence[str]
    trust: str  # ODS code of who holds it
    trust_name: str
    images: int
    reports: tuple[Report, ...] = ()

    @property
    def year(self) -> str:
        """Empty where its date is not known."""
        return self.date[:4]

    @property
    def kinds(self) -> tuple[str, ...]:
        """In words."""
        return kinds_of(self.modalities)

    @property
    def specialties(self) -> tuple[Specialty, ...]:
        """Which of the ologies it is of."""
        return specialties_of(self.modalities)


@dataclass(frozen=True, slots=True)
class Filters:
    """What of a timeline somebody wants to see; "" is everything."""

    specialty: str = ""
    trust: str = ""
    year: str = ""

    def lets(self, listed: Listed) -> bool:
        """Whether a study is wanted."""
        return (
            (not self.specialty or self.specialty in {each.value for each in listed.specialties})
            and self.trust in ("", listed.trust)
            and self.year in ("", listed.year)
        )


@dataclass(frozen=True, slots=True)
class Choices:
    """What there is to choose from, by value in words."""

    specialties: Mapping[str, str]
    trusts: Mapping[str, str]
    years: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Day:
    """The studies of a day; "" where it is not known."""

    date: str
    studies: tuple[Listed, ...]


@dataclass(frozen=True, slots=True)
class Year:
    """The days of a year."""

    year: str
    days: tuple[Day, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """One page of it, the newest first."""

    years: tuple[Year, ...]
    choices: Choices
    total: int  # studies that the filters let through, on all pages
    page: int
    pages: int
    left_out: int  # studies of specialties that the view does not show
    parts: tuple[Part, ...] = field(default=())

    @property
    def uids(self) -> list[str]:
        """Of the studies on this page."""
        return [study.uid for year in self.years for day in year.days for study in day.studies]


def studies_for(connection: Connection[Any], person: Person) -> Sequence[Listed]:
    """Everything that is linked to somebody, by whichever of their records, and shows; the newest first."""
    uids = list(studies_of(connection, person.id))
    rows = connection.cursor(row_factory=class_row(Listed)).execute(_STUDIES, (uids,)).fetchall()
    return [each for each in rows if each.images]


def timeline_of(studies: Sequence[Listed], view: View, filters: Filters, page: int = 1) -> Timeline:
    """A page of it as a view has it, without reports yet; the last page where there are not so many."""
    shown = [each for each in studies if set(each.specialties) & set(view.specialties)]
    wanted = [each for each in shown if filters.lets(each)]
    pages = max(1, -(-len(wanted) // SHOWN_AT_ONCE))
    page = min(max(page, 1), pages)
    of_page = wanted[(page - 1) * SHOWN_AT_ONCE : page * SHOWN_AT_ONCE]
    return Timeline(
        _years(of_page), _choices(shown), len(wanted), page, pages, len(studies) - len(shown), view.parts
    )


def with_reports(timeline: Timeline, reports: Mapping[str, Sequence[Report]], view: View) -> Timeline:
    """With what was reported of each study, as far as the view shows it; the newest first."""
    if not view.has_reports:
        return timeline
    years = tuple(
        Year(
            year.year,
            tuple(
                Day(day.date, tuple(_reported(each, reports.get(each.uid, ()), view) for each in day.studies))
                for day in year.days
            ),
        )
        for year in timeline.years
    )
    return replace(timeline, years=years)


def _reported(listed: Listed, reports: Iterable[Report], view: View) -> Listed:
    shown = [each for each in reports if view.has_unverified or each.status not in _UNVERIFIED]
    return replace(listed, reports=tuple(sorted(shown, key=lambda each: each.changed_at, reverse=True)))


#: What nobody has verified, or is still to come.
_UNVERIFIED = frozenset({ReportStatus.PRELIMINARY, ReportStatus.PARTIAL, ReportStatus.REGISTERED})


def _years(studies: Sequence[Listed]) -> tuple[Year, ...]:
    """Of studies that are sorted by date."""
    return tuple(
        Year(year, tuple(Day(date, tuple(of_day)) for date, of_day in groupby(of_year, _date)))
        for year, of_year in groupby(studies, lambda each: each.year)
    )


def _date(listed: Listed) -> str:
    return listed.date


def _choices(studies: Sequence[Listed]) -> Choices:
    found = {each for listed in studies for each in listed.specialties}
    return Choices(
        {each.value: each.value.capitalize() for each in Specialty if each in found},
        dict(sorted({each.trust: each.trust_name for each in studies}.items(), key=lambda each: each[1])),
        {year: year for year in sorted({each.year for each in studies if each.year}, reverse=True)},
    )
