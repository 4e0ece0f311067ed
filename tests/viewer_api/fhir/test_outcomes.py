"""Errors below /fhir/R4 are OperationOutcomes, whatever raised them."""

import httpx
from fhir.resources.R4B.operationoutcome import OperationOutcome

from tests.viewer_api.conftest import Place


def test_what_is_not_there_is_said_in_fhirs_words(place: Place, open_api: httpx.Client) -> None:
    for url, accept in (("/fhir/R4/Nothing", "*/*"), ("/fhir/R4/Nothing/7", "text/html")):
        answer = open_api.get(url, headers={"Accept": accept})
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/fhir+json"
        found = OperationOutcome.model_validate(answer.json())
        assert [each.code for each in found.issue] == ["not-found"]
