"""Whatever is asked of any route, the service does not fail: schemathesis on the routes' OpenAPI."""

from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from pydicom.data import get_testdata_file
from schemathesis.openapi import from_dict

from dicom_router.rules.desk import RuleDesk
from exchange.policy import Role
from tests.viewer_api.conftest import Place, bearer, serving
from viewer_api.app import create_app
from viewer_api.parts import ApiParts
from viewer_api.settings import ApiSettings

#: Of each operation; the same each time.
EXAMPLES = 3

_TEXT = {"type": "string", "maxLength": 40}
#: Read from the request by the routes themselves, as PS3.18 has them: the OpenAPI cannot know.
_QUERY = (
    "limit offset includefield fuzzymatching accept StudyDate PatientID PatientName 00080061"
    " ReferencedSOPSequence.00081155 window viewport quality annotation iccprofile requestType contentType"
).split()
_HEADERS = ("Range", "If-None-Match", "Accept-Encoding")
_ACCEPTED = (
    "*/*",
    "application/dicom+json",
    'multipart/related; type="application/dicom"; transfer-syntax=*',
    'multipart/related; type="application/octet-stream"',
    'multipart/related; type="application/dicom+xml"',
    "application/zip",
    "image/jpeg",
    "text/html",
    "nothing; q=x,,;=",
)


@pytest.fixture
def parts(place: Place) -> ApiParts:
    return ApiParts(
        settings=ApiSettings(),
        objects=place.objects,
        door=place.ingest,
        database=place.database,
        pool=place.ingest.index.pool,
        rules=RuleDesk(place.ingest.index.pool),
    )


@pytest.fixture
def known(place: Place) -> dict[str, str]:
    """UIDs that are there, by the name of the path parameter."""
    uid = place.keep_file(Path(str(get_testdata_file("CT_small.dcm")))).sop_instance_uid
    with place.ingest.index.pool.connection() as connection:
        found = connection.execute("select s.uid, r.uid from study s join series r on r.study_id = s.id")
        row = found.fetchone()
    assert row is not None
    return {"study": row[0], "series": row[1], "instance": uid, "listed": "1", "path": "7FE00010"}


def enriched(schema: dict[str, Any], known: dict[str, str]) -> dict[str, Any]:
    """With what the routes read from the request by themselves, and UIDs that lead somewhere."""
    for methods in schema["paths"].values():
        for method, operation in methods.items():
            given_already = operation.setdefault("parameters", [])
            for parameter in given_already:
                if parameter["name"] in known:
                    values = [_TEXT | {"minLength": 1}, *[{"const": known[parameter["name"]]}] * 3]
                    parameter["schema"] = {"anyOf": values}
            names = {each["name"] for each in given_already}
            given_already += [
                {"name": name, "in": "query", "schema": _TEXT} for name in _QUERY if name not in names
            ]
            given_already += [{"name": name, "in": "header", "schema": _TEXT} for name in _HEADERS]
            given_already.append({"name": "Accept", "in": "header", "schema": {"enum": list(_ACCEPTED)}})
            if method in ("post", "put", "delete") and "requestBody" not in operation:
                operation["requestBody"] = {"content": {"application/json": {"schema": {}}}}
    return schema


@pytest.mark.filterwarnings("ignore")
def test_no_request_makes_the_service_fail(parts: ApiParts, place: Place, known: dict[str, str]) -> None:
    schema = enriched(create_app(parts).openapi(), known)
    headers = bearer(place, Role.ADMINISTRATOR, trust="")
    failed: list[str] = []
    asked = 0

    with serving(parts) as url, httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        for found in from_dict(schema).get_all_operations():
            operation = cast(Any, found).ok()

            @settings(
                max_examples=EXAMPLES,
                derandomize=True,
                database=None,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy())
            def ask(case: schemathesis.Case[Any]) -> None:
                nonlocal asked
                answer = case.call(base_url=url, headers=headers)
                asked += 1
                if answer.status_code >= 500:
                    failed.append(f"{case.operation.label}: {answer.status_code} {case.as_curl_command()}")

            ask()
        assert client.get("/health/live").status_code == 200

    assert asked > 150
    assert not failed, "\n".join(failed)
