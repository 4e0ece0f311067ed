"""`make demo ONCE=1`, whole: the service, the region, every byte back, and nothing left running."""

import os
import subprocess
import sys
from pathlib import Path

from exchange.linking.link import LinkState
from imx.demo.cargo import PEOPLE
from imx.demo.people import crowd
from imx.demo.region import TRUSTS


def test_the_region_plays(tmp_path: Path) -> None:
    played = subprocess.run(
        [sys.executable, "-m", "imx.demo", "--once"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "IMX_OPEN": "true"},  # somebody's settings are none of the demo's
        check=False,
        timeout=580,
    )
    assert played.returncode == 0, played.stdout[-4000:] + played.stderr[-4000:]
    total = next(line.split() for line in played.stdout.splitlines() if line.split()[:1] == ["all"])
    assert len(set(total[1:])) == 1
    assert int(total[1]) > 130
    assert "two people, as it should be" in played.stdout
    assert "DICOMDIR" in played.stdout
    for state in LinkState:  # the records that are odd on purpose bring out each
        assert state.value in played.stdout
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(tmp_path) in _text(path)]
    log = (tmp_path / ".demo" / "service.log").read_text()
    for person in crowd(PEOPLE, TRUSTS):
        assert person.nhs_number not in log
        assert person.name not in log


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""  # it has ended
