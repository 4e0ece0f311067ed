"""The parts as a cluster runs them: two routers, two HTTP edges, a worker; one database, one S3."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from pydicom.data import get_testdata_file

from imx.destination import Destination
from imx.part10 import head_of, split
from imx.scu import send
from tests.ports import free_port
from tests.seaweed import ACCESS_KEY, SECRET_KEY, running


@dataclass
class Cluster:
    """What was started, by its part."""

    environment: dict[str, str]
    routers: list[tuple[int, "subprocess.Popen[bytes]"]]
    apis: list[tuple[int, "subprocess.Popen[bytes]"]]
    worker: int  # where it answers for itself

    def imx(self, *arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "imx", *arguments], env=self.environment, capture_output=True, text=True,
            timeout=60, check=True,
        ).stdout  # fmt: skip


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[Cluster]:
    """On an empty database: five parts that start together make its tables once."""
    folder = tmp_path_factory.mktemp("cluster")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("create database cluster")
    secrets = {"database_url": make_conninfo(database_url, dbname="cluster"), "secret_key": SECRET_KEY}
    for name, text in secrets.items():
        (folder / name).write_text(text + "\n")
    with ExitStack() as stack:
        s3 = stack.enter_context(running(folder / "s3"))
        environment = {
            **os.environ,
            "IMX_DATA": str(folder / "data"),
            "IMX_DATABASE_URL_FILE": str(folder / "database_url"),
            "IMX_OBJECTS_URL": s3.url(s3.new_bucket()),
            "IMX_OBJECTS_ACCESS_KEY": ACCESS_KEY,
            "IMX_OBJECTS_SECRET_KEY_FILE": str(folder / "secret_key"),
        }

        def part(name: str, *arguments: str, operation: int = 0) -> "subprocess.Popen[bytes]":
            own = {"IMX_OPERATION_PORT": str(operation)} if operation else {}
            process = subprocess.Popen(
                [sys.executable, "-m", "imx", name, *arguments], env={**environment, **own}
            )
            stack.callback(process.wait, 60)
            stack.callback(process.terminate)
            return process

        routers = [(port, part("router", "--dicom-port", str(port))) for port in (free_port(), free_port())]
        apis = [(port, part("api", "--http-port", str(port))) for port in (free_port(), free_port())]
        worker = free_port()
        part("worker", operation=worker)
        for port in (worker, *(port for port, _ in apis)):
            wait_until_ready(port)
        yield Cluster(environment, routers, apis, worker)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("drop database cluster with (force)")


def wait_until_ready(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise TimeoutError("not ready")


def push(port: int, name: str) -> Path:
    """A test file of pydicom's, kept by the router on that port."""
    path = Path(str(get_testdata_file(name)))
    (sent,) = send([(path, head_of(path))], Destination("IMX", "127.0.0.1", port), "CT1")
    assert sent.is_kept, sent.meaning
    return path


def test_what_one_router_keeps_every_edge_gives_back_and_the_other_goes_on_alone(cluster: Cluster) -> None:
    cluster.imx("trust", "add", "RBT", "Mid Cheshire")
    cluster.imx("peer", "add", "CT1", "--trust", "RBT", "--plain")
    token = cluster.imx("token", "create", "test", "--role", "reader").split()[-1]
    ct = push(cluster.routers[0][0], "CT_small.dcm")
    cluster.routers[0][1].kill()
    mr = push(cluster.routers[1][0], "MR_small.dcm")

    for path in (ct, mr):
        uid = head_of(path).sop_instance_uid
        for port, _ in cluster.apis:
            found = httpx.get(
                f"http://127.0.0.1:{port}/dicom-web/instances",
                params={"SOPInstanceUID": uid},
                headers={"Authorization": f"Bearer {token}", "Accept": "application/dicom+json"},
            )
            (match,) = found.json()
            whole = httpx.get(
                match["00081190"]["Value"][0],
                headers={
                    "Authorization": f"Bearer {token}",
                    "Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*',
                },
            )
            body = whole.content.partition(b"\r\n\r\n")[2]
            assert (
                split(body)[1][: path.stat().st_size - head_of(path).data_set_at]
                == split(path.read_bytes())[1]
            )

    assert "0 damaged" in subprocess.run(
        [sys.executable, "-m", "imx", "verify"], env=cluster.environment, capture_output=True, text=True,
        timeout=60, check=True,
    ).stderr  # fmt: skip


def test_a_worker_on_its_own_tells_its_numbers_to_an_auditor(cluster: Cluster) -> None:
    token = cluster.imx("token", "create", "watching", "--role", "auditor").split()[-1]
    address = f"http://127.0.0.1:{cluster.worker}/metrics"
    assert httpx.get(address).status_code == 401
    assert "imx_worker_faults" in httpx.get(address, headers={"Authorization": f"Bearer {token}"}).text


def test_check_finds_the_bucket_and_its_clock_good(cluster: Cluster) -> None:
    """The session's database does not flush, which is all that may be wrong."""
    said = subprocess.run(
        [sys.executable, "-m", "imx", "check"], env=cluster.environment, capture_output=True, text=True,
        timeout=60, check=False,
    ).stdout  # fmt: skip

    wrong = [line for line in said.splitlines() if line.startswith("wrong")]
    assert all("fsync" in line or "full_page_writes" in line or "ports" in line for line in wrong), said
    assert "objects: can be written, read and deleted" in said
    assert "clock of the object store" in said
    assert SECRET_KEY not in said
