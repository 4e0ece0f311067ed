"""One person's studies as a line in time."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.record.specialty import Specialty, kinds_of, specialties_of
from exchange.record.timeline import SHOWN_AT_ONCE, Filters, Listed, timeline_of, with_reports
from exchange.record.view import Part, View
from exchange.reports.report import Content, Report, ReportSource, ReportStatus

ALL = View(tuple(Specialty), True, True, True, tuple(Part))


def listed(number: int = 1, date: str = "20260301", trust: str = "RBL", *modalities: str) -> Listed:
    return Listed(
        uid=f"1.2.{number}", date=date, time="", description="", accession="",
        modalities=modalities or ("CT",), trust=trust, trust_name=f"Trust {trust}", images=1,
    )  # fmt: skip


def report(status: ReportStatus, day: int = 1) -> Report:
    return Report(
        id=uuid4(), study_uid="1.2.1", source=ReportSource.HL7, trust="RBL", assigner="", number="1",
        status=status, content=Content(), version=1, changed_at=datetime(2026, 3, day, tzinfo=UTC),
        said_at=datetime(2026, 3, day, tzinfo=UTC),
    )  # fmt: skip


def test_studies_stand_under_their_year_and_day_the_newest_first() -> None:
    made = timeline_of(
        [listed(1, "20260301"), listed(2, "20260301"), listed(3, "20251224"), listed(4, "")], ALL, Filters()
    )
    assert [(year.year, [(day.date, len(day.studies)) for day in year.days]) for year in made.years] == [
        ("2026", [("20260301", 2)]),
        ("2025", [("20251224", 1)]),
        ("", [("", 1)]),
    ]
    assert list(made.choices.years) == ["2026", "2025"]


@pytest.mark.parametrize(
    ("filters", "uids"),
    [
        (Filters(specialty="cardiology"), ["1.2.2"]),
        (Filters(trust="RBL"), ["1.2.1"]),
        (Filters(year="2025"), ["1.2.3"]),
        (Filters(specialty="pathology", year="2026"), []),
    ],
)
def test_filters_leave_what_is_wanted(filters: Filters, uids: list[str]) -> None:
    studies = [
        listed(1),
        listed(2, "20260201", "RBT", "ECG"),
        listed(3, "20251224", "RBT", "SM"),
    ]
    made = timeline_of(studies, ALL, filters)
    assert made.uids == uids
    assert set(made.choices.trusts) == {"RBL", "RBT"}


@given(st.integers(0, 3 * SHOWN_AT_ONCE), st.integers(-2, 9))
def test_every_study_is_on_one_page(count: int, page: int) -> None:
    studies = [listed(number) for number in range(count)]
    pages = [timeline_of(studies, ALL, Filters(), each) for each in range(1, 5)]
    seen = [uid for each in {made.page: made for made in pages}.values() for uid in each.uids]
    assert seen == [each.uid for each in studies]
    asked = timeline_of(studies, ALL, Filters(), page)
    assert 1 <= asked.page <= asked.pages


def test_a_view_without_a_specialty_says_how_much_it_leaves_out() -> None:
    view = replace(ALL, specialties=(Specialty.RADIOLOGY,))
    made = timeline_of([listed(1), listed(2, "20260301", "RBL", "ECG")], view, Filters())
    assert (made.uids, made.left_out, list(made.choices.specialties)) == (["1.2.1"], 1, ["radiology"])


def test_reports_are_shown_as_far_as_the_view_goes() -> None:
    found = {"1.2.1": [report(ReportStatus.PRELIMINARY, 1), report(ReportStatus.FINAL, 2)]}

    def shown(view: View) -> list[ReportStatus]:
        made = with_reports(timeline_of([listed()], view, Filters()), found, view)
        return [each.status for each in made.years[0].days[0].studies[0].reports]

    assert shown(ALL) == [ReportStatus.FINAL, ReportStatus.PRELIMINARY]
    assert shown(replace(ALL, has_unverified=False)) == [ReportStatus.FINAL]
    assert shown(replace(ALL, has_unverified=False, has_reports=False)) == []


def test_a_kind_is_said_in_words_and_what_accompanies_it_last() -> None:
    assert kinds_of(["SR", "DX", "CR", "ZZ"]) == ("X-ray", "ZZ", "Report")
    assert specialties_of(["SR", "ECG", "CT"]) == (Specialty.RADIOLOGY, Specialty.CARDIOLOGY)
    assert specialties_of(["SR"]) == (Specialty.OTHER,)
