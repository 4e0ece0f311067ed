"""Decisions over HTTP: who may see and decide, and what readers then get."""

import httpx
from psycopg import connect

from exchange.policy import Role
from storage.part10 import read_meta
from tests.viewer_api.conftest import ORIGIN, Place, bearer
from tests.viewer_api.test_stow import ct, file_of


def contested(place: Place) -> str:
    """A study of which other content waits; its UID."""
    made = ct()
    for description in ("first", "second"):
        made.SeriesDescription = description
        whole = file_of(made)
        meta = read_meta(whole)
        place.keep(
            meta.sop_class_uid,
            meta.sop_instance_uid,
            meta.transfer_syntax_uid,
            whole[meta.data_offset :],
            ORIGIN,
        )
    return str(made.StudyInstanceUID)


def test_a_co_ordinator_decides_and_readers_get_it(place: Place, closed_api: httpx.Client) -> None:
    study = contested(place)
    somebody = bearer(place, Role.COORDINATOR, "co-ordinator", trust="")
    reader = bearer(place, Role.READER)
    assert "Warning" in closed_api.get(f"/dicom-web/studies/{study}/series", headers=reader).headers

    (waiting,) = closed_api.get("/quarantine", headers=somebody).json()
    assert waiting["study_uid"] == study
    assert waiting["diff"] == [{"tag": "0008103E", "how": "changed"}]
    url = f"/quarantine/{waiting['id']}"
    decided = closed_api.put(f"{url}/decision", json={"choice": "take"}, headers=somebody)

    assert (decided.status_code, decided.json()["decided_by"]) == (200, "co-ordinator")
    metadata = closed_api.get(f"/dicom-web/studies/{study}/metadata", headers=reader).json()
    assert [each["0008103E"]["Value"] for each in metadata] == [["second"]]
    assert "Warning" not in closed_api.get(f"/dicom-web/studies/{study}/series", headers=reader).headers
    again = closed_api.put(f"{url}/decision", json={"choice": "keep"}, headers=somebody)
    assert (again.status_code, again.headers["content-type"]) == (409, "application/problem+json")
    assert closed_api.delete(f"{url}/decision", headers=somebody).json()["decision"] is None
    with connect(place.database) as connection:
        looked = connection.execute("select count(*) from audit where action = 'operate'").fetchone()
    assert looked is not None
    assert looked[0] >= 1


def test_who_may_not_is_refused_and_another_trust_sees_nothing(
    place: Place, closed_api: httpx.Client
) -> None:
    contested(place)
    other = bearer(place, Role.COORDINATOR, "other", trust="RBL")
    own = bearer(place, Role.COORDINATOR, "own", trust="RBS")

    assert closed_api.get("/quarantine").status_code == 401
    assert closed_api.get("/quarantine", headers=bearer(place, Role.READER)).status_code == 403
    assert closed_api.get("/quarantine", headers=other).json() == []
    (waiting,) = closed_api.get("/quarantine", headers=own).json()
    url = f"/quarantine/{waiting['id']}/decision"
    assert closed_api.put(url, json={"choice": "keep"}, headers=other).status_code == 404
    assert closed_api.put(url, json={"choice": "both"}, headers=own).status_code == 400
    assert closed_api.put(url, content=b"no", headers=own).status_code == 400
    assert closed_api.put(url, json={"choice": "keep"}, headers=own).status_code == 200
