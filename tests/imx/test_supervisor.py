"""The whole service under its supervisor: what dies is started again, nothing outlives it, it drains."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydicom.data import get_testdata_file

from imx.children import FIRST_PAUSE_S, LONGEST_PAUSE_S, WELL_AFTER_S, pause_after
from imx.destination import Destination
from imx.part10 import head_of
from imx.scu import send
from tests.ports import free_port
from tests.processes import Process
from tests.service import Service


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """One running service for this module; a test that stops it starts it again."""
    folder = Path(tempfile.mkdtemp(prefix="imx-test-"))
    folder.chmod(0o711)
    service = Service(folder / "data")
    service.start()
    yield service
    service.stop()
    shutil.rmtree(folder, ignore_errors=True)


def process_of(service: Service, part: str) -> Process | None:
    """The first process of a part: router, api, worker, postgres."""
    wanted = "bin/postgres" if part == "postgres" else f"imx.child {part}"
    return next((each for each in service.family() if wanted in each.command), None)


def until(what: object, patience_s: float = 30) -> None:
    deadline = time.monotonic() + patience_s
    while not what():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def serve(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "imx", "serve", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("part", ["router", "api", "worker", "postgres"])
def test_a_part_that_is_killed_is_started_again(service: Service, part: str) -> None:
    before = process_of(service, part)
    assert before is not None

    os.kill(before.pid, signal.SIGKILL)

    def is_back() -> bool:
        now = process_of(service, part)
        pids = [each.pid for each in service.family()]
        return now is not None and before.pid not in pids and service.is_ready()

    until(is_back)


def test_children_die_with_their_supervisor_and_it_starts_again(service: Service) -> None:
    assert service.process is not None
    family = [each.pid for each in service.family()]

    service.process.kill()
    service.process.wait()

    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family))
    service.start()


def test_it_starts_again_at_once_after_its_supervisor_was_killed(service: Service) -> None:
    """The survivors are on their way out; their sockets and the database are waited for."""
    assert service.process is not None

    service.process.kill()
    service.process.wait()
    service.start()

    assert service.is_ready()


def test_the_command_line_reaches_the_running_service(service: Service) -> None:
    service.imx("trust", "add", "RBT", "Mid Cheshire")
    token = service.imx("token", "create", f"test {time.monotonic()}", "--role", "reader").split()[-1]

    refused = httpx.get(f"{service.url}/dicom-web/studies")
    served = httpx.get(f"{service.url}/dicom-web/studies", headers={"Authorization": f"Bearer {token}"})

    assert refused.status_code == 401
    assert served.status_code in (200, 204)


def test_the_metrics_of_all_processes_are_in_one_place(service: Service) -> None:
    token = service.imx("token", "create", f"test {time.monotonic()}", "--role", "auditor").split()[-1]

    metrics = httpx.get(f"{service.url}/metrics", headers={"Authorization": f"Bearer {token}"})

    assert metrics.status_code == 200
    assert "imx_router_associations_active" in metrics.text
    assert "imx_staged_objects" in metrics.text


def test_a_second_service_on_its_port_is_told_so(service: Service, tmp_path: Path) -> None:
    ports = ("--dicom-port", str(service.dicom_port), "--http-port", str(free_port()))

    refused = serve("--data", str(tmp_path), *ports)

    assert refused.returncode == 1
    assert f"port in use: something else listens on 0.0.0.0:{service.dicom_port}" in refused.stderr
    assert "--dicom-port" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_second_service_on_its_folder_is_told_so(service: Service) -> None:
    ports = ("--dicom-port", str(free_port()), "--http-port", str(free_port()))

    refused = serve("--data", str(service.data), *ports)

    assert refused.returncode == 1
    assert "another service" in refused.stderr


def test_check_finds_a_running_service_good(service: Service) -> None:
    said = service.imx("check")

    assert "wrong" not in said


def test_it_drains_and_leaves_nothing(service: Service) -> None:
    process = service.process
    assert process is not None
    family = [each.pid for each in service.family()]

    service.stop()

    assert process.returncode == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in family)
    assert not (service.data / "postgres.running").exists()
    assert not (service.data / "postgres" / "postmaster.pid").exists()
    service.start()


def test_an_open_service_beyond_loopback_is_refused(tmp_path: Path) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "imx", "serve", "--open", "--data", str(tmp_path)],
        env={**os.environ, "IMX_HTTP_HOST": "0.0.0.0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert refused.returncode == 1
    assert "this machine only" in refused.stderr


def test_an_open_service_takes_anybody_on_this_machine(tmp_path: Path) -> None:
    service = Service(tmp_path / "data", is_open=True)
    path = Path(str(get_testdata_file("CT_small.dcm")))
    service.start()
    try:
        (sent,) = send(
            [(path, head_of(path))], Destination("IMX", "127.0.0.1", service.dicom_port), "WHOEVER"
        )
        found = httpx.get(f"{service.url}/dicom-web/studies")
    finally:
        service.stop()

    assert sent.is_kept
    assert len(found.json()) == 1


def test_pauses_grow_for_a_child_that_keeps_ending_and_start_over_for_one_that_ran_well() -> None:
    pauses = [FIRST_PAUSE_S]
    while pauses[-1] < LONGEST_PAUSE_S:
        pauses.append(pause_after(pauses[-1], ran_s=0.1))

    assert pauses == sorted(pauses)
    assert len(pauses) < 12
    assert pause_after(LONGEST_PAUSE_S, ran_s=WELL_AFTER_S) == FIRST_PAUSE_S
