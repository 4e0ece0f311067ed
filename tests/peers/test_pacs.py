"""The trust's PACS of docker-compose.yml, on Debian's Orthanc."""

import json
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from tests.ports import free_ports
from tests.test_compose import COMPOSE, SERVICES, environment_of


@pytest.mark.peers
def test_what_the_pacs_receives_it_sends_on(tmp_path: Path) -> None:
    """Debian's Orthanc with the file's own settings; DCMTK sends to it, and stands where the router would."""
    pacs, http, router = free_ports(3)
    settings = json.loads(environment_of("orthanc")["ORTHANC_JSON"])
    assert settings["DicomModalities"] == {"imx": ["IMX", "router", 11112]}
    script = tmp_path / "send.lua"
    script.write_text(COMPOSE["configs"]["send"]["content"])
    assert settings["LuaScripts"] == [SERVICES["orthanc"]["configs"][0]["target"]]
    settings |= {
        "DicomPort": pacs,
        "HttpPort": http,
        "DicomModalities": {"imx": ["IMX", "127.0.0.1", router]},
        "StorageDirectory": str(tmp_path / "db"),
        "IndexDirectory": str(tmp_path / "db"),
        "LuaScripts": [str(script)],
        "StableAge": 1,
        "RegisteredUsers": {"trust": "trust"},
    }
    tmp_path.joinpath("orthanc.json").write_text(json.dumps(settings))
    kept = tmp_path / "kept"
    kept.mkdir()
    ct = str(get_testdata_file("CT_small.dcm"))
    with ExitStack() as stack:
        for command in (
            ["storescp", "--output-directory", str(kept), "--aetitle", "IMX", str(router)],
            ["Orthanc", str(tmp_path / "orthanc.json")],
        ):
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.terminate)
        deadline = time.monotonic() + 60
        sent = ["storescu", "--aetitle", "CT1", "--call", "ORTHANC", "127.0.0.1", str(pacs), ct]
        while subprocess.run(sent, capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        while not list(kept.iterdir()):
            assert time.monotonic() < deadline
            time.sleep(0.1)
