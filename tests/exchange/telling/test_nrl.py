"""The National Record Locator is told by pointers, and is sent none that it would refuse."""

import copy
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from exchange.people.person import Identifier
from exchange.telling.nrl_rules import of_draft, strict
from exchange.telling.outbox import Because
from exchange.telling.subscriber import Kind, Manner, Subscriber
from imx.demo.record.pointers import Pointers
from imx.demo.record.server import Fault, RecordServer
from imx.demo.record.store import Json
from tests.exchange.telling.material import never_of_two
from tests.exchange.telling.region import IVY, RUTH, SAM, Region

#: At which request, and how.
CUTS: list[tuple[int, Fault]] = [*product(range(3), (Fault.CUT_BEFORE, Fault.CUT_AFTER))]

#: As the NRL's own tests have one, but of imaging.
POINTER: Json = {
    "resourceType": "DocumentReference",
    "id": "RBL-0b6a3d1f",
    "status": "current",
    "type": {"coding": [{"system": "https://nicip.nhs.uk", "code": "MAULR", "display": "MRA Upper Limb Rt"}]},
    "category": [
        {
            "coding": [
                {
                    "system": "http://snomed.info/sct",
                    "code": "721981007",
                    "display": "Diagnostic studies report",
                }
            ]
        }
    ],
    "subject": {"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}},
    "author": [{"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "RBL"}}],
    "custodian": {"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "RBL"}},
    "content": [
        {
            "attachment": {"contentType": "application/fhir+json", "url": "https://images.example/1"},
            "format": {
                "system": "https://fhir.nhs.uk/England/CodeSystem/England-NRLFormatCode",
                "code": "urn:nhs-ic:structured",
                "display": "Structured Document",
            },
            "extension": [
                {
                    "url": "https://fhir.nhs.uk/England/StructureDefinition/Extension-England-ContentStability",
                    "valueCodeableConcept": {
                        "coding": [
                            {
                                "system": "https://fhir.nhs.uk/England/CodeSystem/England-NRLContentStability",
                                "code": "static",
                                "display": "Static",
                            }
                        ]
                    },
                }
            ],
        }
    ],
    "context": {
        "practiceSetting": {
            "coding": [
                {
                    "system": "http://snomed.info/sct",
                    "code": "708175003",
                    "display": "Diagnostic imaging service",
                }
            ]
        }
    },
}
RELATED = {"identifier": {"system": "https://fhir.nhs.uk/Id/nhsSpineASID", "value": "12345"}}


def put(*path: str | int, value: Any) -> Callable[[Json], None]:
    """Another value at a place of the pointer; None takes it out."""

    def change(pointer: Json) -> None:
        place: Any = pointer
        for each in path[:-1]:
            place = place[each]
        if value is None:
            del place[path[-1]]
        else:
            place[path[-1]] = value

    return change


def again(*path: str | int) -> Callable[[Json], None]:
    """The same once more."""

    def change(pointer: Json) -> None:
        place: Any = pointer
        for each in path:
            place = place[each]
        place.append(copy.deepcopy(place[0]))

    return change


STABLE = ("content", 0, "extension", 0, "valueCodeableConcept", "coding", 0)

#: What is wrong, and at which place the NRL's validator says so.
WRONG: list[tuple[Callable[[Json], None], str]] = [
    *((put(name, value=None), name) for name in ("id", "custodian", "type", "status")),
    *((put(name, value=None), name) for name in ("subject", "category", "author")),
    (put("id", value="RBN-1"), "id"),
    (put("status", value="superseded"), "status"),
    (put("custodian", "identifier", "system", value="urn:x"), "custodian"),
    (put("subject", "identifier", "system", value="urn:x"), "subject"),
    (put("subject", "identifier", "value", value="9990000019"), "subject"),
    (put("relatesTo", value=[{"code": "odd", "target": {}}]), "relatesTo.code"),
    (put("relatesTo", value=[{"code": "replaces", "target": {}}]), "relatesTo.target"),
    (again("type", "coding"), "type.coding"),
    (put("type", "coding", 0, "system", value="http://loinc.org"), "type.coding"),
    (put("type", "coding", 0, "code", value="CCHES"), "type.coding"),
    (put("type", "coding", 0, "display", value="MRA"), "type.coding.display"),
    (again("category"), "category.coding"),
    (again("category", 0, "coding"), "category.coding"),
    (put("category", 0, "coding", 0, "system", value="urn:x"), "category.coding"),
    (put("category", 0, "coding", 0, "display", value="Report"), "category.coding.display"),
    (
        put("category", 0, "coding", 0, value={"system": "http://snomed.info/sct", "code": "103693007",
                                               "display": "Diagnostic procedure"}),
        "category.coding",
    ),
    (again("author"), "author"),
    (put("author", 0, "identifier", "system", value="urn:x"), "author"),
    (put("author", 0, "identifier", "value", value="R-BL"), "author"),
    (put("author", 0, "identifier", "value", value="R234567890123"), "author"),
    (
        put("content", 0, "attachment", "contentType", value="application/dicom+json"),
        "content.attachment.contentType",
    ),
    (put("content", 0, "attachment", "contentType", value="application/pdf"), "content.format.code"),
    (put("content", 0, "attachment", "url", value=None), "content.attachment.url"),
    (put("content", 0, "format", "display", value="Structured"), "content.format.display"),
    (put("content", 0, "format", "system", value="urn:x"), "content.format"),
    (put("content", 0, "extension", value=[]), "content.extension"),
    (again("content", 0, "extension"), "content.extension"),
    (put(*STABLE, "code", value="never"), "content.extension"),
    (put(*STABLE, "display", value="Dynamic"), "content.extension"),
    (put("content", 0, "attachment", "url", value="ssp://images.example"), "context.related"),
    (put("context", "related", value=[RELATED]), "context.related"),
    (put("context", "practiceSetting", "coding", value=[]), "context.practiceSetting.coding"),
    (put("context", "practiceSetting", "coding", 0, "code", value="810"), "context.practiceSetting"),
    (
        put("context", "practiceSetting", "coding", 0, "display", value="Imaging"),
        "context.practiceSetting.display",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("change", "place"), WRONG)
def test_what_the_nrl_refuses(change: Callable[[Json], None], place: str) -> None:
    pointer = copy.deepcopy(POINTER)
    change(pointer)
    assert any(each.startswith(f"{place}:") for each in strict(pointer)), strict(pointer)


def test_what_the_nrl_takes() -> None:
    assert not strict(POINTER)
    other = copy.deepcopy(POINTER)
    other["type"]["coding"][0].update(code="MAXIB", display="MRI Axilla Both")
    other["category"][0]["coding"][0].update(code="103693007", display="Diagnostic procedure")
    other["content"][0]["attachment"]["url"] = "ssp://images.example"
    other["context"]["related"] = [
        {"identifier": {"system": "https://fhir.nhs.uk/Id/nhsSpineASID", "value": "123456789012"}}
    ]
    assert not strict(other)


@pytest.fixture
def locator(record: RecordServer) -> RecordServer:
    record.pointers = Pointers(record.store, "RBL")
    return record


def subscriber(record: RecordServer, *, is_strict: bool = True) -> Subscriber:
    manner = Manner(custodian="RBL", is_strict=is_strict)
    return Subscriber(name="nrl", kind=Kind.NRL, address=record.url, manner=manner)


def pointers_of(record: RecordServer, number: str) -> list[Json]:
    key = f"https://fhir.nhs.uk/Id/nhs-number|{number}"
    return record.store.find("DocumentReference", subject__identifier=key)


def test_a_study_has_a_pointer_while_it_is_somebodys(region: Region, locator: RecordServer) -> None:
    region.subscribe(subscriber(locator))
    region.study(code="MAULR", modality="MR")
    region.link("1.2.1", RUTH)
    region.tell()

    [pointer] = pointers_of(locator, RUTH)
    assert pointer["id"].startswith("RBL-")
    assert pointer["content"][0]["attachment"]["url"] == "https://images.example/manifests/1.2.1?as=fhir"
    for number in (IVY, RUTH):
        region.link("1.2.1", number)
        region.tell()
        assert [len(pointers_of(locator, each)) for each in (RUTH, IVY)] == [number == RUTH, number == IVY]
    region.link("1.2.1")
    region.tell()
    assert not locator.store.find("DocumentReference")
    assert never_of_two(locator)
    assert not any(RUTH in path or IVY in path for _, path in locator.seen)


def test_what_was_done_may_become_another_type(region: Region, locator: RecordServer) -> None:
    region.subscribe(subscriber(locator))
    region.study(code="MAULR", modality="MR")
    region.link("1.2.1", RUTH)
    region.tell()
    [before] = pointers_of(locator, RUTH)
    with region.pool.connection() as connection:
        connection.execute(
            "update study set"
            " json = convert_to(replace(convert_from(json, 'utf8'), 'MAULR', 'MAXIB'), 'utf8')"
        )
    region.link("1.2.1", RUTH)
    region.tell()
    # The locator lets one supersede another of its own type only.
    [now] = pointers_of(locator, RUTH)
    assert now["type"]["coding"][0]["code"] == "MAXIB"
    assert now["id"] != before["id"]
    assert region.states == [("1.2.1", "told", "")]


def test_whose_study_it_is_may_change(region: Region, locator: RecordServer) -> None:
    region.subscribe(subscriber(locator))
    region.study(code="MAULR", modality="MR")
    region.link("1.2.1", RUTH)
    region.tell()
    with region.pool.connection() as connection:
        connection.execute("update identity set trust = 'REM'")
    region.note("1.2.1", Because.CORRECTED)
    region.tell()
    [now] = pointers_of(locator, RUTH)
    assert now["author"][0]["identifier"]["value"] == "REM"
    assert now["relatesTo"][0]["code"] == "replaces"


def test_a_study_of_no_type_that_it_has_is_left_out(region: Region, locator: RecordServer) -> None:
    region.subscribe(subscriber(locator))
    region.study()
    region.link("1.2.1", RUTH)
    region.tell()
    assert region.states == [("1.2.1", "told", "left out: the NRL has no pointer type for what was done")]
    assert not locator.seen


def test_a_request_that_was_cut_is_made_good(region: Region, locator: RecordServer) -> None:
    """Whichever of them it is, in whatever way, and whoever the study is of by then."""
    region.subscribe(subscriber(locator))
    locator.slow_s = 0.0
    for number, (place, fault) in enumerate(CUTS):
        uid = f"1.2.{number}"
        region.study(uid, code="MAULR", modality="MR")
        region.link(uid, RUTH)
        region.tell()
        region.link(uid, IVY)
        locator.faults.extend([*[Fault.SLOW] * place, fault])
        region.tell()
        region.link(uid, SAM)
        for _ in range(2):
            region.rows("update telling set due_at = now() returning id")
            region.tell()
        assert [len(pointers_of(locator, each)) for each in (RUTH, IVY, SAM)] == [0, 0, number + 1]
    assert never_of_two(locator)


def test_a_registry_of_the_draft_gets_what_it_asks_for(region: Region, record: RecordServer) -> None:
    region.subscribe(subscriber(record, is_strict=False))
    region.study()
    region.study("1.2.2", accession="")
    for uid in ("1.2.1", "1.2.2"):
        region.link(uid, RUTH)
    region.tell()

    [pointer] = record.store.find("DocumentReference")
    assert not of_draft(pointer)
    assert pointer["content"][0]["attachment"]["contentType"] == "application/dicom+json"
    assert pointer["content"][0]["attachment"]["url"].endswith("/dicom-web/studies/1.2.1/metadata")
    said = {uid: why for uid, _, why in region.states}
    assert (
        said["1.2.2"] == "left out: the registry's draft asks for an accession number, and the study has none"
    )
    for name in ("identifier", "masterIdentifier", "type", "category", "securityLabel", "author", "subject"):
        assert of_draft({**pointer, name: None if name != "subject" else {}})
    for name in ("facilityType", "practiceSetting", "sourcePatientInfo", "related"):
        assert of_draft({**pointer, "context": {**pointer["context"], name: []}})


def test_a_number_is_no_part_of_what_is_found() -> None:
    pointer = copy.deepcopy(POINTER)
    pointer["subject"]["identifier"]["value"] = "9990000019"
    assert Identifier.nhs("9990000019").value not in " ".join(strict(pointer))
