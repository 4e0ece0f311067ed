"""Every file of pydicom's wheel comes back: found by QIDO, its data set equal bit for bit."""

from email import message_from_bytes
from pathlib import Path

import httpx
import pydicom
import pytest

from storage.elements import DEFLATED
from storage.errors import Unreadable
from storage.part10 import read_meta
from storage.receipt import Outcome, Receipt
from tests.viewer_api.conftest import Place

UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")


def part10_files() -> list[Path]:
    """The Part 10 files of pydicom's wheel."""
    folder = Path(pydicom.__file__).parent / "data" / "test_files"
    return sorted(path for path in folder.glob("*.dcm") if _is_part10(path.read_bytes()))


def keep_all(place: Place) -> dict[str, Receipt]:
    """What became of each file that could be kept. Many share their UIDs: each gets its own."""
    receipts = {}
    for number, path in enumerate(part10_files()):
        raw = path.read_bytes()
        meta = read_meta(raw)
        data_set = raw[meta.data_offset :]
        found = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(UIDS))
        uids = {str(found.get(keyword, "")) for keyword in UIDS} - {""}
        for uid in uids:
            data_set = data_set.replace(uid.encode(), renamed(uid, number).encode())
        is_renamed = meta.transfer_syntax_uid != DEFLATED
        uid = renamed(meta.sop_instance_uid, number) if is_renamed else meta.sop_instance_uid
        receipt = place.keep(meta.sop_class_uid, uid, meta.transfer_syntax_uid, data_set)
        if receipt.outcome is Outcome.KEPT:
            receipts[path.name] = receipt
    return receipts


def renamed(uid: str, number: int) -> str:
    """Another UID of the same length."""
    return uid[:-4] + f"{1000 + number}"


def _is_part10(raw: bytes) -> bool:
    try:
        return bool(read_meta(raw).sop_instance_uid)
    except Unreadable:
        return False


def parts_of(response: httpx.Response) -> list[tuple[str, bytes]]:
    """Media type and bytes of each part of a multipart body."""
    boundary = response.headers["content-type"].rpartition("boundary=")[2].encode()
    *parts, end = response.content.split(b"--" + boundary)[1:]
    assert end == b"--\r\n"
    found = []
    for part in parts:
        head, _, body = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        found.append((str(message_from_bytes(head)["Content-Type"]), body.removesuffix(b"\r\n")))
    return found


def data_set_of(part10: bytes) -> bytes:
    return part10[read_meta(part10).data_offset :]


@pytest.mark.filterwarnings("ignore")
def test_every_data_set_comes_back_bit_for_bit(place: Place, open_api: httpx.Client) -> None:
    kept = keep_all(place)
    assert len(kept) > 50

    found = {
        instance["00080018"]["Value"][0]: instance
        for instance in open_api.get("/dicom-web/instances", params={"limit": "5000"}).json()
    }
    assert found.keys() == place.received.keys()
    for name, receipt in kept.items():
        instance = found[receipt.sop_instance_uid]
        url = instance["00081190"]["Value"][0]
        syntax = instance["00083002"]["Value"][0]

        as_named = open_api.get(url, headers={"Accept": f"application/dicom; transfer-syntax={syntax}"})
        assert as_named.status_code == 200, name
        assert data_set_of(as_named.content) == place.received[receipt.sop_instance_uid], name
        assert read_meta(as_named.content).transfer_syntax_uid == syntax

        as_parts = open_api.get(
            url, headers={"Accept": f'multipart/related; type="application/dicom"; transfer-syntax={syntax}'}
        )
        ((media_type, body),) = parts_of(as_parts)
        assert media_type == f"application/dicom; transfer-syntax={syntax}"
        assert body == as_named.content, name


@pytest.mark.filterwarnings("ignore")
def test_every_instance_has_metadata_and_frames_or_says_why_not(place: Place, open_api: httpx.Client) -> None:
    for name, receipt in keep_all(place).items():
        uid = receipt.sop_instance_uid
        (found,) = open_api.get("/dicom-web/instances", params={"SOPInstanceUID": uid}).json()
        url = found["00081190"]["Value"][0]

        (metadata,) = open_api.get(f"{url}/metadata").raise_for_status().json()

        assert metadata["00080018"]["Value"] == [uid]
        assert metadata["00100021"]["Value"][0], name
        assert list(metadata) == sorted(metadata)
        explicit = open_api.get(url, headers={"Accept": "application/dicom"})
        assert explicit.status_code in (200, 406), name
        if explicit.status_code == 406:
            assert explicit.json()["offered"], name
        frame = open_api.get(f"{url}/frames/1", headers={"Accept": "*/*"})
        has_pixels = any(tag in metadata for tag in ("7FE00008", "7FE00009", "7FE00010"))
        assert frame.status_code in ((200, 406) if has_pixels else (404,)), (name, frame.text)
