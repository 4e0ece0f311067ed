"""Migrations and mirrors from other people's archives, by every way there is."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from imx.postgres.binaries import find_binaries
from imx.postgres.cluster import cluster_in
from tests.peers.archives import Dcmqrscp, Orthanc
from tests.peers.material import Material, Stamp, Stamped, packages
from tests.ports import free_ports
from tests.service import Service

pytestmark = pytest.mark.peers

UNCOMPRESSED = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")
#: Instances of a series each.
COPIES = 4


def material(*, only_uncompressed: bool) -> list[Material]:
    """What archives take that check what they are given: sound images of a few kinds."""
    wanted = {
        "CT_small.dcm", "MR_small.dcm", "rtplan.dcm", "SC_rgb.dcm", "MR_small_bigendian.dcm", "693_J2KI.dcm",
        "JPGExtended.dcm", "MR_small_RLE.dcm", "emri_small_jpeg_2k_lossless.dcm", "examples_ybr_color.dcm",
    }  # fmt: skip
    found = [each for each in packages() if each.name in wanted and each.has_uids]
    unique = list({each.name: each for each in found}.values())
    return [each for each in unique if not only_uncompressed or each.transfer_syntax_uid in UNCOMPRESSED]


@dataclass
class Archives:
    """The sources, and what each has."""

    orthanc: Orthanc
    dcmqrscp: Dcmqrscp
    of_orthanc: list[Stamped]
    of_dcmqrscp: list[Stamped]
    router_port: int


@pytest.fixture(scope="module")
def archives(peers_folder: Path) -> Iterator[Archives]:
    (router_port,) = free_ports(1)
    orthanc = Orthanc(peers_folder / "orthanc", router_port)
    dcmqrscp = Dcmqrscp(peers_folder / "dcmqrscp", router_port)
    stamp = Stamp.into(peers_folder / "of-orthanc")
    of_orthanc = [stamp(each) for each in material(only_uncompressed=False) for _ in range(COPIES)]
    stamp = Stamp.into(peers_folder / "of-dcmqrscp")
    of_dcmqrscp = [stamp(each) for each in material(only_uncompressed=True) for _ in range(COPIES)]
    try:
        orthanc.start()
        orthanc.take(of_orthanc)
        dcmqrscp.start()
        dcmqrscp.take(of_dcmqrscp)
        yield Archives(orthanc, dcmqrscp, of_orthanc, of_dcmqrscp, router_port)
    finally:
        orthanc.stop()
        dcmqrscp.stop()


@pytest.fixture
def fresh(archives: Archives, peers_folder: Path, request: pytest.FixtureRequest) -> Iterator[Service]:
    """An empty archive of ours, with the sources among its peers."""
    name = "".join(each for each in request.node.name if each.isalnum())[-40:]
    running = Service(
        peers_folder / name,
        dicom_port=archives.router_port,
        environment=("IMX_PULL_CREDENTIALS=trust:secret",),
    )
    try:
        running.start()
        running.imx("trust", "add", "RBT", "Mid Cheshire")
        for title, port in (("ORTHANC", archives.orthanc.dicom_port), ("DCMQRSCP", archives.dcmqrscp.port)):
            running.imx(
                "peer", "add", title, "--trust", "RBT", "--host", "127.0.0.1", "--port", str(port), "--plain"
            )
        yield running
    finally:
        running.stop()


def arguments(archives: Archives, way: str) -> list[str]:
    """Of `imx pull`."""
    return {
        "orthanc rest": ["orthanc", archives.orthanc.url, "--trust", "RBT"],
        "orthanc dicomweb": ["dicomweb", f"{archives.orthanc.url}/dicom-web", "--trust", "RBT"],
        "orthanc get": ["peer", "ORTHANC", "--by", "get"],
        "orthanc move": ["peer", "ORTHANC", "--by", "move"],
        "dcmqrscp get": ["peer", "DCMQRSCP", "--by", "get"],
        "dcmqrscp move": ["peer", "DCMQRSCP", "--by", "move"],
    }[way]


WAYS = ("orthanc rest", "orthanc dicomweb", "orthanc get", "orthanc move", "dcmqrscp get", "dcmqrscp move")


def command(service: Service, *arguments: str) -> list[str]:
    return ["env", *service.environment, sys.executable, "-m", "imx", "pull", *arguments]


def pull(service: Service, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """Run it; its status and what it printed."""
    done = subprocess.run(
        command(service, *arguments, "--json", "--data", str(service.data)),
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    print(done.stdout[-3000:], done.stderr[-3000:])
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def kept(service: Service) -> Mapping[str, str]:
    """Every instance that is kept, and its transfer syntax."""
    with psycopg.connect(cluster_in(service.data, find_binaries(), None).conninfo()) as connection:
        return dict(
            connection.execute(
                "select n.uid, o.transfer_syntax from instance n join object o on o.id = n.object_id"
            ).fetchall()
        )


@pytest.mark.parametrize("way", WAYS)
def test_everything_comes_and_the_counts_agree(archives: Archives, fresh: Service, way: str) -> None:
    sent = archives.of_orthanc if way.startswith("orthanc") else archives.of_dcmqrscp

    status, lines = pull(fresh, *arguments(archives, way))
    again, lines_again = pull(fresh, *arguments(archives, way))

    summary = lines[-1]
    assert status == 0, lines
    assert summary["studies"] == summary["held"] == len({each.study_uid for each in sent})
    assert summary["instances_expected"] == summary["instances_held"] == len(sent)
    found = kept(fresh)
    assert set(found) == {each.sop_instance_uid for each in sent}
    as_stored = {each.sop_instance_uid: each.transfer_syntax_uid for each in sent}
    changed = {uid: (as_stored[uid], syntax) for uid, syntax in found.items() if as_stored[uid] != syntax}
    assert not changed or way.startswith("dcmqrscp")
    assert again == 0
    assert lines_again[-1]["instances_held"] == len(sent)


@pytest.mark.parametrize("way", ["orthanc rest", "orthanc dicomweb", "orthanc get", "orthanc move"])
def test_killed_in_the_middle_it_goes_on(archives: Archives, fresh: Service, way: str) -> None:
    slowly = ("--bytes-per-s", "200 KB", "--data", str(fresh.data), "--json")
    process = subprocess.Popen(
        command(fresh, *arguments(archives, way), *slowly),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()  # one study is settled
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    before = len(kept(fresh))

    status, lines = pull(fresh, *arguments(archives, way))

    assert 0 < before < len(archives.of_orthanc)
    assert status == 0
    assert lines[-1]["instances_held"] == len(archives.of_orthanc)


def test_a_source_that_dies_is_waited_for(archives: Archives, fresh: Service, peers_folder: Path) -> None:
    process = subprocess.Popen(
        command(fresh, *arguments(archives, "orthanc get"), "--bytes-per-s", "300 KB", "--json",
                "--data", str(fresh.data)),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    archives.orthanc.stop()
    time.sleep(1)
    archives.orthanc.start()
    out, error = process.communicate(timeout=200)

    assert process.returncode == 0, error
    assert json.loads(out.splitlines()[-1])["instances_held"] == len(archives.of_orthanc)


def test_a_mirror_follows_the_change_feed(archives: Archives, fresh: Service, peers_folder: Path) -> None:
    process = subprocess.Popen(
        command(fresh, *arguments(archives, "orthanc rest"), "--mirror", "0.01", "--json",
                "--data", str(fresh.data)),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    first = len({each.study_uid for each in archives.of_orthanc})
    assert process.stdout is not None
    for _ in range(first):
        process.stdout.readline()
    stamp = Stamp.into(peers_folder / "later")
    later = [stamp(material(only_uncompressed=True)[0]) for _ in range(2)]
    archives.orthanc.take(later)
    archives.of_orthanc += later
    seen = json.loads(process.stdout.readline())
    process.terminate()
    process.communicate(timeout=60)

    assert seen["study_uid"] == later[0].study_uid
    assert set(kept(fresh)) == {each.sop_instance_uid for each in archives.of_orthanc}


def test_an_archive_that_lists_what_it_has_lost_is_found_out(
    archives: Archives, fresh: Service, peers_folder: Path
) -> None:
    """dcmqrscp answers from its index; a file of its own is gone."""
    liar = Dcmqrscp(peers_folder / "liar", archives.router_port, title="LIAR")
    stamp = Stamp.into(peers_folder / "of-liar")
    has = [stamp(material(only_uncompressed=True)[0]) for _ in range(COPIES)]
    try:
        liar.start()
        liar.take(has)
        next(liar.folder.joinpath("store").glob("CT_*" if has[0].name.startswith("CT") else "*_*")).unlink()
        fresh.imx(
            "peer",
            "add",
            "LIAR",
            "--trust",
            "RBT",
            "--host",
            "127.0.0.1",
            "--port",
            str(liar.port),
            "--plain",
        )
        by_get, lines = pull(fresh, "peer", "LIAR", "--by", "get")
        by_move, _ = pull(fresh, "peer", "LIAR", "--by", "move")
    finally:
        liar.stop()

    assert (by_get, by_move) == (1, 1)
    short = next(line for line in lines if line.get("state") == "short")
    assert (short["expected"], short["held"]) == (COPIES, COPIES - 1)
    assert short["because"].startswith("1 not sent, though the source lists it")
    assert len(kept(fresh)) == COPIES - 1
