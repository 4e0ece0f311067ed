"""What the CapabilityStatement says of searches is so."""

from typing import Any

import httpx
import pytest

from tests.viewer_api.fhir.test_sorting import ruth as ruth
from viewer_api.fhir.resource import ParameterType
from viewer_api.fhir.routes import RESOURCES, STUDY_KINDS

#: Something of each type that can be understood.
_VALUES = {
    ParameterType.TOKEN.value: "x",
    ParameterType.REFERENCE.value: "x",
    ParameterType.DATE.value: "2026-03-01",
    ParameterType.STRING.value: "ruth",
    ParameterType.URI.value: "urn:x",
}
_STRICT = {"Prefer": "handling=strict"}


def stated(api: httpx.Client, kind: str) -> Any:
    """Of one resource."""
    resources = api.get("/fhir/R4/metadata").json()["rest"][0]["resource"]
    return next(each for each in resources if each["type"] == kind)


def value(name: str, type: str) -> str:
    match name:
        case "gender":
            return "female"
        case "active":
            return "true"
        case "identifier":
            return "urn:id:RBS:mrn|123456"
    return _VALUES[type]


@pytest.mark.parametrize("kind", [each.type for each in RESOURCES])
def test_each_parameter_that_it_names_is_understood(
    open_api: httpx.Client,
    ruth: Any,
    kind: str,
) -> None:
    said = stated(open_api, kind)
    url = f"/fhir/R4/{kind}"
    # Whose or which is said as well, so that no search is too broad.
    narrow = {"_id": str(ruth.uid)} if said["searchParam"][0]["name"] == "_id" else {}
    for each in said["searchParam"]:
        asked = {**narrow, each["name"]: value(each["name"], each["type"])}
        answer = open_api.get(url, params=asked, headers=_STRICT)
        assert answer.status_code == 200, (each["name"], answer.text)
        assert f"{each['name']}=" in answer.json()["link"][0]["url"], each["name"]
    includes = [("_include", each) for each in said.get("searchInclude", ())]
    includes += [("_revinclude", each) for each in said.get("searchRevInclude", ())]
    sorts = said["documentation"].partition("_sort: ")[2].rstrip(".").split(", ")
    includes += [("_sort", mark + each) for each in filter(None, sorts) for mark in ("", "-")]
    for name, text in includes:
        answer = open_api.get(url, params={**narrow, name: text}, headers=_STRICT)
        assert answer.status_code == 200, (text, answer.text)
        assert f"{name}=" in answer.json()["link"][0]["url"], text


def test_each_kind_may_be_sorted_by_what_its_table_has() -> None:
    for kind in STUDY_KINDS:
        assert set(kind.sorts) == set(kind.resource.sorts)
        assert set(kind.includes) == {*kind.resource.includes, *kind.resource.reverse_includes}
        assert set(kind.resource.sorts) <= {each.name for each in kind.resource.parameters}
