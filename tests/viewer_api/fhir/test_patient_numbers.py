"""The other numbers of whoever has one (IHE PIXm ITI-83), and its profile's errors."""

import httpx
import pytest
from fhir.resources.R4B.parameters import Parameters

from exchange.fhir.identifiers import NHS_NUMBER, patient_system
from tests.viewer_api.conftest import Place
from tests.viewer_api.fhir.people import RUTHS_NUMBER, fill, known

URL = "/fhir/R4/Patient/$ihe-pix"
WIRRAL, LIVERPOOL = patient_system("RBL"), patient_system("REM")


@pytest.fixture
def api(place: Place, open_api: httpx.Client) -> httpx.Client:
    fill(place)
    return open_api


def answered(api: httpx.Client, source: str, *targets: str) -> list[str]:
    """The numbers, and the reference, in order."""
    asked = httpx.QueryParams({"sourceIdentifier": source, "targetSystem": list(targets)})
    answer = api.get(URL, params=asked)
    assert answer.status_code == 200, answer.text
    Parameters.model_validate(answer.json())
    return [
        each["valueIdentifier"]["value"] if each["name"] == "targetIdentifier" else each["name"]
        for each in answer.json().get("parameter", [])
    ]


def test_one_number_leads_to_the_others(place: Place, api: httpx.Client) -> None:
    assert answered(api, f"{WIRRAL}|123456") == ["9990000018", "targetId"]
    assert answered(api, f"{NHS_NUMBER}|9990000018") == ["123456", "targetId"]
    assert answered(api, f"{NHS_NUMBER}|999 000 0018") == ["123456", "targetId"]
    assert answered(api, f"{NHS_NUMBER}|9990000018", WIRRAL) == ["123456"]
    assert answered(api, f"{WIRRAL}|123456", LIVERPOOL) == []
    assert answered(api, f"{NHS_NUMBER}|9990000026", NHS_NUMBER) == ["9990000018"]  # superseded
    base = str(api.base_url).rstrip("/") + "/fhir/R4"
    uid = known(place, RUTHS_NUMBER).uid
    assert answered(api, f"{base}|Patient/{uid}", NHS_NUMBER) == ["9990000018"]
    assert answered(api, f"{WIRRAL}|123456", base) == ["targetId"]


def test_what_cannot_be_answered_is_said_as_the_profile_has_it(api: httpx.Client) -> None:
    source = f"sourceIdentifier={WIRRAL}|123456"
    for query, status, code, diagnostics in (
        (f"sourceIdentifier={WIRRAL}|999", 404, "not-found", "sourceIdentifier Patient Identifier not found"),
        (
            "sourceIdentifier=urn:oid:1.2.3|1", 400, "code-invalid",
            "sourceIdentifier Assigning Authority not found",
        ),
        (f"{source}&targetSystem=urn:oid:1.2.3", 403, "code-invalid", "targetSystem not found"),
        ("", 400, "required", "sourceIdentifier: one, as system|value"),
        (f"{source}&{source}", 400, "required", "sourceIdentifier: one, as system|value"),
        ("sourceIdentifier=123456", 400, "required", "sourceIdentifier: one, as system|value"),
    ):  # fmt: skip
        answer = api.get(f"{URL}?{query}")
        found = answer.json()["issue"]
        assert answer.status_code == status
        assert found == [{"severity": "error", "code": code, "diagnostics": diagnostics}]
