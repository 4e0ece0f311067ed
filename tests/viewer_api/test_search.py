"""What a search finds, and how honest it is about what it did not."""

from dataclasses import replace

import httpx
import psycopg
import pytest

from tests.viewer_api.conftest import ORIGIN, Place, bearer
from tests.viewer_api.material import an_image, kept


@pytest.fixture
def region(place: Place) -> Place:
    """Three studies of two people in two trusts; one came under two identifiers."""
    kept(place, an_image("1.1.1.1"))
    kept(place, an_image("1.1.1.2", InstanceNumber=2))
    kept(place, an_image("1.1.2.1", Modality="SR", SeriesNumber=2, SeriesDescription="Report"))
    kept(
        place,
        an_image(
            "1.2.1.1", StudyDate="20250102", StudyTime="08", Modality="MR", AccessionNumber="A2",
            PatientName="Müller^Zoë=漢字^名", SpecificCharacterSet="ISO_IR 192",
            ReferringPhysicianName="House^G",
        ),
        origin=replace(ORIGIN, trust="REM", issuer="REM"),
    )  # fmt: skip
    kept(place, an_image("1.3.1.1", StudyDate="", StudyTime="", PatientID="777", AccessionNumber=""))
    kept(place, an_image("1.3.1.2", StudyDate="", StudyTime="", PatientID="888", AccessionNumber=""))
    return place


def found(response: httpx.Response, tag: str = "0020000D") -> list[str]:
    return [each[tag]["Value"][0] for each in response.raise_for_status().json()]


#: Keys, and the studies that match, in order.
CASES: list[tuple[dict[str, str], list[str]]] = [
    ({}, ["1.2", "1.1", "1.3"]),
    ({"PatientID": "123"}, ["1.2", "1.1"]),
    ({"PatientID": "123", "IssuerOfPatientID": "REM"}, ["1.2"]),
    ({"PatientID": "12?"}, ["1.2", "1.1"]),
    ({"PatientID": "777"}, ["1.3"]),
    ({"PatientID": "888"}, ["1.3"]),
    ({"PatientName": "smith*"}, ["1.1", "1.3"]),
    ({"PatientName": "SMITH^JO"}, ["1.1", "1.3"]),
    ({"PatientName": "smith"}, []),
    ({"PatientName": "*müller*"}, ["1.2"]),
    ({"PatientName": "漢字*"}, ["1.2"]),
    ({"PatientName": "müller*字*"}, []),  # no wildcard reaches over component groups
    ({"PatientName": "smith^jo^*"}, ["1.1", "1.3"]),
    ({"00100030": "19700101"}, ["1.2", "1.1", "1.3"]),
    ({"StudyDate": "20240506"}, ["1.1"]),
    ({"StudyDate": "20240501-20240601"}, ["1.1"]),
    ({"StudyDate": "20240507-"}, ["1.2"]),
    ({"StudyDate": '""'}, ["1.3"]),
    ({"StudyTime": "10"}, ["1.1"]),
    ({"StudyTime": "0800-0900"}, ["1.2"]),
    ({"StudyDate": "20240506-20250102", "StudyTime": "1000-0830"}, ["1.2", "1.1"]),  # combined
    ({"StudyDate": "20240506-20250102", "StudyTime": "1012-0830"}, ["1.2"]),
    ({"AccessionNumber": "A1"}, ["1.1"]),
    ({"ModalitiesInStudy": "SR"}, ["1.1"]),
    ({"ModalitiesInStudy": "MR\\SR"}, ["1.2", "1.1"]),
    ({"ModalitiesInStudy": "S?"}, ["1.1"]),
    ({"ReferringPhysicianName": "house*"}, ["1.2"]),
    ({"StudyInstanceUID": "1.1,1.3"}, ["1.1", "1.3"]),
    ({"StudyInstanceUID": "9.9"}, []),
    ({"Modality": "SR"}, ["1.1"]),  # keys below the level: one series must match them all
    ({"Modality": "CT", "SeriesNumber": "2"}, []),
    ({"Modality": "SR", "SOPInstanceUID": "1.1.2.1"}, ["1.1"]),
    ({"SOPInstanceUID": "1.3.1.2"}, ["1.3"]),
]


def test_studies(region: Place, open_api: httpx.Client) -> None:
    for keys, studies in CASES:
        assert found(open_api.get("/dicom-web/studies", params=keys)) == studies, keys


def test_an_answer_about_a_study_holds_what_the_standard_asks_for(
    region: Place, open_api: httpx.Client
) -> None:
    (study,) = open_api.get("/dicom-web/studies", params={"StudyInstanceUID": "1.1"}).json()

    assert list(study) == sorted(study)
    assert study["00100021"]["Value"] == ["RBS"]
    assert study["00080061"]["Value"] == ["CT", "SR"]
    assert (study["00201206"]["Value"], study["00201208"]["Value"]) == ([2], [3])
    assert study["00080056"]["Value"] == ["ONLINE"]
    assert study["00080090"] == {"vr": "PN"}
    assert study["00081190"]["Value"] == [f"{open_api.base_url}/dicom-web/studies/1.1"]
    assert "00101010" not in study


def test_the_identity_that_matched_is_the_one_that_is_shown(region: Place, open_api: httpx.Client) -> None:
    for identifier in ("777", "888"):
        answer = open_api.get("/dicom-web/studies", params={"PatientID": identifier})
        assert found(answer, "00100020") == [identifier]
        assert "two identifiers" in answer.headers["warning"]
        instances = open_api.get("/dicom-web/instances", params={"PatientID": identifier})
        assert found(instances, "00100020") == [identifier]


def test_series_and_instances_at_every_level(region: Place, open_api: httpx.Client) -> None:
    web = "/dicom-web"
    for path, tag, uids in (
        ("/studies/1.1/series", "0020000E", ["1.1.1", "1.1.2"]),
        ("/studies/1.1/series?Modality=SR", "0020000E", ["1.1.2"]),
        ("/studies/1.1/instances", "00080018", ["1.1.1.1", "1.1.1.2", "1.1.2.1"]),
        ("/studies/1.1/series/1.1.1/instances", "00080018", ["1.1.1.1", "1.1.1.2"]),
        ("/series?PatientName=m*", "0020000E", ["1.2.1"]),
        ("/instances?InstanceNumber=2&PatientID=123", "00080018", ["1.1.1.2"]),
    ):
        assert found(open_api.get(web + path), tag) == uids
    assert open_api.get(f"{web}/studies/1.2/series/1.1.1/instances").json() == []
    (series,) = open_api.get(f"{web}/series", params={"SeriesInstanceUID": "1.1.1"}).json()
    assert series["00201209"]["Value"] == [2]
    assert series["00100010"]["Value"] == [{"Alphabetic": "Smith^Jo"}]
    (instance,) = open_api.get(f"{web}/instances", params={"SOPInstanceUID": "1.1.1.1"}).json()
    assert instance["00280010"]["Value"] == [2]
    assert "00100010" in instance
    (nested,) = open_api.get(f"{web}/studies/1.1/series/1.1.1/instances", params={"limit": 1}).json()
    assert "00100010" not in nested


def test_more_is_included_when_asked_for(region: Place, open_api: httpx.Client) -> None:
    inside = {"SOPInstanceUID": "1.1.1.1"}
    (asked,) = open_api.get(
        "/dicom-web/instances", params={**inside, "includefield": "PatientAge,00280004"}
    ).json()
    assert asked["00101010"]["Value"] == ["054Y"]
    assert asked["00280004"]["Value"] == ["MONOCHROME2"]
    (everything,) = open_api.get("/dicom-web/instances", params=inside | {"includefield": "all"}).json()
    assert everything["00280101"]["Value"] == [16]


def test_limits_are_told(region: Place, open_api: httpx.Client) -> None:
    first = open_api.get("/dicom-web/studies", params={"limit": 2})
    rest = open_api.get("/dicom-web/studies", params={"limit": 2, "offset": 2})

    assert found(first) == ["1.2", "1.1"]
    assert "additional results" in first.headers["warning"]
    assert found(rest) == ["1.3"]
    assert "warning" not in {*rest.headers} or "additional" not in rest.headers["warning"]
    assert found(open_api.get("/dicom-web/studies", params={"limit": 0})) == []


def test_what_cannot_be_matched_on_is_told(region: Place, open_api: httpx.Client) -> None:
    answer = open_api.get(
        "/dicom-web/studies",
        params={"PatientAge": "054Y", "RequestAttributesSequence.ScheduledProcedureStepID": "X"},
    )
    assert len(found(answer)) == 3
    assert "00101010" in answer.headers["warning"]
    assert "00400275.00400009" in answer.headers["warning"]
    asked = {"fuzzymatching": "true", "PatientName": "zoe", "ReferringPhysicianName": "house*"}
    fuzzy = open_api.get("/dicom-web/studies", params=asked)
    assert found(fuzzy) == ["1.2"]
    assert "fuzzymatching parameter is supported for Patient's Name alone" in fuzzy.headers["warning"]
    assert "00080090" in fuzzy.headers["warning"]


BAD = (
    "StudyDate=yesterday", "NoSuchKey=1", "limit=-1", "limit=many", "StudyInstanceUID=1.x",
    "PatientID=a&PatientID=b", "PatientID=%00", "StudyDate=20240101-20240199",
)  # fmt: skip


def test_a_bad_query_is_refused_without_repeating_it(region: Place, open_api: httpx.Client) -> None:
    for query in BAD:
        answer = open_api.get(f"/dicom-web/studies?{query}")
        assert answer.status_code == 400, query
        assert answer.headers["content-type"] == "application/problem+json"
        assert "yesterday" not in answer.text
        assert "many" not in answer.text


def test_a_long_answer_comes_in_pages(place: Place, open_api: httpx.Client) -> None:
    """Rows are enough here: 2,500 series of one study, told in one array."""
    kept(place, an_image("1.1.1.1"))
    with psycopg.connect(place.database) as connection:
        connection.execute(
            "insert into series (study_id, uid, modality, series_number, json)"
            " select study_id, '1.1.' || n, modality, n, json from series, generate_series(2, 2500) n"
        )
    answer = open_api.get("/dicom-web/studies/1.1/series")
    assert len(found(answer)) == 2500
    assert [each["00200011"]["Value"][0] for each in answer.json()][:3] == [1, 1, 1]
    assert "warning" not in answer.headers
    assert len(found(open_api.get("/dicom-web/studies/1.1/series", params={"limit": 1500}))) == 1500
    assert answer.headers["content-type"] == "application/dicom+json"


def test_another_media_type_is_not_to_be_had(region: Place, open_api: httpx.Client) -> None:
    answer = open_api.get("/dicom-web/studies", headers={"Accept": "application/dicom+xml"})
    assert answer.status_code == 406
    assert answer.json()["offered"] == [
        "application/dicom+json", "application/json", 'multipart/related; type="application/dicom+xml"',
    ]  # fmt: skip


def test_a_bare_identifier_is_that_of_the_readers_trust(region: Place, closed_api: httpx.Client) -> None:
    """Two trusts' 123 are two people, and so are two A1; an issuer or a UID reaches across."""
    with psycopg.connect(region.database) as connection:
        connection.execute("insert into trust (ods_code, name, issuer) values ('RBS', 'Alder Hey', 'RBS')")
        connection.execute("insert into trust (ods_code, name, issuer) values ('RBN', 'Mersey', 'RBN')")
    ours = bearer(region)
    theirs = bearer(region, trust="RBN", name="elsewhere")
    nobodys = bearer(region, trust="", name="regional")
    for keys, own, foreign, regional in (
        ({"PatientID": "123"}, ["1.1"], [], ["1.2", "1.1"]),
        ({"PatientID": "12*"}, ["1.1"], [], ["1.2", "1.1"]),
        ({"PatientID": "123\\777"}, ["1.1", "1.3"], [], ["1.2", "1.1", "1.3"]),
        ({"PatientID": "123", "IssuerOfPatientID": "REM"}, ["1.2"], ["1.2"], ["1.2"]),
        ({"PatientID": "123", "StudyInstanceUID": "1.2"}, ["1.2"], ["1.2"], ["1.2"]),
        ({"AccessionNumber": "A2"}, [], [], ["1.2"]),
        (
            {"AccessionNumber": "A2", "IssuerOfAccessionNumberSequence.LocalNamespaceEntityID": "REM"},
            ["1.2"], ["1.2"], ["1.2"],
        ),
        ({"PatientName": "*"}, ["1.2", "1.1", "1.3"], ["1.2", "1.1", "1.3"], ["1.2", "1.1", "1.3"]),
    ):  # fmt: skip
        for reader, expected in ((ours, own), (theirs, foreign), (nobodys, regional)):
            answer = closed_api.get("/dicom-web/studies", params=keys, headers=reader)
            assert found(answer) == expected, keys
