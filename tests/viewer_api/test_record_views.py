"""The record's default views, edited by an administrator: by the page and by the API."""

import re
from typing import Any

import httpx
import pytest

from exchange.policy import Role
from tests.viewer_api.conftest import Place, bearer

BROWSER = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def admin(closed_api: httpx.Client, place: Place) -> httpx.Client:
    """Somebody who configures the service."""
    closed_api.headers.update(bearer(place, Role.ADMINISTRATOR, "root", trust=""))
    return closed_api


def test_a_view_is_changed_over_the_one_that_was_seen(admin: httpx.Client) -> None:
    seen: dict[str, Any] = admin.get("/record-views/carer").json()
    said = {name: seen[name] for name in ("specialties", "has_reports", "has_unverified", "order", "version")}
    made = admin.put("/record-views/carer", json={**said, "has_pictures": True})
    assert (made.status_code, made.json()["version"], made.json()["changed_by"]) == (200, 2, "root")
    assert admin.put("/record-views/carer", json={**said, "has_pictures": False}).status_code == 409
    told = admin.get("/record-views").json()
    assert (told["changes"][0]["audience"], told["changes"][0]["by"]) == ("carer", "root")
    assert len(told["views"]) == 3


@pytest.mark.parametrize(
    "body", [{}, {"version": 1}, {"version": "1"}, {"version": 1, "specialties": ["astrology"]}]
)
def test_what_cannot_be_a_view_changes_nothing(admin: httpx.Client, body: dict[str, Any]) -> None:
    assert admin.put("/record-views/carer", json=body).status_code == 400
    assert admin.get("/record-views/carer").json()["version"] == 1


def test_it_is_for_administrators(closed_api: httpx.Client, place: Place) -> None:
    ann = bearer(place, Role.COORDINATOR, "ann")
    for path in ("/record-views", "/record-views/carer"):
        assert closed_api.get(path).status_code == 401
        assert closed_api.get(path, headers=ann).status_code == 403
    assert closed_api.put("/record-views/carer", headers=ann, json={}).status_code == 403
    assert closed_api.get("/record-views/cat", headers=ann).status_code == 400


def test_the_form_saves_what_is_ticked_and_says_what_is_wrong(open_api: httpx.Client) -> None:
    open_api.headers.update(BROWSER)
    page = open_api.get("/record-views/carer").text
    (version,) = re.findall(r'name="version" value="(\d+)"', page)
    typed = {
        "version": version, "specialty_radiology": "yes", "has_reports": "yes", "order_1": "reports",
        "order_2": "details", "order_3": "pictures",
    }  # fmt: skip
    wrong = open_api.post("/record-views/carer", data={**typed, "order_2": "reports"})
    assert "each part has one place" in wrong.text
    answer = open_api.post("/record-views/carer", data=typed)
    assert (answer.status_code, answer.headers["location"]) == (303, "/record-views")
    listed = open_api.get("/record-views").text
    assert "radiology; no pictures; reports, once they are verified" in listed
    stale = open_api.post("/record-views/carer", data=typed)
    assert stale.status_code == 409
