"""The client over answers of the shapes that NHS England publishes, and the small PDS held to the same."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI, Request
from starlette.responses import Response

from exchange.people.pds.client import TRIES, Held, NoMatch, Pds, Unknown, can_be_traced
from exchange.people.pds.errors import PdsRefused, PdsUnavailable, PdsUnreadable
from exchange.people.pds.pace import Pace
from exchange.people.pds.tracing import Outcome, Wanted, trace_of_local_number
from exchange.people.person import Demographics, Identifier, PersonName, Sensitivity, Sex
from imx.demo.pds.running import running
from imx.demo.pds.server import SmallPds
from tests.exchange.people.pds.published import (
    BEFORE,
    NOW,
    Json,
    found,
    minimal,
    outcome,
    restricted,
    retrieved,
    searchset,
)
from tests.exchange.people.pds.test_client import HEADERS, Clock

NUMBER, OTHER = "9990000018", "9990000026"
NORA = Demographics((PersonName("Fell", ("Nora",)),), "20101022", Sex.FEMALE, postcode="LS1 6AE")


@dataclass(slots=True)
class Answering(SmallPds):
    """Gives the answers that it was told to, one after the other."""

    answers: deque[tuple[int, Json | bytes, Mapping[str, str]]] = field(default_factory=deque)
    asked: list[str] = field(default_factory=list)

    def will(self, status: int, body: Json | bytes, **headers: str) -> None:
        """Answer so next."""
        self.answers.append((status, body, headers))

    def app(self) -> FastAPI:
        """The service."""
        app = FastAPI(openapi_url=None)

        @app.get("/{path:path}")
        async def answer(request: Request) -> Response:
            self.asked.append(str(request.url.query or request.url.path))
            status, body, headers = self.answers.popleft()
            sent = body if isinstance(body, bytes) else orjson.dumps(body)
            return Response(sent, status, dict(headers), "application/fhir+json")

        return app


@pytest.fixture
def service() -> Answering:
    return Answering()


@pytest.fixture
def pds(service: Answering) -> Iterator[Pds]:
    clock = Clock()
    with running(service) as base, httpx.Client(timeout=30) as http:
        yield Pds(base, http, pace=Pace(clock=clock, wait=clock.wait), wait=clock.wait)


@pytest.mark.parametrize("base", [NOW, BEFORE])
def test_a_record_with_all_that_there_can_be(service: Answering, pds: Pds, base: str) -> None:
    service.will(200, retrieved(NUMBER, base), etag='W/"2"')
    held = pds.retrieve(NUMBER)
    assert isinstance(held, Held)
    assert (held.patient.id, held.version, held.patient.sensitivity) == (NUMBER, "2", Sensitivity.NORMAL)
    said = held.patient.demographics
    assert [(each.family, each.use) for each in said.names] == [
        ("Fell", "usual"), ("Fell", "nickname"), ("Hill", "old"),
    ]  # fmt: skip
    assert said.names[0].given == ("Nora Jane",)
    assert (said.birth_date, said.died, said.is_dead, said.sex) == ("20101022", "20211022", True, Sex.FEMALE)
    assert (said.postcode, said.practice, said.birth_order) == ("LS1 6AE", "Y12345", 1)


def test_one_of_poor_quality(service: Answering, pds: Pds) -> None:
    service.will(200, minimal(NUMBER), etag='W/"2"')
    held = pds.retrieve(NUMBER)
    assert isinstance(held, Held)
    assert held.patient.demographics == Demographics()


@pytest.mark.parametrize(
    ("label", "system", "sensitivity"),
    [
        ("R", "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", Sensitivity.RESTRICTED),
        ("R", "https://www.hl7.org/fhir/valueset-security-labels.html", Sensitivity.RESTRICTED),
        ("V", "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", Sensitivity.VERY_RESTRICTED),
        ("REDACTED", "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", Sensitivity.VERY_RESTRICTED),
    ],
)
def test_somebody_who_may_not_be_located(
    service: Answering, pds: Pds, label: str, system: str, sensitivity: Sensitivity
) -> None:
    service.will(200, restricted(NUMBER, label, system), etag='W/"2"')
    held = pds.retrieve(NUMBER)
    assert isinstance(held, Held)
    assert held.patient.sensitivity is sensitivity
    said = held.patient.demographics
    assert (said.address, said.postcode, said.practice) == ((), "", "")
    assert said.name.family == "Fell"


def test_a_superseded_number_is_answered_with_the_other(service: Answering, pds: Pds) -> None:
    service.will(200, retrieved(OTHER), etag='W/"7"')
    held = pds.retrieve(NUMBER)
    assert isinstance(held, Held)
    assert (held.patient.id, held.version) == (OTHER, "7")


@pytest.mark.parametrize(
    ("answer", "unknown"),
    [
        (outcome("RESOURCE_NOT_FOUND", "not-found", "information", BEFORE), Unknown()),
        (outcome("RESOURCE_NOT_FOUND", "not-found"), Unknown()),
        (outcome("INVALIDATED_RESOURCE", "processing"), Unknown(is_invalidated=True)),
    ],
)
def test_numbers_that_are_nobodys(service: Answering, pds: Pds, answer: Json, unknown: Unknown) -> None:
    service.will(404, answer)
    assert pds.retrieve(NUMBER) == unknown


@pytest.mark.parametrize(
    ("status", "code", "issue"),
    [
        (400, "INVALID_RESOURCE_ID", "value"),
        (400, "UNSUPPORTED_SERVICE", "processing"),
        (400, "MISSING_VALUE", "required"),
        (400, "INVALID_VALUE", "value"),
        (400, "INVALID_SEARCH_DATA", "invalid"),
        (400, "ADDITIONAL_PROPERTIES", "invariant"),
        (401, "ACCESS_DENIED", "forbidden"),
        (403, "ACCESS_DENIED", "forbidden"),
        (403, "INVALID_VALUE", "value"),
    ],
)
def test_what_it_refuses_is_said_by_its_code(
    service: Answering, pds: Pds, status: int, code: str, issue: str
) -> None:
    service.will(status, outcome(code, issue, said=f"Invalid value - '{NUMBER}' in field 'id'"))
    with pytest.raises(PdsRefused) as error:
        pds.retrieve(NUMBER)
    assert (error.value.status, error.value.code) == (status, code)
    assert NUMBER not in str(error.value)


@pytest.mark.parametrize(
    ("status", "code", "issue"),
    [
        (408, "UNABLE_TO_CALL_SERVICE", "timeout"),
        (429, "TOO_MANY_REQUESTS", "throttled"),
        (503, "SERVICE_UNAVAILABLE", "transient"),
    ],
)
def test_what_passes_is_asked_again(service: Answering, pds: Pds, status: int, code: str, issue: str) -> None:
    service.will(status, outcome(code, issue), **{"retry-after": "2"})
    service.will(status, outcome(code, issue))
    service.will(200, retrieved(NUMBER), etag='W/"2"')
    assert isinstance(pds.retrieve(NUMBER), Held)

    for _ in range(TRIES):
        service.will(status, outcome(code, issue))
    with pytest.raises(PdsUnavailable, match=str(status)):
        pds.retrieve(NUMBER)


def test_whom_a_search_finds_is_read_by_number(service: Answering, pds: Pds) -> None:
    """It finds by a name of before (`_history`), and shows only the names that somebody has now."""
    service.will(200, searchset(found(NUMBER)))
    service.will(200, retrieved(NUMBER), etag='W/"2"')
    before = Demographics((PersonName("Hill", ("Nora",)),), "20101022", Sex.FEMALE, postcode="LS1 6AE")

    answer = pds.trace(before)

    assert service.asked[1] == f"/Patient/{NUMBER}"
    wanted = Wanted(Identifier("123456", "RBL"), demographics=before)
    assert trace_of_local_number(wanted, answer).outcome is Outcome.VERIFIED


@pytest.mark.parametrize(
    ("answer", "is_several"),
    [
        (searchset(), False),
        ({**searchset(), "entry": []}, False),
        (outcome("TOO_MANY_MATCHES", "multiple-matches", "information"), True),
        (searchset(found(NUMBER), found(OTHER), score=0.9317), True),
    ],
)
def test_a_search_that_finds_nobody_alone(
    service: Answering, pds: Pds, answer: Json, is_several: bool
) -> None:
    service.will(200, answer)
    assert pds.trace(NORA) == NoMatch(is_several)


def test_one_who_is_gone_before_they_are_read_is_nobody(service: Answering, pds: Pds) -> None:
    service.will(200, searchset(found(NUMBER)))
    service.will(404, outcome("INVALIDATED_RESOURCE", "processing"))
    assert pds.trace(NORA) == NoMatch()


def test_nobody_is_searched_by_an_initial() -> None:
    initial = Demographics((PersonName("Fell", ("N",)),), "20101022", postcode="LS1 6AE")
    assert can_be_traced(NORA)
    assert not can_be_traced(initial)


def test_the_small_pds_answers_in_these_shapes() -> None:
    small = SmallPds()
    said = Demographics(
        (PersonName("Fell", ("Nora Jane",), "Mrs", use="usual"),), "20101022", Sex.FEMALE,
        ("1 Fell Lane", "Leeds"), "LS1 6AE", "Y12345", died="20211022", is_dead=True, birth_order=1,
    )  # fmt: skip
    small.records.hold(NUMBER, said)
    small.records.hold(OTHER, said)
    small.records.supersede(OTHER, NUMBER)
    with running(small) as base, httpx.Client(headers=HEADERS) as http:
        root = f"{base}/personal-demographics/FHIR/R4/Patient"
        mine = http.get(f"{root}/{OTHER}").json()
        searched = http.get(root, params={"family": "Fell", "birthdate": "eq2010-10-22"}).json()
        missing = http.get(f"{root}/9990000034").json()
    theirs = retrieved(NUMBER)
    for name in ("identifier", "birthDate", "gender", "deceasedDateTime", "multipleBirthInteger"):
        assert _shape(mine[name]) == _shape(theirs[name])
    assert (mine["id"], mine["meta"]["security"]) == (NUMBER, theirs["meta"]["security"])
    assert [each["resource"]["id"] for each in searched["entry"]] == [NUMBER], (
        "once, under the number that stands"
    )
    assert searched.keys() == searchset(found(NUMBER)).keys()
    expected = outcome("RESOURCE_NOT_FOUND", "not-found", "information")
    assert _shape(missing) == _shape(expected)
    assert missing["issue"][0]["code"] == "not-found"


def _shape(node: Any) -> Any:
    """Which elements there are, and the values of those that name systems."""
    if isinstance(node, list):
        return [_shape(each) for each in node]
    if isinstance(node, dict):
        return {
            name: each if name in ("system", "url", "code") else _shape(each) for name, each in node.items()
        }
    return type(node)


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"<html>", b"null", b"[]", b"[" * 100_000, b"\xff\xfe", b"{}", b'{"resourceType":"Patient"}',
        b'{"resourceType":"Patient","id":"9990000019"}',
        b'{"resourceType":"Patient","id":"9990000018","name":1}',
        b'{"resourceType":"Patient","contained":[{"resourceType":"No"}]}',
    ],
)  # fmt: skip
def test_what_nobody_can_read_is_of_one_number(service: Answering, pds: Pds, answer: bytes) -> None:
    service.will(200, answer)
    with pytest.raises(PdsUnreadable):
        pds.retrieve(NUMBER)


@pytest.mark.parametrize("entry", [1, "x", {"a": 1}, [1], [None], [{}], [{"resource": []}], [[]]])
def test_what_is_no_bundle_finds_nobody(service: Answering, pds: Pds, entry: object) -> None:
    service.will(200, {"resourceType": "Bundle", "entry": entry})
    with pytest.raises(PdsUnreadable):
        pds.trace(Demographics((PersonName("Hill", ("Nora",)),), "20101022", Sex.FEMALE, postcode="LS1 6AE"))


@pytest.mark.parametrize("issue", [1, "x", [1], [{"details": "x"}], [{"details": {"coding": [1]}}]])
def test_what_is_no_outcome_is_of_one_number(service: Answering, pds: Pds, issue: object) -> None:
    service.will(404, {"resourceType": "OperationOutcome", "issue": issue})
    with pytest.raises(PdsUnreadable):
        pds.retrieve(NUMBER)
