"""Storing metadata and bulk parts: a real server, real pictures, the archive's own door."""

from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import orjson
import pydicom
import pytest
from PIL import Image
from psycopg import connect
from pydicom.data import get_testdata_file
from pydicom.encaps import generate_frames
from pydicom.uid import generate_uid

from storage.dicom_xml import write_xml
from tests.ologies.clips.material import a_clip
from tests.viewer_api.conftest import Place
from viewer_api.describing import METADATA_LIMIT_BYTES
from viewer_api.store_answers import COERCION

JSON, XML = "application/dicom+json", "application/dicom+xml"
PHOTOGRAPH = "1.2.840.10008.5.1.4.1.1.77.1.4"
PIXELS = {"vr": "OB", "BulkDataURI": "bulk/1"}

Part = tuple[dict[str, str], bytes]


def photograph(**others: Any) -> dict[str, Any]:
    """Metadata of a photograph, as a telephone would send them: nothing of its pixels."""
    study = generate_uid()
    return {
        "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
        "00080016": {"vr": "UI", "Value": [PHOTOGRAPH]},
        "00080018": {"vr": "UI", "Value": [generate_uid()]},
        "00080060": {"vr": "CS", "Value": ["XC"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Łukasz^Zoë"}]},
        "00100020": {"vr": "LO", "Value": ["123"]},
        "0020000D": {"vr": "UI", "Value": [study]},
        "0020000E": {"vr": "UI", "Value": [f"{study[:60]}.1"]},
        "7FE00010": PIXELS,
        **others,
    }


def jpeg(columns: int = 30, rows: int = 20, colour: str = "red") -> bytes:
    made = BytesIO()
    Image.new("RGB", (columns, rows), colour).save(made, "JPEG")
    return made.getvalue()


def bulk(media_type: str, content: bytes, location: str = "bulk/1") -> Part:
    return {"Content-Type": media_type, "Content-Location": location}, content


def metadata(*instances: dict[str, Any]) -> Part:
    return {"Content-Type": JSON}, orjson.dumps(list(instances))


def send(
    client: httpx.Client, *parts: Part, kind: str = JSON, path: str = "", **headers: str
) -> httpx.Response:
    body = b""
    for named, content in parts:
        body += b"--xyz\r\n" + b"".join(f"{n}: {v}\r\n".encode() for n, v in named.items()) + b"\r\n"
        body += content + b"\r\n"
    content_type = f'multipart/related; type="{kind}"; boundary=xyz'
    return client.post(
        f"/dicom-web/studies{path}",
        content=body + b"--xyz--\r\n",
        headers={"Content-Type": content_type, **headers},
    )


def stored(client: httpx.Client, answer: httpx.Response) -> pydicom.Dataset:
    """The one instance that an answer says is kept, as it comes back."""
    (item,) = answer.json()["00081199"]["Value"]
    got = client.get(
        item["00081190"]["Value"][0], headers={"Accept": 'application/dicom; transfer-syntax="*"'}
    )
    assert got.status_code == 200
    return pydicom.dcmread(BytesIO(got.content))


def why(answer: httpx.Response) -> list[str]:
    return [
        item["00091001"]["Value"][0]
        for tag in ("00081198", "0008119A")
        for item in answer.json().get(tag, {}).get("Value", [])
    ]


def test_a_telephones_photograph_is_kept_as_it_was_taken(place: Place, open_api: httpx.Client) -> None:
    taken = jpeg()

    answer = send(open_api, metadata(photograph()), bulk("image/jpeg", taken))

    assert answer.status_code == 202, answer.text  # it was marked as lossy, which its sender did not say
    assert answer.json()["00081199"]["Value"][0]["00081196"]["Value"] == [COERCION]
    kept = stored(open_api, answer)
    assert kept.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.50"
    assert (kept.Rows, kept.Columns, kept.PhotometricInterpretation) == (20, 30, "YBR_FULL_422")
    assert kept.LossyImageCompression == "01"
    assert kept.PatientName == "Łukasz^Zoë"
    assert next(generate_frames(kept.PixelData, number_of_frames=1))[: len(taken)] == taken
    assert kept.pixel_array.shape == (20, 30, 3)
    found = open_api.get(answer.json()["00081199"]["Value"][0]["00081190"]["Value"][0] + "/rendered")
    assert found.status_code == 200


def test_what_says_that_it_is_lossy_is_not_added_to(open_api: httpx.Client) -> None:
    answer = send(
        open_api,
        metadata(photograph(**{"00282110": {"vr": "CS", "Value": ["01"]}})),
        bulk("image/jpeg", jpeg()),
    )

    assert answer.status_code == 200
    assert "00081196" not in answer.json()["00081199"]["Value"][0]


def test_the_same_in_xml_and_an_answer_in_xml(open_api: httpx.Client) -> None:
    described = {"Content-Type": XML}, write_xml(photograph())

    answer = send(open_api, described, bulk("image/jpeg", jpeg()), kind=XML, Accept=XML)

    assert (answer.status_code, answer.headers["content-type"]) == (202, XML)
    assert b'keyword="ReferencedSOPSequence"' in answer.content
    assert open_api.get("/dicom-web/instances").json()[0]["00080060"]["Value"] == ["XC"]


def test_many_frames_come_one_in_a_part(open_api: httpx.Client) -> None:
    frames = [jpeg(30, 20), jpeg(30, 20, "blue"), jpeg(30, 20)]
    described = photograph(**{"00280008": {"vr": "IS", "Value": [3]}})

    answer = send(open_api, metadata(described), *(bulk("image/jpeg", each) for each in frames))

    url = answer.json()["00081199"]["Value"][0]["00081190"]["Value"][0]
    got = open_api.get(f"{url}/frames/2", headers={"Accept": 'image/jpeg; transfer-syntax="*"'})
    assert got.content[: len(frames[1])] == frames[1]
    assert stored(open_api, answer).NumberOfFrames == 3


def test_a_video_a_document_and_a_waveform(place: Place, open_api: httpx.Client, tmp_path: Path) -> None:
    film = a_clip(tmp_path / "film.mp4", size=(640, 480), count=5).read_bytes()
    document = photograph(**{"00420011": {"vr": "OB", "BulkDataURI": "urn:a:1"}})
    document["00080016"]["Value"] = ["1.2.840.10008.5.1.4.1.1.104.1"]
    del document["7FE00010"]
    wave = photograph(**{"54000100": {"vr": "SQ", "Value": [{"54001010": {"vr": "OW", "BulkDataURI": "w"}}]}})
    del wave["7FE00010"]

    answer = send(
        open_api,
        metadata(photograph(), document, wave),
        bulk("application/octet-stream", b"\1\2\3\4", "w"),
        bulk("application/pdf", b"%PDF-1.4 and so on", "urn:a:1"),
        bulk("video/mp4", film),
    )

    assert (answer.status_code, why(answer)) == (202, [])
    kept = {
        each.SOPClassUID: each
        for item in answer.json()["00081199"]["Value"]
        for each in [
            pydicom.dcmread(
                BytesIO(
                    open_api.get(
                        item["00081190"]["Value"][0],
                        headers={"Accept": 'application/dicom; transfer-syntax="*"'},
                    ).content
                )
            )
        ]
    }
    assert kept["1.2.840.10008.5.1.4.1.1.104.1"].MIMETypeOfEncapsulatedDocument == "application/pdf"
    photo = [each for each in kept.values() if "PixelData" in each]
    assert photo[0].file_meta.TransferSyntaxUID.endswith(".102")
    assert (photo[0].NumberOfFrames, photo[0].Rows) == (5, 480)


def test_native_pixels_and_a_data_set_of_another_archive(open_api: httpx.Client) -> None:
    sent = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    described = orjson.loads(sent.to_json(bulk_data_threshold=1_000, bulk_data_element_handler=lambda _: "x"))

    answer = send(open_api, metadata(described), bulk("application/octet-stream", sent.PixelData, "x"))

    assert (answer.status_code, why(answer)) == (200, [])
    kept = stored(open_api, answer)
    assert kept.PixelData == sent.PixelData
    del kept.SpecificCharacterSet
    del sent.SpecificCharacterSet
    assert {element.tag for element in kept} == {element.tag for element in sent}


@pytest.mark.parametrize(
    ("others", "media_type", "content", "reason"),
    [
        ({"00280010": {"vr": "US", "Value": [21]}}, "image/jpeg", jpeg(), "00280010 differs"),
        ({}, "image/jpeg", b"\xff\xd8 no picture", "marker"),
        ({}, "image/png", b"x", "pixels are one of"),
        ({}, "video/mp4", b"x", "cut off"),
        ({}, 'image/jpeg; transfer-syntax="1.2.840.10008.1.2.4.90"', jpeg(), "not the transfer syntax"),
        ({"00080018": {"vr": "UI", "Value": ["no uid"]}}, "image/jpeg", jpeg(), "wanted"),
        ({"0020000D": {"vr": "UI", "Value": []}}, "image/jpeg", jpeg(), "UID"),
        ({"00280008": {"vr": "IS", "Value": [2]}}, "image/jpeg", jpeg(), "did not come"),
        ({"00100010": {"vr": "PN", "Value": ["Smith"]}}, "image/jpeg", jpeg(), "00100010"),
    ],
)
def test_what_cannot_be_kept_says_why(
    open_api: httpx.Client, others: dict[str, Any], media_type: str, content: bytes, reason: str
) -> None:
    answer = send(open_api, metadata(photograph(**others)), bulk(media_type, content))

    assert answer.status_code == 409
    assert reason in " ".join(why(answer))


def test_one_that_fails_keeps_no_other_from_being_kept(place: Place, open_api: httpx.Client) -> None:
    good, bad, lost = photograph(), photograph(), photograph()
    bad["7FE00010"] = {"vr": "OB", "BulkDataURI": "bulk/2"}
    lost["7FE00010"] = {"vr": "OB", "BulkDataURI": "bulk/3"}

    answer = send(
        open_api,
        metadata(bad, good, lost),
        bulk("image/jpeg", jpeg()),
        bulk("image/jpeg", b"x", "bulk/2"),
        bulk("image/jpeg", b"x", "bulk/9"),
    )

    assert answer.status_code == 202
    assert len(answer.json()["00081199"]["Value"]) == 1
    assert len(answer.json()["00081198"]["Value"]) == 2
    assert len(answer.json()["0008119A"]["Value"]) == 1
    with connect(place.database) as connection:
        rows = connection.execute("select outcome from arrival order by id").fetchall()
    assert rows == [("kept",), ("unreadable",), ("unreadable",)]


def test_a_study_in_the_path_is_its_own(open_api: httpx.Client) -> None:
    answer = send(open_api, metadata(photograph()), bulk("image/jpeg", jpeg()), path="/1.2.3")

    assert answer.status_code == 409
    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xA900]
    assert "another study" in why(answer)[0]


def test_metadata_have_a_size(open_api: httpx.Client) -> None:
    answer = send(open_api, ({"Content-Type": JSON}, b" " * (METADATA_LIMIT_BYTES + 1) + b"[]"))

    assert answer.status_code == 409
    assert "8,388,608" in why(answer)[0]


def test_a_body_of_described_instances_that_is_cut(open_api: httpx.Client) -> None:
    body = (
        b"--xyz\r\nContent-Type: application/dicom+json\r\n\r\n[{}]\r\n--xyz\r\nContent-Type: image/jpeg\r\n"
    )
    answer = open_api.post(
        "/dicom-web/studies",
        content=body,
        headers={"Content-Type": f'multipart/related; type="{JSON}"; boundary=xyz'},
    )

    assert answer.status_code == 409
    assert "last boundary" in why(answer)[-1]


@pytest.mark.parametrize("kind", ["application/zip", "image/jpeg", "application/octet-stream"])
def test_what_is_no_store_type_is_answered_with_those_that_are(open_api: httpx.Client, kind: str) -> None:
    answer = open_api.post("/dicom-web/studies", content=b"PK", headers={"Content-Type": kind})

    assert answer.status_code == 415
    assert answer.json()["stored"] == ["application/dicom", JSON, XML]


def test_an_answer_that_nobody_can_give_is_refused_before_anything_is_kept(open_api: httpx.Client) -> None:
    answer = send(open_api, metadata(photograph()), bulk("image/jpeg", jpeg()), Accept="text/html")

    assert answer.status_code == 406
    assert open_api.get("/dicom-web/instances").json() == []
