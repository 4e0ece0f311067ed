"""The dialogues of `python -m conformance peer`, with ours, where all hold, and with Debian's Orthanc."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.peers.archives import Orthanc
from tests.service import Service

pytestmark = pytest.mark.peers

#: What Debian's Orthanc 1.10.1 with its plugin 1.7 does otherwise, looked at by hand (docs/conformance.md).
BY_ORTHANC = {
    "web": {
        "some kept, some not",
        "by a value that is percent-encoded",
        "search as image/png",
        "search as XML",
        "a transfer syntax it cannot be had in",
        "a media type it cannot be had in",
    },
    "dimse": {"Retrieve AE Title", "C-MOVE to a destination unknown"},
}


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("dialogues")
    folder.chmod(0o755)
    service = Service(folder / "imx")
    try:
        service.start()
        service.imx("trust", "add", "RBT", "Mid Cheshire")
        rights = ("--read", "--commit", "--worklist")
        service.imx("peer", "add", "CONFORMANCE", "--trust", "RBT", "--plain", *rights)
        yield service
    finally:
        service.stop()


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    peer = Orthanc(tmp_path_factory.mktemp("dialogues") / "orthanc", router_port=1)
    try:
        peer.start()
        yield peer
    finally:
        peer.stop()


def talk(*arguments: str) -> tuple[int, dict[str, str], str]:
    """The exit code, the verdict of every dialogue, and all that was said."""
    command = [sys.executable, "-m", "conformance", "peer", *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    findings: list[dict[str, Any]] = json.loads(done.stdout)["findings"] if done.stdout else []
    assert done.returncode in (0, 1, 2), done.stderr
    assert findings or done.returncode == 2, done.stderr
    return done.returncode, {each["name"]: each["verdict"] for each in findings}, done.stdout + done.stderr


def test_every_dialogue_over_dicomweb_holds_of_ours(ours: Service) -> None:
    token = ours.token("contributor", "RBT")

    code, verdicts, said = talk(f"{ours.url}/dicom-web", "--token", token, "--write")

    assert code == 0, said
    assert "not asked" not in verdicts.values(), said


def test_every_dialogue_over_dimse_holds_of_ours(ours: Service) -> None:
    code, verdicts, said = talk(f"IMX@127.0.0.1:{ours.dicom_port}", "--write")

    assert code == 0, said
    assert "not asked" not in verdicts.values(), said


def test_what_orthanc_does_otherwise_over_dicomweb_is_what_is_known_of_it(orthanc: Orthanc) -> None:
    code, verdicts, said = talk(f"{orthanc.url}/dicom-web", "--user", "trust:secret", "--write")

    assert code == 1
    assert {name for name, verdict in verdicts.items() if verdict == "BROKEN"} == BY_ORTHANC["web"], said


def test_what_orthanc_does_otherwise_over_dimse_is_what_is_known_of_it(orthanc: Orthanc) -> None:
    _code, verdicts, said = talk(f"{orthanc.title}@127.0.0.1:{orthanc.dicom_port}", "--write")

    assert {name for name, verdict in verdicts.items() if verdict == "BROKEN"} == BY_ORTHANC["dimse"], said


def test_nothing_is_written_without_leave(ours: Service, tmp_path: Path) -> None:
    token = json.loads(ours.imx("token", "create", "looker", "--role", "reader", "--trust", "RBT", "--json"))[
        0
    ]["token"]

    _code, verdicts, _said = talk(f"{ours.url}/dicom-web", "--token", token)

    assert verdicts["store"] == "not asked"


def test_who_does_not_let_us_in_is_no_finding(ours: Service) -> None:
    code, verdicts, said = talk(f"{ours.url}/dicom-web")

    assert (code, verdicts) == (2, {})
    assert "401" in said
