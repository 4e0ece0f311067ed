"""A search is answered in the order that was asked for, over all its pages; and what it says of how many."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from exchange.people.person import Identifier, Person, Said
from exchange.reports.report import Content, Discipline, ReportKey, ReportSource, ReportStatus, Section, Told
from exchange.reports.telling import tell
from exchange.telling.outbox import Because, note
from tests.viewer_api.conftest import Place
from tests.viewer_api.fhir.records import a_person, a_study, link, trusts
from tests.viewer_api.fhir.test_documents import an_order
from viewer_api.fhir import study_routes
from viewer_api.fhir.routes import STUDY_KINDS
from viewer_api.fhir.service_request import SERVICE_REQUEST

URL = "/fhir/R4"
NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
#: Where a resource says what it is sorted by.
ELEMENTS = {
    "started": ("started",),
    "date": ("date",),
    "issued": ("issued",),
    "period": ("context", "period", "start"),
    "authored": ("authoredOn",),
    "_lastUpdated": ("meta", "lastUpdated"),
}
SORTS = [
    (resource.type, name)
    for resource in (*(each.resource for each in STUDY_KINDS), SERVICE_REQUEST)
    for name in resource.sorts
]


@pytest.fixture
def ruth(place: Place) -> Person:
    """Somebody with studies of several days, one of none, orders, and reports in no order."""
    trusts(place)
    person = a_person(place)
    for number, day in enumerate(("20260303", "20260301", "", "20260302", "20260301")):
        uid = f"1.2.826.0.1.{number}"
        link(place, a_study(place, uid, StudyDate=day, StudyTime=f"1{number}0000"), person)
        an_order(place, f"F{number}")
    for number, (study, hours) in enumerate(((1, 3), (1, 1), (2, None), (0, 2), (3, 1))):
        report(place, f"R{number}", f"1.2.826.0.1.{study}", hours)
    with place.ingest.index.pool.connection() as connection:
        note(connection, ["1.2.826.0.1.1"], Because.CONTENT)
    return person


def report(place: Place, number: str, uid: str, hours: int | None) -> None:
    at = NOON + timedelta(hours=hours) if hours is not None else None
    content = Content(
        patients=(Identifier("123456", "RBS"),),
        study_uid=uid,
        discipline=Discipline.RADIOLOGY,
        issued=at,
        effective=at - timedelta(days=1) if at else None,
        sections=(Section("Findings", "Clear lungs."),),
    )
    key = ReportKey("RBS", ReportSource.HL7, "RIS", number)
    with place.ingest.index.pool.connection() as connection:
        id = tell(connection, Told(key, ReportStatus.FINAL, Said(NOON, number), content))
        connection.execute("update report set state = 'matched', study_uid = %s where id = %s", (uid, id))


def pages(api: httpx.Client, kind: str, **params: str) -> Iterator[list[dict[str, Any]]]:
    """All pages, in their order."""
    answer = api.get(f"{URL}/{kind}", params=params)
    while True:
        assert answer.status_code == 200, answer.text
        bundle = answer.json()
        yield [each["resource"] for each in bundle.get("entry", ()) if each["search"]["mode"] == "match"]
        following = [each["url"] for each in bundle["link"] if each["relation"] == "next"]
        if not following:
            return
        answer = api.get(following[0])


def value(resource: Any, name: str) -> str:
    """What it is sorted by, comparable as text."""
    path = ("effectiveDateTime",) if (resource["resourceType"], name) == ("DiagnosticReport", "date") else ()
    for step in path or ELEMENTS[name]:
        resource = resource.get(step, {})
    if not resource:
        return ""
    return datetime.fromisoformat(resource).astimezone(UTC).isoformat(timespec="microseconds")


@pytest.mark.parametrize(("kind", "name"), SORTS)
def test_pages_are_in_the_order_that_is_asked_for(
    place: Place, open_api: httpx.Client, ruth: Person, kind: str, name: str
) -> None:
    plain = [each["id"] for page in pages(open_api, kind, patient=str(ruth.uid)) for each in page]
    for mark, is_descending in (("", False), ("-", True)):
        sought = {"patient": str(ruth.uid), "_sort": f"{mark}{name}", "_count": "2"}
        found = [each for page in pages(open_api, kind, **sought) for each in page]
        values = [value(each, name) for each in found]
        assert values == sorted(values, reverse=is_descending), (mark, values)
        assert sorted(each["id"] for each in found) == sorted(plain)


def test_a_second_key_parts_what_is_equal_by_the_first(
    place: Place, open_api: httpx.Client, ruth: Person
) -> None:
    with place.ingest.index.pool.connection() as connection:
        connection.execute("update record_change set at = %s", (NOON,))
    sought = {"patient": str(ruth.uid), "_sort": "_lastUpdated,-started", "_count": "2"}
    found = [each for page in pages(open_api, "ImagingStudy", **sought) for each in page]
    values = [value(each, "started") for each in found]
    assert values == sorted(values, reverse=True)
    assert len(values) == 5


def test_what_comes_meanwhile_moves_no_page(place: Place, open_api: httpx.Client, ruth: Person) -> None:
    before = {each["id"] for page in pages(open_api, "ImagingStudy", patient=str(ruth.uid)) for each in page}
    walk = pages(open_api, "ImagingStudy", patient=str(ruth.uid), _sort="-started", _count="2")
    seen = [each["id"] for each in next(walk)]
    link(place, a_study(place, "1.2.826.0.1.99", StudyDate="20260304"), ruth)
    seen += [each["id"] for page in walk for each in page]
    assert len(seen) == len(set(seen))
    assert set(seen) == before


def test_too_many_to_sort_are_refused_and_an_unknown_key_as_is_preferred(
    place: Place, open_api: httpx.Client, ruth: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    sought = {"patient": str(ruth.uid), "_sort": "-number,started"}
    answer = open_api.get(f"{URL}/ImagingStudy", params=sought)
    assert answer.status_code == 200
    assert "_sort=started" in answer.json()["link"][0]["url"], "what was understood"
    strict = open_api.get(f"{URL}/ImagingStudy", params=sought, headers={"Prefer": "handling=strict"})
    assert (strict.status_code, strict.json()["issue"][0]["code"]) == (400, "invalid")
    assert "_sort" in strict.text

    monkeypatch.setattr("viewer_api.fhir.studies.SORTED_LIMIT", 4)
    refused = open_api.get(f"{URL}/ImagingStudy", params={"patient": str(ruth.uid), "_sort": "started"})
    assert (refused.status_code, refused.json()["issue"][0]["code"]) == (400, "too-costly")


@pytest.mark.parametrize("kind", [each.resource.type for each in STUDY_KINDS])
def test_how_many_there_are_is_said_of_what_a_reader_may_see(
    place: Place, open_api: httpx.Client, ruth: Person, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    who = {"patient": str(ruth.uid), "_count": "2"}
    every = len([each for page in pages(open_api, kind, **who) for each in page])

    def may_see(_: object, study_uid: str | None, person: UUID | None) -> bool:
        return study_uid != "1.2.826.0.1.1"

    monkeypatch.setattr(study_routes, "may_see", may_see)
    seen = len([each for page in pages(open_api, kind, **who) for each in page])
    assert 0 < seen < every
    for total in ("accurate", "estimate"):
        assert open_api.get(f"{URL}/{kind}", params={**who, "_total": total}).json()["total"] == seen
    assert open_api.get(f"{URL}/{kind}", params={**who, "_summary": "count"}).json()["total"] == seen
    assert open_api.get(f"{URL}/{kind}", params={**who, "_count": "100"}).json()["total"] == seen
    assert "total" not in open_api.get(f"{URL}/{kind}", params={**who, "_total": "none"}).json()
    assert open_api.get(f"{URL}/{kind}", params={**who, "_total": "all"}).status_code == 400
    assert open_api.get(f"{URL}/{kind}", params=who).json().get("total", seen) == seen


def test_what_would_have_to_be_made_to_be_counted_is_refused(
    place: Place, open_api: httpx.Client, ruth: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_routes, "MADE_LIMIT", 4)
    who = {"patient": str(ruth.uid), "_count": "1"}
    answer = open_api.get(f"{URL}/DocumentReference", params={**who, "_summary": "count"})
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (400, "too-costly")
    assert (
        "total" not in open_api.get(f"{URL}/DocumentReference", params={**who, "_total": "accurate"}).json()
    )


def test_the_reports_of_a_study_come_with_it(place: Place, open_api: httpx.Client, ruth: Person) -> None:
    sought = {"identifier": "urn:oid:1.2.826.0.1.1", "_revinclude": "DiagnosticReport:imaging-study"}
    bundle = open_api.get(f"{URL}/ImagingStudy", params=sought).json()
    included = [each["resource"] for each in bundle["entry"] if each["search"]["mode"] == "include"]
    read = [open_api.get(f"{URL}/DiagnosticReport/{each['id']}").json() for each in included]
    assert len(included) == 2
    assert read == included
