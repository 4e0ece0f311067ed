"""Reports over HTTP: a person decides where one belongs, and its document is had by those who may."""

import httpx
import psycopg
import pytest
from pydicom.uid import CTImageStorage

from exchange.hl7.desk import HANDLERS, Desk
from exchange.hl7.senders import PostgresSenders, Sender
from exchange.policy import Role
from exchange.registry import PostgresRegistry
from exchange.reports.considering import consider_waiting
from exchange.trusts import Trust
from tests.exchange.hl7.material import answer_of
from tests.exchange.hl7.reports_material import PDF, histopathology
from tests.storage.shelf import origin
from tests.viewer_api.conftest import Place, bearer
from tests.viewer_api.material import an_image, kept

STUDY = "1.2.1"


@pytest.fixture
def waiting(place: Place) -> str:
    """A report of a study that names somebody else."""
    pool = place.objects.pool
    PostgresRegistry(pool).add_trust(Trust("RBL", "Wirral", "RBL"))
    PostgresSenders(pool).add(Sender("10.1.2.0/24", "RBL"))
    about = {"PatientID": "999", "PatientBirthDate": "19500102", "AccessionNumber": "26H000123"}
    kept(place, an_image(f"{STUDY}.1.1", SOPClassUID=CTImageStorage, **about), origin=origin("RBL"))
    assert answer_of(Desk(pool, HANDLERS).take(histopathology(), "10.1.2.3"))[0] == "AA"
    consider_waiting(pool)
    with psycopg.connect(place.database) as connection:
        row = connection.execute("select uid from report").fetchone()
    assert row is not None
    return str(row[0])


def test_a_person_decides_where_a_report_belongs(
    place: Place, closed_api: httpx.Client, waiting: str
) -> None:
    who, reader = bearer(place, Role.COORDINATOR, "ann", "RBL"), bearer(place)
    [listed] = closed_api.get("/reports/waiting", headers=who).json()
    assert (listed["id"], listed["state"], listed["study_uids"]) == (waiting, "doubt", [STUDY])
    case = closed_api.get(f"/reports/waiting/{waiting}", headers=who).json()
    assert {"value": "123456", "issuer": "RBL"} in case["report"]["identifiers"]
    assert case["studies"][0]["identifiers"] == [{"value": "999", "issuer": "RBL"}]

    form = f"/reports/{waiting}/forms/1"
    assert closed_api.get(form, headers=reader).status_code == 404
    for wrong in ({}, {"decision": "match"}, {"decision": "burn"}, {"decision": "match", "study": "x"}):
        assert closed_api.post(f"/reports/waiting/{waiting}", json=wrong, headers=who).status_code == 400
    said = {"decision": "match", "study": STUDY, "reason": "same case", "seen": case["seen"]}
    assert closed_api.post(f"/reports/waiting/{waiting}", json=said, headers=who).status_code == 204
    assert closed_api.post(f"/reports/waiting/{waiting}", json=said, headers=who).status_code == 409
    assert closed_api.get("/reports/waiting", headers=who).json() == []

    answer = closed_api.get(form, headers=reader)
    assert (answer.status_code, answer.content) == (200, PDF)
    assert answer.headers["content-type"] == "application/pdf"
    assert closed_api.get(f"/reports/{waiting}/forms/2", headers=reader).status_code == 404

    for decision in ("dismiss", "reconsider"):
        done = closed_api.post(
            f"/reports/waiting/{waiting}", json={"decision": decision, "reason": "x"}, headers=who
        )
        assert done.status_code == 204
    assert closed_api.get(form, headers=reader).status_code == 404
    with psycopg.connect(place.database) as connection:
        decided = connection.execute("select state, decided_by from report_decision order by id").fetchall()
        looked = connection.execute("select distinct action from audit where study_uid = %s", (STUDY,))
        assert {action for (action,) in looked} == {"decide whose a study is", "see a person's record"}
    assert decided == [
        ("doubt", "imx reports"), ("matched", "ann"), ("unmatched", "ann"), ("doubt", "ann"),
    ]  # fmt: skip


def test_readers_and_strangers_decide_nothing(place: Place, closed_api: httpx.Client, waiting: str) -> None:
    for headers, status in ((bearer(place), 403), ({}, 401)):
        for answer in (
            closed_api.get("/reports/waiting", headers=headers),
            closed_api.get(f"/reports/waiting/{waiting}", headers=headers),
            closed_api.post(f"/reports/waiting/{waiting}", json={"decision": "dismiss"}, headers=headers),
        ):
            assert answer.status_code == status
    assert closed_api.get(f"/reports/{waiting}/forms/1").status_code == 401


def test_another_trusts_report_is_none(place: Place, closed_api: httpx.Client, waiting: str) -> None:
    who = bearer(place, Role.COORDINATOR, trust="REM")
    assert closed_api.get("/reports/waiting", headers=who).json() == []
    answer = closed_api.post(
        f"/reports/waiting/{waiting}", json={"decision": "dismiss", "reason": "x"}, headers=who
    )
    assert answer.status_code == 404
