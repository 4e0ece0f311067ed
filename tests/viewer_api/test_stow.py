"""Storing over HTTP: a real server, real files, the archive's own door."""

import copy
import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pydicom
import pytest
from psycopg import connect
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from exchange.policy import Role
from exchange.registry import PostgresRegistry, Trust
from storage.part10 import read_meta
from tests.viewer_api.conftest import Place, bearer
from tests.viewer_api.test_parts_in import body_of
from viewer_api.bodies_in import SLOWEST_BYTES_PER_S, BodyStalled, Pace

DICOM = "application/dicom"
CONTENT_TYPE = f'multipart/related; type="{DICOM}"; boundary=xyz'


def file_of(dataset: Dataset) -> bytes:
    made = io.BytesIO()
    dataset.save_as(made, enforce_file_format=True)
    return made.getvalue()


def ct() -> Dataset:
    return pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))


def store(
    client: httpx.Client, *files: bytes, path: str = "/dicom-web/studies", **headers: str
) -> httpx.Response:
    body = body_of([(DICOM, each) for each in files])
    return client.post(path, content=body, headers={"Content-Type": CONTENT_TYPE, **headers})


def test_what_is_stored_is_found_and_comes_back_as_it_was_sent(place: Place, open_api: httpx.Client) -> None:
    names = ("CT_small.dcm", "JPEG2000.dcm", "MR_small_RLE.dcm", "image_dfl.dcm", "MR_small_bigendian.dcm")
    files = [Path(str(get_testdata_file(name))).read_bytes() for name in names]

    answer = store(open_api, *files)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/dicom+json")
    items = answer.json()["00081199"]["Value"]
    assert len(items) == len(files)
    for item, sent in zip(items, files, strict=True):
        url = item["00081190"]["Value"][0]
        got = open_api.get(url, headers={"Accept": f'{DICOM}; transfer-syntax="*"'})
        meta = read_meta(sent)
        if not meta.transfer_syntax_uid.endswith(("1.2.2", "1.99")):  # those leave as Explicit Little Endian
            assert got.content[read_meta(got.content).data_offset :] == sent[meta.data_offset :]
        assert got.status_code == 200


def test_a_study_in_the_path_takes_its_own_instances_alone(place: Place, open_api: httpx.Client) -> None:
    first = ct()
    other = copy.deepcopy(first)
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    other.StudyInstanceUID, other.SeriesInstanceUID = generate_uid(), generate_uid()

    answer = store(
        open_api, file_of(first), file_of(other), path=f"/dicom-web/studies/{first.StudyInstanceUID}"
    )

    assert answer.status_code == 202
    assert answer.json()["00081190"]["Value"][0].endswith(first.StudyInstanceUID)
    (failed,) = answer.json()["00081198"]["Value"]
    assert failed["00081155"]["Value"] == [other.SOPInstanceUID]
    assert failed["00081197"]["Value"] == [0xA900]
    assert "another study" in failed["00091001"]["Value"][0]


def test_other_content_under_a_known_uid_is_a_conflict_and_is_kept_aside(
    place: Place, open_api: httpx.Client
) -> None:
    first = ct()
    assert store(open_api, file_of(first)).status_code == 200
    assert store(open_api, file_of(first)).status_code == 200  # the same again is welcome
    first.SeriesDescription = "other"

    answer = store(open_api, file_of(first))

    assert answer.status_code == 409
    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xC001]
    with connect(place.database) as connection:
        assert connection.execute("select count(*) from quarantine").fetchone() == (1,)


def test_what_is_no_instance_fails_and_the_others_are_kept(place: Place, open_api: httpx.Client) -> None:
    answer = store(open_api, b"not DICOM", file_of(ct()), b"")

    assert answer.status_code == 202
    assert len(answer.json()["00081199"]["Value"]) == 1
    assert [each["00081197"]["Value"] for each in answer.json()["0008119A"]["Value"]] == [[0xC000]] * 2


@pytest.mark.parametrize(
    "content_type", ["application/dicom", "multipart/related; type=image/png; boundary=x", ""]
)
def test_another_kind_of_body_is_refused(open_api: httpx.Client, content_type: str) -> None:
    answer = open_api.post("/dicom-web/studies", content=b"x", headers={"Content-Type": content_type})

    assert (answer.status_code, answer.headers["content-type"]) == (415, "application/problem+json")


def test_a_body_that_is_not_what_it_says_is_refused(open_api: httpx.Client) -> None:
    answer = open_api.post("/dicom-web/studies", content=b"x", headers={"Content-Type": CONTENT_TYPE})

    assert answer.status_code == 400
    assert store(open_api).status_code == 400


def test_what_an_account_stores_belongs_to_its_trust(place: Place, closed_api: httpx.Client) -> None:
    PostgresRegistry(place.ingest.index.pool).add_trust(Trust("RBS", "Alder Hey", "RBS"))
    made = file_of(ct())

    assert store(closed_api, made).status_code == 401
    assert store(closed_api, made, **bearer(place, Role.READER)).status_code == 403
    nowhere = bearer(place, Role.CONTRIBUTOR, "nowhere", trust="")
    assert store(closed_api, made, **nowhere).status_code == 403
    assert store(closed_api, made, **bearer(place, Role.CONTRIBUTOR, "uploader")).status_code == 200
    with connect(place.database) as connection:
        assert connection.execute("select peer, trust, called, outcome from arrival").fetchall() == [
            ("uploader", "RBS", "/dicom-web/studies", "kept")
        ]


def test_a_body_that_breaks_off_keeps_what_was_whole_and_no_more(
    place: Place, open_api: httpx.Client
) -> None:
    first, second = ct(), ct()
    second.SOPInstanceUID = second.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    body = body_of([(DICOM, file_of(first)), (DICOM, file_of(second))])

    def broken() -> Iterator[bytes]:
        yield body[:-1000]
        raise ConnectionError("the sender's network went")

    with pytest.raises(ConnectionError):
        open_api.post("/dicom-web/studies", content=broken(), headers={"Content-Type": CONTENT_TYPE})
    deadline = time.monotonic() + 60
    while not (found := open_api.get("/dicom-web/instances").json()) and time.monotonic() < deadline:
        time.sleep(0.05)

    assert [each["00080018"]["Value"][0] for each in found] == [first.SOPInstanceUID]


def test_many_store_one_study_at_once(place: Place, open_api: httpx.Client) -> None:
    made = []
    for _ in range(12):
        each = ct()
        each.SOPInstanceUID = each.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        made.append(file_of(each))
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda each=each: answers.append(store(open_api, each).status_code))
        for each in made
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [200] * 12
    (study,) = open_api.get("/dicom-web/studies", params={"includefield": "00201208"}).json()
    assert study["00201208"]["Value"] == [12]


def test_a_body_that_trickles_is_broken_off() -> None:
    slow, steady = Pace(), Pace()
    for _ in range(30):
        slow.add(1.0, 1)
    with pytest.raises(BodyStalled):
        slow.add(1.0, 1)
    for _ in range(100):
        steady.add(1.0, SLOWEST_BYTES_PER_S)
