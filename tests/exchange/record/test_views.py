"""The record's default views: delivered, edited, checked, and every change written down."""

from typing import Any

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from exchange.record.specialty import Specialty
from exchange.record.view import Audience, BadView, Part, view_as_json, view_from
from exchange.record.views import change_view, changes, view_for, views
from storage.errors import AlreadyDecided

PART_VALUES = [each.value for each in Part]
SAID: dict[str, Any] = {
    "specialties": ["radiology"], "has_pictures": False, "has_reports": True, "has_unverified": False,
    "order": PART_VALUES,
}  # fmt: skip


def test_each_audience_has_a_view_from_the_beginning(pool: ConnectionPool) -> None:
    with pool.connection() as connection:
        found = {each.audience: each for each in views(connection)}
    assert list(found) == list(Audience)
    assert found[Audience.PRACTITIONER].view.has_unverified
    assert not found[Audience.PERSON].view.has_unverified
    assert found[Audience.CARER].view.parts == (Part.REPORTS, Part.DETAILS)
    assert all(set(each.view.specialties) == set(Specialty) for each in found.values())


def test_a_change_is_in_force_and_written_down_with_who_and_what_was_before(pool: ConnectionPool) -> None:
    with pool.connection() as connection:
        before = view_for(connection, Audience.CARER)
        made = change_view(connection, Audience.CARER, view_from(SAID), before.version, "ann")
        assert view_for(connection, Audience.CARER) == made
        assert (made.version, made.changed_by) == (2, "ann")
        history = changes(connection, Audience.CARER)
        assert [(each.version, each.by) for each in history] == [(2, "ann"), (1, "imx")]
        assert history[1].view == before.view
        assert len(changes(connection)) == len(Audience) + 1


def test_of_two_who_edit_the_same_view_the_second_hears_so(pool: ConnectionPool) -> None:
    with pool.connection() as connection:
        change_view(connection, Audience.CARER, view_from(SAID), 1, "ann")
        with pytest.raises(AlreadyDecided):
            change_view(connection, Audience.CARER, view_from(SAID), 1, "bob")


def test_what_was_in_force_cannot_be_rewritten(pool: ConnectionPool) -> None:
    with pool.connection() as connection, pytest.raises(psycopg.errors.RestrictViolation):
        connection.execute("delete from record_view_change")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"specialties": []}, "specialties"),
        ({"specialties": ["radiology", "radiology"]}, "specialties"),
        ({"specialties": ["astrology"]}, "specialties.0"),
        ({"order": ["pictures"]}, "order"),
        ({"order": [*PART_VALUES, "reports"]}, "order"),
        ({"has_reports": False, "has_unverified": True}, "has_unverified"),
        ({"has_pictures": None}, "has_pictures"),
    ],
)
def test_a_view_that_cannot_be_is_refused_by_field(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(BadView) as refused:
        view_from({**SAID, **changed})
    assert list(refused.value.problems) == [field]


def test_a_view_is_the_same_as_json() -> None:
    assert view_as_json(view_from(SAID)) == SAID
