"""Rejection notes and storage commitment over HTTP."""

import httpx
import pytest

from exchange.policy import Role
from storage.commitment import Asker, Reference
from storage.commitments import Commitments
from tests.storage.material import instance
from tests.storage.notes import note
from tests.storage.strategies import write
from tests.viewer_api.conftest import Place, bearer

_EXPLICIT = "1.2.840.10008.1.2.1"


@pytest.fixture
def rejected(place: Place) -> str:
    """A study of one instance, which a note of its own trust rejects; its UID."""
    made = instance()
    for each in (made, note("113037", [made])):
        place.keep(str(each.SOPClassUID), str(each.SOPInstanceUID), _EXPLICIT, write(each, _EXPLICIT).data)
    return str(made.StudyInstanceUID)


def test_a_coordinator_sees_and_undoes_a_note(place: Place, closed_api: httpx.Client, rejected: str) -> None:
    coordinator, reader = bearer(place, Role.COORDINATOR, "ann", trust=""), bearer(place)
    instances = f"/dicom-web/studies/{rejected}/instances"
    assert len(closed_api.get(instances, headers=reader).json()) == 1

    [listed] = closed_api.get("/rejections", headers=coordinator).json()
    assert (listed["standing"], listed["named"], listed["hidden"]) == ("in force", 1, 1)
    path = f"/rejections/{listed['id']}"
    undone = closed_api.put(f"{path}/decision", headers=coordinator, json={"choice": "undo"}).json()

    assert (undone["standing"], undone["decided_by"]) == ("undone", "ann")
    assert len(closed_api.get(instances, headers=reader).json()) == 2
    accepted = closed_api.put(f"{path}/decision", headers=coordinator, json={"choice": "accept"})
    assert accepted.json()["standing"] == "accepted"
    assert closed_api.get(path, headers=coordinator).json()["hidden"] == 1
    assert closed_api.put(f"{path}/decision", headers=coordinator, json={}).status_code == 400


def test_somebody_of_another_trust_sees_no_note(
    place: Place, closed_api: httpx.Client, rejected: str
) -> None:
    stranger = bearer(place, Role.COORDINATOR, "bob", trust="REM")

    assert closed_api.get("/rejections", headers=stranger).json() == []
    assert closed_api.get("/rejections/1", headers=stranger).status_code == 404
    assert (
        closed_api.put("/rejections/1/decision", headers=stranger, json={"choice": "undo"}).status_code == 404
    )


def test_an_administrator_changes_a_view(place: Place, closed_api: httpx.Client, rejected: str) -> None:
    administrator = bearer(place, Role.ADMINISTRATOR, "eve", trust="")
    body = {"hides_instances": False, "hides_note": True}

    changed = closed_api.put("/rejections/views/113037", headers=administrator, json=body).json()

    assert (changed["hides_instances"], changed["changed_by"], changed["settled"]) == (False, "eve", True)
    assert len(closed_api.get("/rejections/views", headers=administrator).json()) == 4
    assert closed_api.put("/rejections/views/113037", headers=administrator, json={}).status_code == 400
    coordinator = bearer(place, Role.COORDINATOR, "ann", trust="")
    assert closed_api.put("/rejections/views/113037", headers=coordinator, json=body).status_code == 403


def test_pending_commitments_are_listed(place: Place, closed_api: httpx.Client) -> None:
    asker = Asker(0, "CT1", "RBS", "IMX", on_association=False)
    Commitments(place.objects.pool, place.objects).ask("1.2.3", [Reference("1.2", "1.2.3.4")], asker)
    coordinator = bearer(place, Role.COORDINATOR, "ann", trust="RBS")

    [listed] = closed_api.get("/commitments", headers=coordinator).json()

    assert (listed["state"], listed["peer"], listed["instances"]) == ("settling", "CT1", 1)
    other = bearer(place, Role.COORDINATOR, "bob", trust="REM")
    assert closed_api.get("/commitments", headers=other).json() == []


@pytest.mark.parametrize("path", ["/rejections", "/rejections/views", "/rejections/1", "/commitments"])
def test_readers_see_neither(place: Place, closed_api: httpx.Client, path: str) -> None:
    assert closed_api.get(path).status_code == 401
    assert closed_api.get(path, headers=bearer(place)).status_code == 403
