"""What a search finds, and how honest it is about what it did not."""

from contextlib import closing
from dataclasses import replace
from email import message_from_bytes
from email.message import Message
from http.client import HTTPConnection
from xml.etree import ElementTree

import httpx
import psycopg
import pytest
from pydicom.dataset import Dataset

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
        params={"PatientAge": "054Y", "RequestAttributesSequence.AccessionNumber": "X"},
    )
    assert len(found(answer)) == 3
    assert "00101010" in answer.headers["warning"]
    assert "00400275.00080050" in answer.headers["warning"]
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


def test_a_bad_parameter_is_named_with_the_reason(region: Place, open_api: httpx.Client) -> None:
    query = "NoSuchKey=1&StudyDate=yesterday&limit=-1&fuzzymatching=maybe&PatientID=a&PatientID=b&x.y=1"
    answer = open_api.get(f"/dicom-web/studies?{query}&includefield=Nonsense,StudyDate")

    reasons = {each["name"]: each["reason"] for each in answer.json()["parameters"]}
    assert answer.status_code == 400
    assert set(reasons) == {
        "NoSuchKey", "StudyDate", "limit", "fuzzymatching", "PatientID", "x.y", "includefield",
    }  # fmt: skip
    assert reasons["PatientID"] == "given twice"
    assert "yesterday" not in answer.text


def test_parameters_are_bounded(open_api: httpx.Client) -> None:
    for query, status in (
        ("&".join(f"PatientID{number}=1" for number in range(300)), 400),
        ("PatientID=" + "x" * 5000, 400),
        ("StudyInstanceUID=" + ",".join(f"1.2.{number}" for number in range(3000)), 200),
        ("includefield=" + ",".join(f"{tag:08X}" for tag in range(0x00091000, 0x00091600)), 400),
        (".".join(["RequestAttributesSequence"] * 9) + "=1", 400),
        ("limit=9999999999", 400),
        ("offset=9999999999", 400),
    ):
        answer = open_api.get(f"/dicom-web/studies?{query}")
        assert answer.status_code == status, query[:80]


def test_a_url_beyond_all_measure_is_refused(open_api: httpx.Client) -> None:
    host = httpx.URL(str(open_api.base_url))
    with closing(HTTPConnection(host.host, host.port, timeout=60)) as connection:
        connection.request("GET", "/dicom-web/studies?StudyInstanceUID=" + "1.2," * 13_000)
        assert connection.getresponse().status == 414


def test_attributes_are_included_by_any_name_and_only_those_of_the_level(
    region: Place, open_api: httpx.Client
) -> None:
    inside = {"StudyInstanceUID": "1.1"}
    several = [("includefield", "00081032, StudyID"), ("includefield", "OtherPatientIDsSequence.00100020")]
    (study,) = open_api.get("/dicom-web/studies", params=[*inside.items(), *several]).json()
    assert study["00081032"] == {"vr": "SQ"}
    assert study["00101002"] == {"vr": "SQ"}
    (study,) = open_api.get("/dicom-web/studies", params={**inside, "includefield": "Modality,Rows"}).json()
    assert "00080060" not in study  # of a series (PS3.18 §10.6.3.3)
    assert "00280010" not in study
    (study,) = open_api.get("/dicom-web/studies", params={**inside, "Modality": "SR"}).json()
    assert "00080060" not in study


def test_what_was_requested_is_matched_item_by_item(place: Place, open_api: httpx.Client) -> None:
    def asked(step: str, procedure: str) -> Dataset:
        item = Dataset()
        item.ScheduledProcedureStepID, item.RequestedProcedureID = step, procedure
        return item

    kept(place, an_image("1.1.1.1", RequestAttributesSequence=[asked("S1", "P1"), asked("S2", "P2")]))
    kept(place, an_image("1.1.2.1", RequestAttributesSequence=[asked("S3", "")]))
    kept(place, an_image("1.2.1.1"))
    step, procedure = (
        f"RequestAttributesSequence.{name}" for name in ("ScheduledProcedureStepID", "RequestedProcedureID")
    )
    for keys, series in (
        ({step: "S1"}, {"1.1.1"}),
        ({step: "S1", procedure: "P1"}, {"1.1.1"}),
        ({step: "S1", procedure: "P2"}, set()),
        ({step: "S?", procedure: "P2"}, {"1.1.1"}),
        ({step: "S*"}, {"1.1.1", "1.1.2"}),
        ({step: "S1\\S3"}, {"1.1.1", "1.1.2"}),
        ({procedure: '""'}, {"1.1.2", "1.2.1"}),
        ({"00400275.00400009": "S3"}, {"1.1.2"}),
    ):
        answer = open_api.get("/dicom-web/series", params=keys)
        assert set(found(answer, "0020000E")) == series, keys
        assert "not matched on" not in answer.headers.get("warning", "")
    assert found(open_api.get("/dicom-web/studies", params={step: "S3", procedure: "P2"})) == []
    assert found(open_api.get("/dicom-web/studies", params={step: "S2", "Modality": "CT"})) == ["1.1"]


def test_large_values_of_instances_are_referred_to(region: Place, open_api: httpx.Client) -> None:
    """They used to be answered with half a URI."""
    inside = {"SOPInstanceUID": "1.1.1.1", "includefield": "all"}
    (instance,) = open_api.get("/dicom-web/instances", params=inside).json()
    bulk = open_api.get(instance["7FE00010"]["BulkDataURI"])

    assert bulk.status_code == 200
    assert bytes(range(8)) in bulk.content


def test_every_answer_says_whose_the_identifier_is(region: Place, open_api: httpx.Client) -> None:
    for path in (
        "studies",
        "series",
        "instances",
        "studies/1.1/series",
        "studies/1.1/series/1.1.1/instances",
    ):
        assert all(each["00100021"]["Value"] for each in open_api.get(f"/dicom-web/{path}").json()), path


def test_names_are_found_and_told_in_any_character_set(place: Place, open_api: httpx.Client) -> None:
    for number, (charset, name) in enumerate(
        (
            (["ISO_IR 100"], "Müller^Zoë"),
            (["ISO_IR 192"], "王^小东"),
            (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎"),
            (["ISO_IR 144"], "Люксембург"),
        ),
        1,
    ):
        kept(place, an_image(f"1.{number}.1.1", SpecificCharacterSet=charset, PatientName=name))
    for key, study in (("müller*", "1.1"), ("王*", "1.2"), ("*太郎", "1.3"), ("люкс*", "1.4")):
        answer = open_api.get("/dicom-web/studies", params={"PatientName": key})
        assert found(answer) == [study]
        assert answer.json()[0]["00080005"]["Value"] == ["ISO_IR 192"]


def test_fuzzy_matching_of_names(place: Place, open_api: httpx.Client) -> None:
    for number, name in enumerate(
        ("Smith^John", "Schmidt^Jon", "Müller^Zoë", "O'Brien-Jones^Siân^^Dr", "山田^太郎", "Nowak^Łucja"), 1
    ):
        kept(place, an_image(f"1.{number}.1.1", SpecificCharacterSet="ISO_IR 192", PatientName=name))
    for asked, studies in (
        ("smyth", {"1.1", "1.2"}),
        ("john smith", {"1.1", "1.2"}),
        ("Smith, Jo", {"1.1", "1.2"}),
        ("muller", {"1.3"}),
        ("MUELLER^ZOE", {"1.3"}),
        ("zoe m", {"1.3"}),
        ("obrien", {"1.4"}),
        ("jones sian", {"1.4"}),
        ("山田", {"1.5"}),
        ("lucja", {"1.6"}),
        ("no*k", {"1.6"}),
        ("smith zoe", set()),
        ("xyzzy", set()),
    ):
        params = {"PatientName": asked, "fuzzymatching": "true"}
        answer = open_api.get("/dicom-web/studies", params=params)
        assert set(found(answer)) == studies, asked
        assert "fuzzymatching" not in answer.headers.get("warning", "")


def test_as_xml_a_part_for_each_match(region: Place, open_api: httpx.Client) -> None:
    wanted = {"Accept": 'multipart/related; type="application/dicom+xml"'}
    answer = open_api.get("/dicom-web/studies", headers=wanted)
    in_json = open_api.get("/dicom-web/studies").json()

    message = message_from_bytes(
        b"Content-Type: " + answer.headers["content-type"].encode() + b"\r\n\r\n" + answer.content
    )
    parts = message.get_payload()
    assert isinstance(parts, list)
    documents = []
    for part in parts:
        assert isinstance(part, Message)
        body = part.get_payload(decode=True)
        assert isinstance(body, bytes)
        documents.append(ElementTree.fromstring(body))  # noqa: S314 -- our own
    assert len(documents) == len(in_json) == 3
    for document, members in zip(documents, in_json, strict=True):
        assert [each.get("tag") for each in document] == list(members)
        values = {each.get("tag"): [value.text for value in each] for each in document}
        assert values["0020000D"] == members["0020000D"]["Value"]
    assert open_api.get("/dicom-web/studies", params={"StudyInstanceUID": "9.9"}, headers=wanted).content


def test_plain_json_is_the_same_by_another_name(region: Place, open_api: httpx.Client) -> None:
    plain = open_api.get("/dicom-web/studies", headers={"Accept": "application/json"})
    by_parameter = open_api.get("/dicom-web/studies", params={"accept": "application/json"})

    assert plain.headers["content-type"] == by_parameter.headers["content-type"] == "application/json"
    assert plain.json() == by_parameter.json() == open_api.get("/dicom-web/studies").json()


@pytest.mark.parametrize(
    "accept", ["application/dicom+json", 'multipart/related; type="application/dicom+xml"']
)
def test_a_reader_who_has_the_answer_hears_so(region: Place, open_api: httpx.Client, accept: str) -> None:
    first = open_api.get("/dicom-web/studies", headers={"Accept": accept})
    again = {"Accept": accept, "If-None-Match": first.headers["etag"]}

    assert first.headers["cache-control"] == "private, no-cache"
    assert open_api.get("/dicom-web/studies", headers=again).status_code == 304
    kept(region, an_image("1.9.1.1"))
    assert open_api.get("/dicom-web/studies", headers=again).status_code == 200


def test_answers_are_compressed_for_who_asks(region: Place, open_api: httpx.Client) -> None:
    plain = open_api.get("/dicom-web/studies", headers={"Accept-Encoding": "identity"})
    packed = open_api.get("/dicom-web/studies", headers={"Accept-Encoding": "gzip"})

    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.json() == plain.json()


def test_pages_of_an_answer_make_the_whole(region: Place, open_api: httpx.Client) -> None:
    whole = found(open_api.get("/dicom-web/instances"), "00080018")
    paged = [
        uid
        for offset in range(0, len(whole), 2)
        for uid in found(
            open_api.get("/dicom-web/instances", params={"limit": 2, "offset": offset}), "00080018"
        )
    ]
    assert paged == whole
    beyond = open_api.get("/dicom-web/instances", params={"offset": 1000})
    assert (beyond.status_code, beyond.json()) == (200, [])
