"""Studies given back to other people's programs: DCMTK's, Orthanc, dcmjs-dimse."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from storage.part10 import read_meta
from tests.peers.archives import Dcmqrscp, Orthanc
from tests.peers.material import Stamp, Stamped, packages
from tests.ports import free_ports
from tests.service import Service

pytestmark = pytest.mark.peers

UNCOMPRESSED = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")
#: Explicit, implicit, big endian, deflated, RLE, JPEG baseline and lossless, JPEG 2000 lossless and lossy.
KINDS = (
    "CT_small.dcm", "rtplan.dcm", "MR_small_bigendian.dcm", "image_dfl.dcm", "MR_small_RLE.dcm",
    "SC_rgb_jpeg_dcmtk.dcm", "JPEG-LL.dcm", "693_J2KI.dcm", "emri_small_jpeg_2k_lossless.dcm",
)  # fmt: skip


@dataclass
class Stocked:
    """Our service, and what it was sent."""

    service: Service
    sent: list[Stamped]

    @property
    def port(self) -> str:
        return str(self.service.dicom_port)

    @property
    def studies(self) -> list[str]:
        return list(dict.fromkeys(each.study_uid for each in self.sent))

    def peer(self, title: str, port: int | None = None) -> None:
        """One who may read, and be sent to where it listens."""
        where = ("--host", "127.0.0.1", "--port", str(port)) if port else ()
        self.service.imx("peer", "add", title, "--trust", "RBT", "--read", "--plain", *where)


@pytest.fixture(scope="module")
def stocked(peers_folder: Path) -> Iterator[Stocked]:
    stamp = Stamp.into(peers_folder / "given")
    found = {each.name: each for each in packages() if each.name in KINDS and each.has_uids}
    sent = [stamp(each) for each in found.values()]
    assert {each.transfer_syntax_uid for each in sent} >= {
        *UNCOMPRESSED,
        "1.2.840.10008.1.2.2",
        "1.2.840.10008.1.2.1.99",
        "1.2.840.10008.1.2.5",
        "1.2.840.10008.1.2.4.90",
    }
    running = Service(peers_folder / "retrieve")
    try:
        running.start()
        running.imx("trust", "add", "RBT", "Mid Cheshire")
        stock = Stocked(running, sent)
        for title in ("PYNETDICOM", "MOVESCU", "GETSCU", "DCMJS"):
            stock.peer(title)
        command = [sys.executable, "-m", "imx", "send", *(str(each.path) for each in sent)]
        run(*command, "--to", f"IMX@127.0.0.1:{stock.port}", "--from", "PYNETDICOM")
        yield stock
    finally:
        running.stop()


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, (command, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout + done.stderr


def data_set(path: Path) -> bytes:
    raw = path.read_bytes()
    return raw[read_meta(raw[: 1 << 20]).data_offset :]


def by_uid(folder: Path) -> dict[str, Path]:
    """What arrived, by SOP Instance UID."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and path.read_bytes()[128:132] == b"DICM":
            found[read_meta(path.read_bytes()[: 1 << 20]).sop_instance_uid] = path
    return found


def move(stocked: Stocked, to: str, *keys: str, root: str = "-S") -> str:
    titles = ("-aet", "MOVESCU", "-aec", "IMX", "-aem", to)
    asked = [part for key in keys for part in ("-k", key)]
    return run("movescu", "-v", root, *titles, *asked, "127.0.0.1", stocked.port)


def study_keys(study: str) -> Sequence[str]:
    return ("0008,0052=STUDY", f"0020,000D={study}")


@contextmanager
def storescp(stocked: Stocked, folder: Path, title: str) -> Iterator[Path]:
    """DCMTK's receiver, which takes every syntax and writes what it reads."""
    (port,) = free_ports(1)
    folder.mkdir()
    stocked.peer(title, port)
    command = ["storescp", "+xa", "+B", "-aet", title, "-od", str(folder), str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_it_listens(port)
        yield folder
    finally:
        process.kill()
        process.wait()


def _wait_until_it_listens(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=60).close()
            return
        except OSError:
            assert time.monotonic() < deadline, "storescp does not listen"
            time.sleep(0.05)


def test_movescu_has_every_stored_syntax_sent_bit_for_bit(stocked: Stocked, tmp_path: Path) -> None:
    with storescp(stocked, tmp_path / "in", "STORESCP") as folder:
        for study in stocked.studies:
            assert "Received Final Move Response (Success)" in move(stocked, "STORESCP", *study_keys(study))
        arrived = by_uid(folder)

    for each in stocked.sent:
        assert data_set(arrived[each.sop_instance_uid]) == data_set(each.path), each.name
    assert len(arrived) == len(stocked.sent)


@pytest.mark.parametrize("root", ["-S", "-P"])
def test_movescu_at_each_level_of_each_root(stocked: Stocked, tmp_path: Path, root: str) -> None:
    each = next(one for one in stocked.sent if one.name == "CT_small.dcm")
    patient = str(dcmread(each.path).PatientID)
    above = (f"0010,0020={patient}",) if root == "-P" else ()
    study, series = f"0020,000D={each.study_uid}", f"0020,000E={each.series_uid}"
    levels = [
        ("STUDY", study),
        ("SERIES", study, series),
        ("IMAGE", study, series, f"0008,0018={each.sop_instance_uid}"),
    ]
    if root == "-P":
        levels.append(("PATIENT",))
    for level, *unique in levels:
        with storescp(stocked, tmp_path / level, f"SCP{root}{level}") as folder:
            move(stocked, f"SCP{root}{level}", f"0008,0052={level}", *above, *unique, root=root)
            assert each.sop_instance_uid in by_uid(folder), level


def test_getscu_has_what_it_takes_as_it_is_and_the_rest_decompressed(
    stocked: Stocked, tmp_path: Path
) -> None:
    titles = ("-aet", "GETSCU", "-aec", "IMX")
    for study in stocked.studies:
        asked = [part for key in study_keys(study) for part in ("-k", key)]
        run("getscu", "+B", "-S", *titles, "-od", str(tmp_path), *asked, "127.0.0.1", stocked.port)
    arrived = by_uid(tmp_path)

    assert len(arrived) == len(stocked.sent)
    for each in stocked.sent:
        path = arrived[each.sop_instance_uid]
        if each.transfer_syntax_uid == "1.2.840.10008.1.2.1":
            assert data_set(path) == data_set(each.path)
        before, after = dcmread(each.path), dcmread(path)
        assert after.file_meta.TransferSyntaxUID in UNCOMPRESSED
        if "PixelData" in before:
            assert np.array_equal(before.pixel_array, after.pixel_array), each.name
        if each.transfer_syntax_uid == "1.2.840.10008.1.2.4.50":
            assert after.LossyImageCompression == "01"


def test_orthanc_is_sent_what_we_hold(stocked: Stocked, tmp_path: Path) -> None:
    orthanc = Orthanc(tmp_path / "orthanc", stocked.service.dicom_port)
    stocked.peer("ORTHANC", orthanc.dicom_port)
    orthanc.start()
    try:
        for study in stocked.studies:
            assert "(Success)" in move(stocked, "ORTHANC", *study_keys(study))
        with orthanc.client() as client:
            files = [
                client.get(f"/instances/{each}/file").content for each in client.get("/instances").json()
            ]
    finally:
        orthanc.stop()
    held = {
        str(each.file_meta.MediaStorageSOPInstanceUID): each for each in map(dcmread, map(BytesIO, files))
    }
    assert set(held) == {each.sop_instance_uid for each in stocked.sent}
    for each in stocked.sent:  # Orthanc writes a data set anew, in the syntax in which it came
        before, after = dcmread(each.path), held[each.sop_instance_uid]
        assert after.file_meta.TransferSyntaxUID == each.transfer_syntax_uid
        if "PixelData" in before:
            assert np.array_equal(before.pixel_array, after.pixel_array), each.name


def test_dcmqrscp_takes_it_uncompressed(stocked: Stocked, tmp_path: Path) -> None:
    archive = Dcmqrscp(tmp_path / "dcmqrscp", stocked.service.dicom_port)
    stocked.peer("DCMQRSCP", archive.port)
    archive.start()
    try:
        for study in stocked.studies:
            move(stocked, "DCMQRSCP", *study_keys(study))
    finally:
        archive.stop()
    arrived = by_uid(archive.folder / "store")
    assert set(arrived) == {each.sop_instance_uid for each in stocked.sent}


def test_dcmjs_gets_a_study(stocked: Stocked) -> None:
    each = next(one for one in stocked.sent if one.name == "CT_small.dcm")
    script = Path(__file__).parent / "get_dcmjs.js"

    printed = run("node", str(script), stocked.port, each.study_uid)

    assert printed.split("\n")[:2] == [each.sop_instance_uid, "status 0"]


def test_an_unknown_destination(stocked: Stocked) -> None:
    titles = ("-aet", "MOVESCU", "-aec", "IMX", "-aem", "NOBODY")
    asked = [part for key in study_keys(stocked.studies[0]) for part in ("-k", key)]
    done = subprocess.run(
        ["movescu", "-d", "-S", *titles, *asked, "127.0.0.1", stocked.port],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "0xa801" in done.stdout + done.stderr
