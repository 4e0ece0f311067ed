"""`imx serve` watches a folder where its settings name one."""

import json
import time
from pathlib import Path

from tests.imx.watching.test_watch import CASE
from tests.ologies.material import PDF
from tests.service import Service


def test_the_service_watches_a_folder(folder: Path, tmp_path: Path) -> None:
    watched = tmp_path / "in"
    watched.mkdir()
    settings = {"FOLDER": watched, "TRUST": "RBT", "QUIET_S": 1}
    environment = [f"IMX_WATCH_{name}={value}" for name, value in settings.items()]
    service = Service(folder / "data", environment=environment)
    service.start()
    try:
        watched.joinpath("letter.pdf.json").write_text(json.dumps(CASE))
        watched.joinpath("letter.pdf").write_bytes(PDF)
        service.imx("trust", "add", "RBT", "Mid Cheshire")
        deadline = time.monotonic() + 90
        while not watched.joinpath("done", "letter.pdf").exists():
            assert time.monotonic() < deadline, service.log.read_text()
            time.sleep(0.2)
        [kept] = json.loads(service.imx("originals", "list", "--json"))
        assert kept["name"] == "letter.pdf"
    finally:
        service.stop(60)
