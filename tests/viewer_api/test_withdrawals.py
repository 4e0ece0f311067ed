"""Deleting through the API: a request, a second person, and nothing shown any more."""

import httpx
import pytest
from psycopg import connect

from exchange.policy import Role
from tests.storage.material import instance
from tests.storage.strategies import write
from tests.viewer_api.conftest import Place, bearer

_EXPLICIT = "1.2.840.10008.1.2.1"
WHY = {"reason": "the wrong patient"}


@pytest.fixture
def made(place: Place) -> tuple[str, str, str]:
    """The UIDs of a study of one instance."""
    each = instance()
    place.keep(str(each.SOPClassUID), str(each.SOPInstanceUID), _EXPLICIT, write(each, _EXPLICIT).data)
    return str(each.StudyInstanceUID), str(each.SeriesInstanceUID), str(each.SOPInstanceUID)


def delete(client: httpx.Client, path: str, headers: dict[str, str], **body: object) -> httpx.Response:
    return client.request("DELETE", f"/dicom-web/studies/{path}", headers=headers, json=body or WHY)


def approve(
    client: httpx.Client, path: str, headers: dict[str, str], choice: str = "approve"
) -> httpx.Response:
    return client.put(f"{path}/decision", headers=headers, json={"choice": choice})


@pytest.mark.parametrize("level", [1, 2, 3])
def test_two_people_withdraw_and_two_bring_back(
    place: Place, closed_api: httpx.Client, made: tuple[str, str, str], level: int
) -> None:
    ann = bearer(place, Role.CONTRIBUTOR, "ann")
    bob = bearer(place, Role.COORDINATOR, "bob", trust="")
    reader = bearer(place)
    path = "/".join([made[0], "series", made[1], "instances", made[2]][: 2 * level - 1])
    instances = f"/dicom-web/studies/{made[0]}/instances"

    asked = delete(closed_api, path, ann)
    assert (asked.status_code, asked.json()["standing"]) == (202, "waiting")
    location = asked.headers["location"]
    assert closed_api.get(location, headers=ann).json()["because"] == "the wrong patient"
    assert len(closed_api.get(instances, headers=reader).json()) == 1
    approved = approve(closed_api, location, bob)

    assert (approved.status_code, approved.json()["standing"]) == (200, "approved")
    assert closed_api.get(instances, headers=reader).json() == []
    for gone in ("", "/metadata", f"/series/{made[1]}/instances/{made[2]}/frames/1"):
        found = closed_api.get(f"/dicom-web/studies/{made[0]}{gone}", headers=reader)
        assert found.status_code == 404
    assert delete(closed_api, path, ann).status_code == 404
    undoing = closed_api.post(f"{location}/undo", headers=bob, json={"reason": "it was right"})
    assert (undoing.status_code, undoing.json()["restores"]) == (202, asked.json()["id"])
    eve = bearer(place, Role.ADMINISTRATOR, "eve", trust="")
    assert approve(closed_api, undoing.headers["location"], eve).status_code == 200
    assert len(closed_api.get(instances, headers=reader).json()) == 1
    with connect(place.database) as connection:
        rows = connection.execute(
            "select actor, action from audit where action like '%withdrawal' order by id"
        ).fetchall()
    assert ("ann", "ask for a withdrawal") in rows
    assert ("bob", "decide over a withdrawal") in rows


def test_nobody_decides_over_their_own(
    place: Place, closed_api: httpx.Client, made: tuple[str, str, str]
) -> None:
    bob = bearer(place, Role.COORDINATOR, "bob")
    location = delete(closed_api, made[0], bob).headers["location"]

    assert approve(closed_api, location, bob).status_code == 403
    assert closed_api.get(location, headers=bob).json()["standing"] == "waiting"
    with connect(place.database) as connection:
        rows = connection.execute("select because from audit where outcome = 'refused'").fetchall()
    assert rows == [("who asks does not decide: another person does",)]


def test_what_an_open_service_is_asked_waits_for_the_command_line(
    open_api: httpx.Client, made: tuple[str, str, str]
) -> None:
    location = delete(open_api, made[0], {}).headers["location"]

    assert approve(open_api, location, {}).status_code == 403


def test_roles_and_trusts(place: Place, closed_api: httpx.Client, made: tuple[str, str, str]) -> None:
    ann = bearer(place, Role.CONTRIBUTOR, "ann")
    stranger = bearer(place, Role.COORDINATOR, "bob", trust="REM")

    assert delete(closed_api, made[0], {}).status_code == 401
    assert delete(closed_api, made[0], bearer(place)).status_code == 403
    assert delete(closed_api, made[0], stranger).status_code == 400
    location = delete(closed_api, made[0], ann).headers["location"]
    assert approve(closed_api, location, ann).status_code == 403
    assert approve(closed_api, location, stranger).status_code == 404
    assert closed_api.get("/withdrawals", headers=ann).status_code == 403
    assert closed_api.get("/withdrawals", headers=stranger).json() == []
    ours = bearer(place, Role.COORDINATOR, "eve")
    assert [each["asked_by"] for each in closed_api.get("/withdrawals", headers=ours).json()] == ["ann"]
    assert approve(closed_api, location, ours, "reject").json()["standing"] == "rejected"
    assert approve(closed_api, location, ours).status_code == 409


def test_a_reason_is_asked_for(place: Place, closed_api: httpx.Client, made: tuple[str, str, str]) -> None:
    ann = bearer(place, Role.CONTRIBUTOR, "ann")
    path = f"/dicom-web/studies/{made[0]}"

    assert closed_api.delete(path, headers=ann).status_code == 400
    assert delete(closed_api, made[0], ann, reason="").status_code == 400
    assert delete(closed_api, made[0], ann, reason=7).status_code == 400
    assert delete(closed_api, "no-uid", ann).status_code == 400
    assert delete(closed_api, "1.2.3", ann).status_code == 404
    assert (
        approve(closed_api, "/withdrawals/7", ann | bearer(place, Role.COORDINATOR, "bob")).status_code == 404
    )
    huge = approve(closed_api, f"/withdrawals/{10**30}", bearer(place, Role.COORDINATOR, "eve"))
    assert huge.status_code == 404
    said = closed_api.delete(path, headers=ann | {"IMX-Reason": "the wrong patient"})
    assert (said.status_code, said.json()["because"]) == (202, "the wrong patient")
