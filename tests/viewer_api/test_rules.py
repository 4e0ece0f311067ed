"""Rules over HTTP: who configures sees and changes them, who operates sees what waits and sends it on."""

import httpx

from exchange.policy import Role
from tests.dicom_router.region import Region
from tests.storage.shelf import Shelf
from tests.viewer_api.conftest import Place, bearer

RULES = '[[rule]]\nname = "All"\nsend = "WS1"\n'


def test_they_are_changed_and_shown(place: Place, closed_api: httpx.Client) -> None:
    Region(Shelf(place.ingest.index.pool, place.objects)).workstations("WS1")
    administrator = bearer(place, Role.ADMINISTRATOR, "Ann", trust="")
    assert closed_api.get("/rules", headers=administrator).status_code == 404

    assert closed_api.put("/rules", content=RULES, headers=administrator).status_code == 200

    shown = closed_api.get("/rules", headers=administrator).json()
    assert (shown["number"], shown["text"], shown["loaded_by"]) == (1, RULES, "Ann")
    refused = closed_api.put("/rules", content=RULES.replace("WS1", "WS9"), headers=administrator)
    assert (refused.status_code, refused.json()["detail"]) == (
        400,
        "line 3: no destination WS9 is known: add it first",
    )
    assert closed_api.put("/rules", content=b"\xff", headers=administrator).status_code == 400
    assert closed_api.get("/rules", headers=administrator).json()["text"] == RULES


def test_what_waits_is_seen_and_sent_on(place: Place, closed_api: httpx.Client) -> None:
    region = Region(Shelf(place.ingest.index.pool, place.objects))
    region.workstations("WS1")
    region.rules(RULES)
    region.send("1.2.1")
    region.send("1.2.1", PatientID="7")
    region.run()
    coordinator = bearer(place, Role.COORDINATOR, "Bob", trust="")

    (waiting,) = closed_api.get("/rules/waiting", headers=coordinator).json()
    assert (waiting["study_uid"], waiting["destination"], waiting["needs_person"]) == ("1.2.1", "WS1", True)
    other = bearer(place, Role.COORDINATOR, "Eve", trust="XYZ")
    assert closed_api.get("/rules/waiting", headers=other).json() == []
    assert closed_api.post("/rules/waiting/1.2.1/release", headers=other).status_code == 404
    assert closed_api.post("/rules/waiting/1.2.1/release", headers=coordinator).status_code == 204
    assert closed_api.post("/rules/waiting/1.2.1/release", headers=coordinator).status_code == 404

    region.run()
    assert region.orders() == [("1.2.1", "WS1")]


def test_nobody_else_does(place: Place, closed_api: httpx.Client) -> None:
    reader = bearer(place, Role.READER)
    coordinator = bearer(place, Role.COORDINATOR, "Bob", trust="")
    for method, path, who in (
        ("GET", "/rules", coordinator),
        ("PUT", "/rules", coordinator),
        ("GET", "/rules/waiting", reader),
        ("POST", "/rules/waiting/1.2/release", reader),
    ):
        assert closed_api.request(method, path, headers=who).status_code == 403
        assert closed_api.request(method, path).status_code == 401
