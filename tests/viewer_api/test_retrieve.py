"""What leaves: as stored, written anew, corrected, in parts; and what cannot be had."""

import asyncio
import zlib
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import httpx
import numpy as np
import psycopg
import pydicom
import pytest
from psycopg.types.json import Jsonb
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from dicom_router.rules.desk import RuleDesk
from storage.files import FileObjects
from storage.part10 import read_meta
from storage.staging import move_staged
from tests.viewer_api.conftest import Place, serving
from tests.viewer_api.material import an_image, encoded, kept
from tests.viewer_api.test_files import data_set_of, parts_of
from viewer_api.parts import ApiParts
from viewer_api.settings import ApiSettings

INSTANCE = "/dicom-web/studies/1.1/series/1.1.1/instances/1.1.1.1"
ANY_SYNTAX = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
SINGLE = {"Accept": "application/dicom"}
NEW_NAME = {
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Jones^Al"}]},
    "00100020": {"vr": "LO", "Value": ["999"]},
}


def compressed(uid: str, frames: list[bytes], **others: object) -> Dataset:
    found = an_image(uid, NumberOfFrames=len(frames), **others)
    found.PixelData = encapsulate(frames)
    found["PixelData"].VR = "OB"
    found["PixelData"].is_undefined_length = True
    return found


def test_a_study_comes_in_order_with_its_length(place: Place, open_api: httpx.Client) -> None:
    for number in (3, 1, 2):
        kept(place, an_image(f"1.1.1.{number}"))

    answer = open_api.get("/dicom-web/studies/1.1", headers=ANY_SYNTAX)

    assert int(answer.headers["content-length"]) == len(answer.content)
    parts = parts_of(answer)
    assert [read_meta(body).sop_instance_uid for _, body in parts] == ["1.1.1.1", "1.1.1.2", "1.1.1.3"]
    assert [data_set_of(body) for _, body in parts] == [place.received[f"1.1.1.{n}"] for n in (1, 2, 3)]
    assert open_api.get("/dicom-web/studies/1.1/series/1.1.1", headers=ANY_SYNTAX).status_code == 200
    assert open_api.get("/dicom-web/studies/1.1", headers=SINGLE).status_code == 406


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_what_is_not_for_the_web_leaves_as_explicit_little_endian(
    place: Place, open_api: httpx.Client, syntax: str
) -> None:
    raw = kept(place, an_image("1.1.1.1"), syntax)

    for accept in (ANY_SYNTAX, {}):
        ((media_type, body),) = parts_of(open_api.get(INSTANCE, headers=accept))
        assert media_type.endswith(f"transfer-syntax={ExplicitVRLittleEndian}")
        found = pydicom.dcmread(BytesIO(body))
        expected = an_image("1.1.1.1")
        if syntax == ExplicitVRBigEndian:  # pydicom wrote the words as they were
            expected.PixelData = np.frombuffer(expected.PixelData, ">u2").astype("<u2").tobytes()
        assert found.to_json_dict() == expected.to_json_dict()
    named = open_api.get(INSTANCE, headers={"Accept": f"application/dicom; transfer-syntax={syntax}"})
    assert data_set_of(named.content) == raw


def test_uids_that_do_not_belong_together_are_not_held(place: Place, open_api: httpx.Client) -> None:
    kept(place, an_image("1.1.1.1"))
    kept(place, an_image("1.2.1.1"))
    for path in (
        "1.1/series/1.2.1",
        "1.1/series/1.2.1/instances/1.2.1.1",
        "1.2/series/1.1.1/instances/1.1.1.1",
    ):
        for tail in ("", "/metadata"):
            assert open_api.get(f"/dicom-web/studies/{path}{tail}").status_code == 404


def test_a_correction_changes_what_it_names_until_it_is_undone(place: Place, open_api: httpx.Client) -> None:
    raw = kept(place, an_image("1.1.1.1"))
    before = open_api.get(INSTANCE, headers=SINGLE).content
    metadata_before = open_api.get(f"{INSTANCE}/metadata").json()[0]
    with psycopg.connect(place.database, autocommit=True) as connection:
        connection.execute(
            "insert into correction (study_id, attributes, reason, made_by)"
            " select id, %s, 'CORRECT', 'a person' from study",
            (Jsonb(NEW_NAME),),
        )
        connection.execute(
            "with other as (insert into patient (identifier, issuer) values ('999', 'RBS') returning id)"
            " update identity set patient_id = other.id, patient_name = 'jones^al' from other"
        )

        after = open_api.get(INSTANCE, headers=SINGLE).content
        found = pydicom.dcmread(BytesIO(after))
        assert (found.PatientName, found.PatientID) == ("Jones^Al", "999")
        (original,) = found.OriginalAttributesSequence
        assert original.ModifiedAttributesSequence[0].PatientName == "Smith^Jo"
        for element in original.ModifiedAttributesSequence[0]:
            found[element.tag] = element
        del found.OriginalAttributesSequence
        again = Dataset()
        again.update(found)
        assert encoded(again) == raw

        metadata = open_api.get(f"{INSTANCE}/metadata").json()[0]
        assert metadata.pop("04000561")
        assert {tag for tag in metadata if metadata[tag] != metadata_before[tag]} == NEW_NAME.keys()
        (study,) = open_api.get("/dicom-web/studies", params={"PatientID": "999"}).json()
        assert study["00100010"] == NEW_NAME["00100010"]
        assert open_api.get("/dicom-web/studies", params={"PatientID": "123"}).json() == []
        frame = open_api.get(f"{INSTANCE}/frames/1", headers={"Accept": "application/octet-stream"})
        assert frame.content == bytes(range(8))

        connection.execute("update correction set undone_at = now(), undone_by = 'a person'")
    assert open_api.get(INSTANCE, headers=SINGLE).content == before
    assert data_set_of(before) == raw
    assert open_api.get(f"{INSTANCE}/metadata").json()[0] == metadata_before


def test_frames_in_any_order(place: Place, open_api: httpx.Client) -> None:
    pixels = np.arange(4 * 4, dtype="<u2").tobytes()
    kept(place, an_image("1.1.1.1", NumberOfFrames=4, PixelData=pixels))

    parts = parts_of(open_api.get(f"{INSTANCE}/frames/3,1,3"))

    assert [body for _, body in parts] == [pixels[16:24], pixels[0:8], pixels[16:24]]
    assert {media for media, _ in parts} == {
        f"application/octet-stream; transfer-syntax={ExplicitVRLittleEndian}"
    }
    assert open_api.get(f"{INSTANCE}/frames/5").status_code == 404
    assert open_api.get(f"{INSTANCE}/frames/0").status_code == 404
    assert open_api.get(f"{INSTANCE}/frames/999999999").status_code == 404
    for wrong in ("a", "1,", "-1", "1;2"):
        assert open_api.get(f"{INSTANCE}/frames/{wrong}").status_code == 400


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
def test_native_frames_are_little_endian_whatever_is_stored(
    place: Place, open_api: httpx.Client, syntax: str
) -> None:
    image = an_image("1.1.1.1")
    raw = encoded(image, syntax)
    if syntax == DeflatedExplicitVRLittleEndian:
        deflate = zlib.compressobj(wbits=-15)
        raw = deflate.compress(raw) + deflate.flush()
    place.keep(image.SOPClassUID, "1.1.1.1", syntax, raw)
    expected = image.PixelData
    if syntax == ExplicitVRBigEndian:
        expected = np.frombuffer(expected, ">u2").astype("<u2").tobytes()

    for path in ("frames/1", "bulkdata/7FE00010"):
        answer = open_api.get(f"{INSTANCE}/{path}", headers={"Accept": "application/octet-stream"})
        assert answer.content == expected, path


def test_single_bits_that_begin_within_a_byte(place: Place, open_api: httpx.Client) -> None:
    bits = np.array([1, 0, 0, 1, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 1], "u1")  # five frames of 1 x 3
    packed = np.packbits(bits, bitorder="little").tobytes()
    kept(
        place,
        an_image(
            "1.1.1.1", NumberOfFrames=5, Rows=1, Columns=3, BitsAllocated=1, BitsStored=1, HighBit=0,
            PixelData=packed,
        ),
    )  # fmt: skip
    for number in range(1, 6):
        answer = open_api.get(f"{INSTANCE}/frames/{number}", headers={"Accept": "application/octet-stream"})
        found = np.unpackbits(np.frombuffer(answer.content, "u1"), bitorder="little")[:3]
        assert found.tolist() == bits[3 * number - 3 : 3 * number].tolist()


def test_compressed_frames_leave_as_stored(place: Place, open_api: httpx.Client) -> None:
    frames = [b"\xff\xd8one\xff\xd9\x00"[:10], b"\xff\xd8three\xff\xd9\x00"]
    kept(place, compressed("1.1.1.1", frames), JPEGBaseline8Bit)

    for accept, media in (
        ("image/jpeg", "image/jpeg"),
        ('multipart/related; type="image/jpeg"', "image/jpeg"),
        ("multipart/related; type=application/octet-stream; transfer-syntax=*", "application/octet-stream"),
        ("*/*", "image/jpeg"),
    ):
        answer = open_api.get(f"{INSTANCE}/frames/2", headers={"Accept": accept})
        if answer.headers["content-type"].startswith("multipart"):
            ((part_type, body),) = parts_of(answer)
        else:
            part_type, body = answer.headers["content-type"], answer.content
        assert part_type == f"{media}; transfer-syntax={JPEGBaseline8Bit}"
        assert body == frames[1]
    refused = open_api.get(f"{INSTANCE}/frames/1", headers={"Accept": "image/jp2"})
    assert refused.status_code == 406
    assert f"image/jpeg; transfer-syntax={JPEGBaseline8Bit}" in refused.json()["offered"]


def test_the_bulk_data_of_compressed_pixels_are_all_frames(place: Place, open_api: httpx.Client) -> None:
    frames = [b"%08d" % number for number in range(10_001)]
    kept(place, compressed("1.1.1.1", frames), JPEGBaseline8Bit)

    assert open_api.get(f"{INSTANCE}/frames/999999999").status_code == 404
    parts = parts_of(open_api.get(f"{INSTANCE}/bulkdata/7FE00010"))

    assert [body for _, body in parts] == frames


class Elsewhere(FileObjects):
    """A store that must not be asked by the thread that serves everybody."""

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        return super().read(key, start, stop)

    def at_hand(self, key: str, start: int, stop: int | None) -> bytes | None:
        return None


class InMemory(FileObjects):
    """A store that memory holds all of: nothing of it needs to be waited for."""

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        raise AssertionError("it was at hand")

    def at_hand(self, key: str, start: int, stop: int | None) -> bytes | None:
        return b"".join(super().read(key, start, stop))


def parts_on(place: Place, objects: FileObjects) -> ApiParts:
    return ApiParts(
        settings=ApiSettings(is_open=True),
        objects=objects,
        door=place.ingest,
        database=place.database,
        pool=place.ingest.index.pool,
        rules=RuleDesk(place.ingest.index.pool),
    )


def test_nothing_is_read_where_everybody_would_wait(place: Place, tmp_path: Path) -> None:
    kept(place, an_image("1.1.1.1"))
    move_staged(place.objects, timedelta(0))
    parts = parts_on(place, Elsewhere(tmp_path / "objects", watermark_bytes=0))
    with serving(parts) as url, httpx.Client(base_url=url) as client:
        for path in ("", "/metadata", "/frames/1", "/bulkdata/7FE00010"):
            assert client.get(f"{INSTANCE}{path}").status_code == 200, path


def test_what_memory_holds_is_the_same(place: Place, open_api: httpx.Client, tmp_path: Path) -> None:
    kept(place, an_image("1.1.1.1"))
    move_staged(place.objects, timedelta(0))
    parts = parts_on(place, InMemory(tmp_path / "objects", watermark_bytes=0))
    with serving(parts) as url, httpx.Client(base_url=url) as client:
        for path in ("", "/frames/1"):
            read, at_hand = open_api.get(f"{INSTANCE}{path}"), client.get(f"{INSTANCE}{path}")
            assert at_hand.status_code == read.status_code == 200
            assert (at_hand.content, at_hand.headers["etag"]) == (read.content, read.headers["etag"]), path


def test_a_frame_of_several_fragments_is_put_together(place: Place, open_api: httpx.Client) -> None:
    frame = bytes(range(64))
    image = compressed("1.1.1.1", [frame])
    image.PixelData = encapsulate([frame], fragments_per_frame=4)
    kept(place, image, JPEGBaseline8Bit)

    assert open_api.get(f"{INSTANCE}/frames/1", headers={"Accept": "image/jpeg"}).content == frame


def test_lossless_pixels_are_decoded_for_who_does_not_ask_for_them(
    place: Place, open_api: httpx.Client
) -> None:
    image = an_image("1.1.1.1")
    image.file_meta = pydicom.dataset.FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    pixels = image.PixelData
    image.compress(RLELossless, generate_instance_uid=False)
    raw = kept(place, image, RLELossless)

    assert (
        open_api.get(f"{INSTANCE}/frames/1", headers={"Accept": "application/octet-stream"}).content == pixels
    )
    ((_, explicit),) = parts_of(open_api.get(INSTANCE))
    found = pydicom.dcmread(BytesIO(explicit))
    assert found.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert found.PixelData == pixels
    ((_, stored),) = parts_of(open_api.get(INSTANCE, headers=ANY_SYNTAX))
    assert data_set_of(stored) == raw
    rle = open_api.get(f"{INSTANCE}/frames/1", headers={"Accept": "image/dicom-rle"})
    assert rle.headers["content-type"] == f"image/dicom-rle; transfer-syntax={RLELossless}"


def test_what_cannot_be_had_lists_what_can(place: Place, open_api: httpx.Client) -> None:
    kept(place, compressed("1.1.1.1", [b"not really JPEG 2000"]), JPEG2000Lossless)
    kept(place, an_image("1.1.1.2"))

    for accept in (
        {"Accept": f"application/dicom; transfer-syntax={RLELossless}"},
        {"Accept": "text/html"},
        SINGLE,
    ):
        answer = open_api.get(INSTANCE, headers=accept)
        assert answer.status_code == 406, accept
        assert f"application/dicom; transfer-syntax={JPEG2000Lossless}" in answer.json()["offered"]
    kept(place, compressed("1.1.1.3", [b"not really JPEG"]), JPEGBaseline8Bit)  # nothing is encoded as that
    part = open_api.get(
        "/dicom-web/studies/1.1",
        headers={
            "Accept": f'multipart/related; type="application/dicom"; transfer-syntax={JPEGBaseline8Bit}'
        },
    )
    assert part.status_code == 206
    assert len(parts_of(part)) == 1


def test_an_instance_without_pixels_has_no_frames(place: Place, open_api: httpx.Client) -> None:
    image = an_image("1.1.1.1")
    del image.PixelData
    kept(place, image)
    assert open_api.get(f"{INSTANCE}/frames/1").status_code == 404


def test_bulk_data_are_found_where_metadata_say(place: Place, open_api: httpx.Client) -> None:
    inner = Dataset()
    inner.EncapsulatedDocument = bytes(5000)
    outer = [Dataset(), inner]
    image = an_image("1.1.1.1", EncapsulatedDocument=b"\x01\x02" * 3000)
    image.add_new(0x00091001, "SQ", Sequence(outer))
    image.add_new(0x00090010, "LO", "US")
    kept(place, image)

    (metadata,) = open_api.get("/dicom-web/studies/1.1/metadata").json()

    single = {"Accept": "application/octet-stream"}
    at_top = metadata["00420011"]["BulkDataURI"]
    within = metadata["00091001"]["Value"][1]["00420011"]["BulkDataURI"]
    assert open_api.get(at_top, headers=single).content == b"\x01\x02" * 3000
    assert open_api.get(within, headers=single).content == bytes(5000)
    ((media, body),) = parts_of(open_api.get(metadata["7FE00010"]["BulkDataURI"]))
    assert (media, body) == ("application/octet-stream", bytes(range(8)))
    for path, status in (("00420012", 404), ("0042", 400), ("00091001/7/00420011", 404), ("00091001", 404)):
        assert open_api.get(f"{INSTANCE}/bulkdata/{path}").status_code == status


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_metadata_too_large_to_keep_ready_are_made(place: Place, open_api: httpx.Client, syntax: str) -> None:
    frames = []
    for number in range(5000):
        item = Dataset()
        item.FrameContentSequence = Sequence([Dataset()])
        item.FrameContentSequence[0].FrameComments = f"{number} " * 8
        frames.append(item)
    image = an_image("1.1.1.1", PerFrameFunctionalGroupsSequence=Sequence(frames))
    kept(place, image, syntax)
    kept(place, an_image("1.1.1.2"))
    with psycopg.connect(place.database) as connection:
        ready = connection.execute("select json_whole from instance order by uid").fetchall()
        connection.execute(
            "insert into correction (study_id, attributes, reason, made_by)"
            " select id, %s, 'CORRECT', 'a person' from study",
            (Jsonb(NEW_NAME),),
        )
    assert ready == [(False,), (True,)]

    large, small = open_api.get("/dicom-web/studies/1.1/metadata").json()

    assert list(large) == sorted(large)
    items = large["52009230"]["Value"]
    assert len(items) == 5000
    assert items[4999]["00209111"]["Value"][0]["00209158"]["Value"] == [("4999 " * 8).strip()]
    assert large["00100020"] == small["00100020"] == NEW_NAME["00100020"]
    assert large["00100021"]["Value"] == ["RBS"]
    assert large.keys() - small.keys() == {"52009230"}
