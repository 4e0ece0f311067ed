"""What every retrieve resource promises, on real files: validators, HEAD, forms, ranges (PS3.18 §10.4)."""

import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import httpx
import numpy as np
import psycopg
import pydicom
import pytest
from psycopg.types.json import Jsonb
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from storage.part10 import read_meta
from storage.passing import inflated
from tests.viewer_api.conftest import Place
from tests.viewer_api.material import an_image, encoded, kept
from tests.viewer_api.test_files import data_set_of, keep_all, parts_of

STUDY = "/dicom-web/studies/1.1"
SERIES = STUDY + "/series/1.1.1"
INSTANCE = SERIES + "/instances/1.1.1.1"
RESOURCES = [
    *(
        below + what
        for below in (STUDY, SERIES, INSTANCE)
        for what in ("", "/metadata", "/bulkdata", "/pixeldata")
    ),
    INSTANCE + "/frames/1",
    INSTANCE + "/bulkdata/7FE00010",
]
ALONE = {"Accept": "application/octet-stream"}
XML = {"Accept": 'multipart/related; type="application/dicom+xml"'}
ZIP = {"Accept": "application/zip"}
NEW_NAME = {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Jones^Al"}]}}
NATIVE_MODEL = "{http://dicom.nema.org/PS3.19/models/NativeDICOM}"


def correct(place: Place) -> None:
    with psycopg.connect(place.database) as connection:
        connection.execute(
            "insert into correction (study_id, attributes, reason, made_by)"
            " select id, %s, 'CORRECT', 'a person' from study",
            (Jsonb(NEW_NAME),),
        )


@pytest.fixture
def images(place: Place) -> None:
    for number in (1, 2):
        kept(place, an_image(f"1.1.1.{number}", EncapsulatedDocument=bytes([number]) * 5000))


@pytest.mark.usefixtures("images")
def test_what_a_reader_holds_is_not_sent_again_until_it_changes(place: Place, open_api: httpx.Client) -> None:
    first = {path: open_api.get(path) for path in RESOURCES}
    for path, answer in first.items():
        assert answer.status_code == 200, path
        assert answer.headers["cache-control"] == "private, no-cache"
        tag = answer.headers["etag"]
        for held in (tag, f'"another", {tag}', f"W/{tag.removeprefix('W/')}", "*"):
            again = open_api.get(path, headers={"If-None-Match": held})
            assert (again.status_code, again.content) == (304, b""), path
            assert again.headers["etag"] == tag
        assert open_api.get(path, headers={"If-None-Match": '"another"'}).status_code == 200
        assert open_api.get(path).content == answer.content  # the same bytes: the tag is strong

    correct(place)

    for path, before in first.items():
        stale = {"If-None-Match": before.headers["etag"]}
        assert open_api.get(path, headers=stale).status_code == 200, path
        assert open_api.get(path).headers["etag"] != before.headers["etag"], path


@pytest.mark.usefixtures("images")
def test_each_form_has_a_tag_of_its_own(open_api: httpx.Client) -> None:
    forms = [{}, {"Accept": "application/dicom"}, ZIP]
    assert len({open_api.get(INSTANCE, headers=form).headers["etag"] for form in forms}) == 3
    assert (
        open_api.get(INSTANCE + "/frames/1", headers=ALONE).headers["etag"]
        != open_api.get(INSTANCE + "/frames/1").headers["etag"]
    )


@pytest.mark.usefixtures("images")
def test_head_says_what_get_would(open_api: httpx.Client) -> None:
    drawn = [INSTANCE + "/rendered", SERIES + "/thumbnail"]
    for path in [*RESOURCES, *drawn]:
        for accept in ({}, ALONE):
            got, head = open_api.get(path, headers=accept), open_api.head(path, headers=accept)
            assert head.status_code == got.status_code, path
            if got.status_code != 200:
                continue
            assert head.content == b""
            for name in ("content-type", "etag", "cache-control"):
                assert head.headers[name] == got.headers[name], (path, name)
            assert head.headers.get("content-length", got.headers.get("content-length")) == got.headers.get(
                "content-length"
            )


def test_options_says_what_may_be_asked_and_nothing_of_what_is_held(closed_api: httpx.Client) -> None:
    for path in RESOURCES:
        answer = closed_api.options(path)
        assert answer.status_code == 200
        assert {"GET", "HEAD", "OPTIONS"} <= set(answer.headers["allow"].split(", "))
    assert closed_api.head(INSTANCE).status_code == 401


def test_a_study_as_one_archive(place: Place, open_api: httpx.Client) -> None:
    for uid in ("1.1.1.1", "1.1.1.2", "1.1.2.1"):
        kept(place, an_image(uid), ImplicitVRLittleEndian if uid == "1.1.1.2" else ExplicitVRLittleEndian)

    answer = open_api.get(STUDY, headers=ZIP)

    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert names == ["SE000001/IM000001.dcm", "SE000001/IM000002.dcm", "SE000002/IM000001.dcm"]
        found = [pydicom.dcmread(archive.open(name)) for name in names]
    assert [each.SOPInstanceUID for each in found] == ["1.1.1.1", "1.1.1.2", "1.1.2.1"]
    assert {each.file_meta.TransferSyntaxUID for each in found} == {ExplicitVRLittleEndian}
    as_stored = {"Accept": "application/zip; transfer-syntax=1.2.840.10008.1.2, application/zip;q=0.5"}
    with zipfile.ZipFile(BytesIO(open_api.get(STUDY, headers=as_stored).content)) as archive:
        assert data_set_of(archive.read(names[1])) == place.received["1.1.1.2"]


@pytest.mark.usefixtures("images")
def test_metadata_as_xml_say_what_json_says(open_api: httpx.Client) -> None:
    parts = parts_of(open_api.get(SERIES + "/metadata", headers=XML))

    assert [media for media, _ in parts] == ["application/dicom+xml"] * 2
    for members, (_, body) in zip(open_api.get(SERIES + "/metadata").json(), parts, strict=True):
        found = {each.get("tag"): each for each in ElementTree.fromstring(body)}  # noqa: S314 -- our own
        assert found.keys() == members.keys()
        bulk = found["7FE00010"].find(f"{NATIVE_MODEL}BulkData")
        assert bulk is not None
        assert bulk.get("uri") == members["7FE00010"]["BulkDataURI"]
        name = found["00100010"].find(f".//{NATIVE_MODEL}FamilyName")
        assert name is not None
        assert name.text == "Smith"
    assert open_api.get(SERIES + "/metadata", headers={"Accept": "application/dicom+xml"}).status_code == 406


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_a_range_of_a_large_value(place: Place, open_api: httpx.Client, syntax: str) -> None:
    value = bytes(range(256)) * 8000  # more than one piece of the object store
    kept(place, an_image("1.1.1.1", EncapsulatedDocument=value), syntax)
    path = INSTANCE + "/bulkdata/00420011"

    whole = open_api.get(path, headers=ALONE)
    assert (whole.content, whole.headers["accept-ranges"]) == (value, "bytes")
    tag = whole.headers["etag"]
    for text, start, stop in (
        ("bytes=0-0", 0, 1),
        ("bytes=1000000-1100000", 1_000_000, 1_100_001),
        ("bytes=-5", len(value) - 5, len(value)),
        (f"bytes={len(value) - 3}-", len(value) - 3, len(value)),
    ):
        for condition in ({}, {"If-Range": tag}):
            part = open_api.get(path, headers={**ALONE, "Range": text, **condition})
            assert (part.status_code, part.content) == (206, value[start:stop]), text
            assert part.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(value)}"
            assert int(part.headers["content-length"]) == stop - start
    other = open_api.get(path, headers={**ALONE, "Range": "bytes=0-0", "If-Range": '"another"'})
    assert (other.status_code, other.content) == (200, value)
    beyond = open_api.get(path, headers={**ALONE, "Range": f"bytes={len(value)}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(value)}")
    assert open_api.get(path, headers={"Range": "bytes=2-3"}).content == value[2:4]


@pytest.mark.usefixtures("images")
def test_ranges_of_a_value_that_is_rewritten_on_the_way(place: Place, open_api: httpx.Client) -> None:
    correct(place)
    answer = open_api.get(INSTANCE + "/bulkdata/7FE00010", headers={**ALONE, "Range": "bytes=2-5"})
    assert (answer.status_code, answer.content) == (206, bytes(range(8))[2:6])


@pytest.mark.usefixtures("images")
def test_all_bulk_data_name_their_own_addresses(place: Place, open_api: httpx.Client) -> None:
    for path, tags in (("/bulkdata", ["00420011", "7FE00010"]), ("/pixeldata", ["7FE00010"])):
        answer = open_api.get(STUDY + path)
        found = re.findall(rb"Content-Location: (\S+)\r\n", answer.content)
        assert [each.decode() for each in found] == [
            f"{open_api.base_url}{SERIES}/instances/1.1.1.{number}/bulkdata/{tag}".replace(
                "//dicom", "/dicom"
            )
            for number in (1, 2)
            for tag in tags
        ]
        bodies = [body for _, body in parts_of(answer)]
        for address, body in zip(found, bodies, strict=True):
            assert open_api.get(address.decode(), headers=ALONE).content == body
    assert open_api.get(STUDY + "/bulkdata", headers=ALONE).status_code == 406


def test_there_may_be_no_bulk_data(place: Place, open_api: httpx.Client) -> None:
    image = an_image("1.1.1.1")
    del image.PixelData
    kept(place, image)
    for path in ("/bulkdata", "/pixeldata", "/bulkdata/7FE00010"):
        assert open_api.get(INSTANCE + path).status_code == 404


@pytest.mark.parametrize(
    ("media_type", "syntax"),
    [("image/jp2", JPEG2000Lossless), ("image/jphc", HTJ2KLossless), ("image/dicom-rle", RLELossless)],
)
def test_frames_are_encoded_for_who_asks(
    place: Place, open_api: httpx.Client, media_type: str, syntax: str
) -> None:
    pixels = np.arange(2 * 64 * 64, dtype="<u2").reshape(2, 64, 64)
    kept(place, an_image("1.1.1.1", NumberOfFrames=2, Rows=64, Columns=64, PixelData=pixels.tobytes()))

    ((given, frame),) = parts_of(
        open_api.get(INSTANCE + "/frames/2", headers={"Accept": f'multipart/related; type="{media_type}"'})
    )

    assert given == f"{media_type}; transfer-syntax={syntax}"
    uid = "1.1.1.9"
    again = an_image(uid, Rows=64, Columns=64)
    again.PixelData = pydicom.encaps.encapsulate([frame])
    again["PixelData"].VR = "OB"
    again["PixelData"].is_undefined_length = True
    place.keep(again.SOPClassUID, uid, syntax, encoded(again, syntax))
    decoded = open_api.get(f"{SERIES}/instances/{uid}/frames/1", headers=ALONE)
    assert decoded.content == pixels[1].tobytes()


def test_deflated_frames_come_from_one_inflated_copy(
    place: Place, open_api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    inflations = []

    def counted(chunks: Iterable[bytes]) -> Iterator[bytes]:
        inflations.append(1)
        return inflated(chunks)

    monkeypatch.setattr("storage.inflated_copies.inflated", counted)
    pixels = np.arange(10 * 4, dtype="<u2").tobytes()
    image = an_image("1.1.1.1", NumberOfFrames=10, PixelData=pixels)
    deflate = zlib.compressobj(wbits=-15)
    raw = deflate.compress(encoded(image)) + deflate.flush()
    place.keep(image.SOPClassUID, "1.1.1.1", DeflatedExplicitVRLittleEndian, raw)

    for number in (7, 1, 10):
        answer = open_api.get(f"{INSTANCE}/frames/{number}", headers=ALONE)
        assert answer.content == pixels[8 * (number - 1) : 8 * number]
    assert len(inflations) == 1


@pytest.mark.filterwarnings("ignore")
def test_every_resource_of_every_file(place: Place, open_api: httpx.Client) -> None:
    """Whatever is kept is given out, or 404 and 406 say why not: nothing fails."""
    keep_all(place)
    for found in open_api.get("/dicom-web/instances", params={"limit": "1000"}).json():
        study, series, uid = (found[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018"))
        at = f"/dicom-web/studies/{study}/series/{series}/instances/{uid}"
        assert open_api.get(at, headers={"Accept": "application/dicom; transfer-syntax=*"}).status_code == 200
        for path in ("/metadata", "/bulkdata", "/pixeldata", "/frames/1"):
            for accept in ({}, XML, ALONE, ZIP):
                assert open_api.get(at + path, headers=accept).status_code in (200, 206, 404, 406), (at, path)


def test_file_names_are_numbers(place: Place, open_api: httpx.Client, tmp_path: Path) -> None:
    kept(place, an_image("1.1.1.1"))
    body = open_api.get(STUDY, headers=ZIP).content
    with zipfile.ZipFile(BytesIO(body)) as archive:
        archive.extractall(tmp_path)
        (about,) = archive.infolist()
    assert read_meta((tmp_path / about.filename).read_bytes()).sop_instance_uid == "1.1.1.1"
    assert b"Smith" not in body[-200:]
