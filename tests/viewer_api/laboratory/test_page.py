"""The page on which people add files, as far as it goes without a browser (tests/peers has one)."""

import hashlib
import re
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from pydicom.sr.codedict import codes

from exchange.order import Order, Patient, Said, Status
from exchange.orders import PostgresOrders, Told
from exchange.policy import Role
from exchange.registry import PostgresRegistry, Trust
from ologies.case import DocumentOf, EyeDevice, Immersion, Laterality, ScaleUnit, Sex, View
from tests.ologies.material import a_case
from tests.viewer_api.conftest import Place, bearer
from viewer_api import assets
from viewer_api.laboratory.body_sites import BODY_SITES
from viewer_api.laboratory.checking import problems_in
from viewer_api.laboratory.fields import CHOICES, FIELDS, Kind

#: Of tus-js-client 4.3.1, dist/tus.min.js, as npm has it.
TUS_SHA256 = "8cbb1b63fccc3bba0ae73ad1deb160ce046c3750851d0c3e94921ae3ef070eb8"
CASE = a_case().model_dump(mode="json", exclude_unset=True)


@pytest.fixture
def headers(place: Place) -> dict[str, str]:
    """Somebody who may contribute for a trust."""
    PostgresRegistry(place.ingest.index.pool).add_trust(Trust("RBS", "Children's", "RBS"))
    return bearer(place, Role.CONTRIBUTOR, "robin")


def test_whoever_may_contribute_is_shown_a_page_without_scripts_in_it(
    closed_api: httpx.Client, headers: dict[str, str]
) -> None:
    page = closed_api.get("/laboratory", headers=headers)

    assert page.status_code == 200
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|style=", page.text)
    assert "unsafe" not in page.headers["content-security-policy"]
    assert "<noscript>" in page.text
    for needed in re.findall(r"(?:src|href)=\"(/static/[^\"]+)\"", page.text):
        assert closed_api.get(needed).status_code == 200
    for field in FIELDS:
        assert f'for="{field.id}"' in page.text
        assert f'id="{field.id}"' in page.text


def test_nobody_else_is(place: Place, closed_api: httpx.Client) -> None:
    assert closed_api.get("/laboratory").status_code == 401
    for role in (Role.READER, Role.AUDITOR, Role.COORDINATOR):
        other = bearer(place, role, role.value)
        assert closed_api.get("/laboratory", headers=other).status_code == 403
        assert closed_api.post("/laboratory/case", headers=other, json={}).status_code == 403
        assert closed_api.post("/laboratory/order", headers=other, json={"number": "A1"}).status_code == 403
    nobodys = bearer(place, Role.CONTRIBUTOR, "wren", "RXX")
    assert "belongs to no trust" in closed_api.get("/laboratory", headers=nobodys).text
    assert closed_api.post("/laboratory/order", headers=nobodys, json={"number": "A1"}).status_code == 403


def test_only_those_who_may_add_files_are_led_there(
    place: Place, closed_api: httpx.Client, headers: dict[str, str]
) -> None:
    leads = 'href="/laboratory"'
    assert leads in closed_api.get("/studies", headers=headers).text
    assert leads not in closed_api.get("/studies", headers=bearer(place, Role.READER, "jay")).text


def test_what_the_page_runs_is_what_its_makers_published() -> None:
    found = assets.load().found
    (path,) = [each for each in found if each.endswith("tus.min.js")]

    assert hashlib.sha256(found[path].content).hexdigest() == TUS_SHA256
    assert found["tus-js-client-4.3.1/LICENSE.txt"].content.lstrip().startswith(b"The MIT License")


def test_every_field_stands_in_a_case_and_every_choice_is_one() -> None:
    wanted: dict[str, type] = {
        "person.sex": Sex, "laterality": Laterality, "view": View, "eye_device": EyeDevice,
        "dermoscopy.immersion": Immersion, "document": DocumentOf, "units": ScaleUnit,
    }  # fmt: skip
    for path, choices in CHOICES.items():
        assert set(choices) == {each.value for each in wanted[path]}  # type: ignore[attr-defined]
    assert set(CHOICES) == {each.path for each in FIELDS if each.kind is Kind.CHOICE}
    values: dict[Kind, Any] = {
        Kind.TEXT: "x", Kind.DATE: "1953-05-08", Kind.MOMENT: "2026-03-03T10:00:00+00:00", Kind.NUMBER: 0.25,
        Kind.ANSWER: True, Kind.SITE: {"value": "43067004", "scheme": "SCT", "meaning": "Skin of scalp"},
    }  # fmt: skip
    said: dict[str, Any] = {}
    for field in FIELDS:
        *parts, last = field.path.split(".")
        inside = said
        for part in parts:
            inside = inside.setdefault(part, {})
        first = next(iter(CHOICES.get(field.path, {"": ""})))
        inside[last] = first or values[field.kind]
    said["person"]["nhs_number"] = "9990000018"
    assert problems_in(said) == {}


def test_parts_of_the_body_are_the_standards() -> None:
    known = {
        (getattr(group, name).value, getattr(group, name).meaning)
        for group in (codes.CID4029, codes.CID4209, codes.CID4031, codes.CID4)
        for name in group.dir()
    }
    sites = [site for group in BODY_SITES.values() for site in group]
    assert {(site.value, site.meaning) for site in sites} <= known
    assert len({site.value for site in sites}) == len(sites)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({}, None),
        ({"person": {"nhs_number": "9990000019"}}, "person.nhs_number"),
        ({"person": {"identifier": "1"}}, "person.issuer"),
        ({"encounter": {"number": "1"}}, "encounter.issuer"),
        ({"person": {"birth_date": "1953-13-01"}}, "person.birth_date"),
        ({"person": {"name": {"family": "a^b"}}}, "person.name.family"),
        ({"person": {"name": {"given": "Ada"}}}, "person.name.family"),
        ({"scan": {"microns_per_pixel": "many"}}, "scan.microns_per_pixel"),
        ({"view": "xray"}, "view"),
        ({"body_site": {"value": "1"}}, "body_site"),
        ({"colour": "red"}, ""),
        ({"encounter": {"study_uid": "x"}}, ""),
    ],
)
def test_what_is_wrong_is_said_at_its_field(change: dict[str, Any], path: str | None) -> None:
    found = problems_in(change)

    assert set(found) == ({path} if path is not None else set())
    assert all(text[0].isupper() or not at for at, text in found.items())


def test_details_are_checked_before_any_file_is_sent(
    closed_api: httpx.Client, headers: dict[str, str]
) -> None:
    good = closed_api.post("/laboratory/case", headers=headers, json=CASE)
    bad = closed_api.post("/laboratory/case", headers=headers, json={"person": {"nhs_number": "1"}})

    assert good.json() == {"problems": {}}
    assert list(bad.json()["problems"]) == ["person.nhs_number"]


def test_an_order_of_ones_own_trust_fills_the_form(
    place: Place, closed_api: httpx.Client, headers: dict[str, str]
) -> None:
    registry = PostgresRegistry(place.ingest.index.pool)
    registry.add_trust(Trust("REM", "Another", "REM"))
    for trust, number in (("RBS", "A1"), ("REM", "B1")):
        person = Patient(identifier="123", name="CLARK^ADA", birth_date="19530508", sex="F")
        order = Order(trust=trust, number=number, accession=number, patient=person)
        told = Told(order, Status.SCHEDULED, Said(datetime.now(UTC), "x"))
        PostgresOrders(place.ingest.index.pool).tell(told, "a test")

    def find(number: object) -> httpx.Response:
        return closed_api.post("/laboratory/order", headers=headers, json={"number": number})

    found = find(" A1 ").json()
    assert found["person"]["name"] == {"family": "CLARK", "given": "ADA"}
    assert found["person"]["birth_date"] == "1953-05-08"
    assert found["encounter"]["accession"] == "A1"
    assert problems_in(found) == {}
    assert find("B1").status_code == find("C1").status_code == 404
    assert find("").status_code == find(1).status_code == find("x" * 65).status_code == 400
