"""Patients by when what is known of them changed, in an order, and with what is theirs."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from exchange.people.person import Demographics, Identifier, NumberStatus, PersonName, Record, Said
from exchange.people.statements import Apart, Merged
from exchange.people.telling import tell
from exchange.policy import Role
from tests.viewer_api.conftest import Place, bearer
from tests.viewer_api.fhir.people import (
    NOON,
    RUTHS_LOCAL,
    RUTHS_NUMBER,
    RUTHS_OLD_NUMBER,
    fill,
    known,
    many,
)
from tests.viewer_api.fhir.records import a_study, link
from tests.viewer_api.fhir.test_documents import an_order
from viewer_api.fhir import patient as patient_module
from viewer_api.fhir import reverse

URL = "/fhir/R4/Patient"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def api(place: Place, open_api: httpx.Client) -> httpx.Client:
    fill(place)
    return open_api


def found(api: httpx.Client, **params: str) -> list[Mapping[str, Any]]:
    answer = api.get(URL, params=params)
    assert answer.status_code == 200, answer.text
    entries = answer.json().get("entry", ())
    return [each["resource"] for each in entries if each["search"]["mode"] == "match"]


def last_updated(api: httpx.Client, uid: UUID) -> datetime:
    return datetime.fromisoformat(api.get(f"{URL}/{uid}").json()["meta"]["lastUpdated"])


def long_ago(place: Place) -> None:
    """All that is known has been so for years."""
    with psycopg.connect(place.database) as connection:
        connection.execute("update person_record set changed_at = %s", (LONG_AGO,))


def test_whatever_changes_of_somebody_is_when_they_changed(place: Place, api: httpx.Client) -> None:
    said = Demographics((PersonName("O'Neill", ("Ruth",)),), "19710304")
    verified = NumberStatus.VERIFIED
    other = Identifier.nhs("9990000034")
    ruth, ada = known(place, RUTHS_NUMBER), known(place, other)
    for what, changes in {
        "a record says something else": Record(RUTHS_LOCAL, said, RUTHS_NUMBER.value, verified),
        "a new number": Record(Identifier("77", "REM"), said, RUTHS_NUMBER.value, verified),
        "a number that leaves": Apart(RUTHS_OLD_NUMBER),
        "a number that comes": Merged(RUTHS_OLD_NUMBER, RUTHS_NUMBER),
    }.items():
        long_ago(place)
        with psycopg.connect(place.database) as connection:
            row = connection.execute("select clock_timestamp()").fetchone()
        assert row is not None
        before = row[0]
        tell_later(place, changes)
        assert last_updated(api, ruth.uid) >= before, what
        assert last_updated(api, ada.uid) == LONG_AGO, what
        since = before.isoformat().replace("+00:00", "Z")
        changed = {each["id"]: each["meta"]["lastUpdated"] for each in found(api, _lastUpdated=f"ge{since}")}
        assert datetime.fromisoformat(changed[str(ruth.uid)]) == last_updated(api, ruth.uid), what
        assert str(ada.uid) not in changed, what

    long_ago(place)
    tell_later(place, Record(RUTHS_LOCAL, said, RUTHS_NUMBER.value, verified))
    assert last_updated(api, ruth.uid) == LONG_AGO, "said again"


_minutes = iter(range(60, 6_000))


def tell_later(place: Place, *statements: Any) -> None:
    with psycopg.connect(place.database) as connection:
        for each in statements:
            minute = next(_minutes)
            tell(connection, each, Said(NOON + timedelta(minutes=minute), f"message {minute}"))


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("2020-01-01", True), ("2020", True), ("ge2020-01-01", True), ("gt2019", True),
        ("ap2020-01-01", True), ("sa2019-12-31", True),
        ("2020-01-02", False), ("gt2020-01-01", False), ("2019", False),
    ],
)  # fmt: skip
def test_each_prefix_means_what_it_says(place: Place, api: httpx.Client, text: str, is_found: bool) -> None:
    long_ago(place)
    assert bool(found(api, _lastUpdated=text)) is is_found
    for inverse in ("lt", "le", "eb", "ne"):
        bare = text.lstrip("abcdefghijklmnopqrstuvwxyz")
        refused = api.get(URL, params={"_lastUpdated": f"{inverse}{bare}"})
        assert (refused.status_code, refused.json()["issue"][0]["code"]) == (400, "too-costly")
    assert bool(found(api, family="one", _lastUpdated="lt2020-01-02")) is True
    assert bool(found(api, family="one", _lastUpdated="lt2020-01-01")) is False
    assert bool(found(api, family="one", _lastUpdated="ne2020-01-01")) is False
    assert bool(found(api, family="one", _lastUpdated="le2020-01-01")) is True


@pytest.mark.parametrize("name", ["family", "given", "birthdate", "_lastUpdated"])
def test_they_are_sorted_and_pages_stay_as_the_first_was(place: Place, api: httpx.Client, name: str) -> None:
    numbers = many(place, 5)
    with psycopg.connect(place.database) as connection:
        for at, number in enumerate(numbers):
            connection.execute(
                "update person_record set changed_at = %s, birth_date = %s, family = %s where value = %s",
                (
                    LONG_AGO + timedelta(days=at * 7 % 5),
                    f"197{at * 3 % 5}",
                    f"jones{at * 2 % 5}",
                    number.value,
                ),
            )
    for mark in ("", "-"):
        answer = api.get(URL, params={"family": "jones", "_sort": f"{mark}{name}", "_count": "2"})
        ids = [each["resource"]["id"] for each in answer.json()["entry"]]
        tell_later(place, Record(Identifier(f"late{mark}", "REM"), Demographics((PersonName("Jones"),))))
        while following := [each["url"] for each in answer.json()["link"] if each["relation"] == "next"]:
            answer = api.get(following[0])
            ids += [each["resource"]["id"] for each in answer.json()["entry"]]
        column = {
            "family": "family",
            "given": "given",
            "birthdate": "birth_date",
            "_lastUpdated": "changed_at",
        }
        order = f"{column[name]} {'desc' if mark else 'asc'} nulls last, id"
        with psycopg.connect(place.database) as connection:
            rows = connection.execute(
                "select uid::text from person_record where value = any(%s) or value like 'late%%'"
                f" order by {order}",
                ([each.value for each in numbers],),
            ).fetchall()
        expected = [uid for (uid,) in rows if uid in ids]
        assert ids == expected
        with psycopg.connect(place.database) as connection:
            connection.execute("update person_record set family = 'other' where value like 'late%%'")


def test_what_is_theirs_comes_with_them_and_is_written_down(place: Place, api: httpx.Client) -> None:
    ruth, uid = known(place, RUTHS_NUMBER), "1.2.826.0.1.9"
    a_study(place, uid)
    link(place, uid, ruth)
    an_order(place, identifier="123456")
    includes = [f"{kind}:patient" for kind in ("ImagingStudy", "DiagnosticReport", "DocumentReference")]
    params: list[tuple[str, Any]] = [
        ("identifier", f"https://fhir.nhs.uk/Id/nhs-number|{RUTHS_NUMBER.value}")
    ]
    params += [("_revinclude", each) for each in (*includes, "ServiceRequest:subject")]

    entries = api.get(URL, params=params).json()["entry"]

    modes = [(each["resource"]["resourceType"], each["search"]["mode"]) for each in entries]
    assert modes[0] == ("Patient", "match")
    assert {kind for kind, mode in modes if mode == "include"} >= {"ImagingStudy", "DocumentReference"}
    for each in entries:
        if each["search"]["mode"] == "include":
            assert each["resource"]["subject"]["reference"] == f"Patient/{ruth.uid}"
            kind, id = each["resource"]["resourceType"], each["resource"]["id"]
            assert api.get(f"/fhir/R4/{kind}/{id}").json() == each["resource"]
    with psycopg.connect(place.database) as connection:
        rows = connection.execute(
            "select count(*) from audit where study_uid = %s and person = %s"
            " and detail ->> 'of' like '%%ImagingStudy%%'",
            (uid, ruth.uid),
        ).fetchone()
    assert rows is not None
    assert rows[0] >= 1


def test_what_a_reader_may_not_see_does_not_come_with_anybody(
    place: Place, api: httpx.Client, closed_api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    ruth, uid = known(place, RUTHS_NUMBER), "1.2.826.0.1.9"
    link(place, a_study(place, uid), ruth)
    params = {"_id": str(ruth.uid), "_revinclude": "ImagingStudy:patient"}
    assert len(api.get(URL, params=params).json()["entry"]) == 2
    monkeypatch.setattr(reverse, "may_see", lambda reader, study, person: study != uid)
    assert len(api.get(URL, params=params).json()["entry"]) == 1
    monkeypatch.setattr(reverse, "STUDIES_LIMIT", 0)
    refused = api.get(URL, params=params)
    assert (refused.status_code, refused.json()["issue"][0]["code"]) == (400, "too-costly")

    monkeypatch.setattr(patient_module, "may_see", lambda reader, study, person: person != ruth.uid)
    assert found(api, family="oneill") == []
    assert api.get(URL, params={"family": "oneill"}).json()["total"] == 0

    closed_api.headers.update(bearer(place, Role.FEEDER, "pas", "RBL"))
    assert closed_api.get(URL, params=params).status_code == 403


def test_part_of_a_name_is_three_letters_at_least(api: httpx.Client) -> None:
    for name in ("family", "given", "name"):
        assert api.get(URL, params={"birthdate": "1971-03-04", f"{name}:contains": "ne"}).status_code == 400
    assert len(found(api, **{"name:contains": "eil"})) == 1
