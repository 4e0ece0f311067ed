"""Log lines: JSON, and never a value of a patient's."""

import json
import subprocess
import sys

SAYS = """
import logging, structlog
from imx import logs
logs.set_up("router")
log = structlog.get_logger()
log.info("association.ended", kept=3)
name = "SECRET"
try:
    int(name)
except ValueError:
    log.exception("odd")
logging.getLogger("some.library").warning("patient %s", name)
logging.getLogger("some.library").info("not even this")
int(name)
"""


def test_a_line_is_json_with_its_part_and_an_exception_has_no_text() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SAYS], capture_output=True, text=True, timeout=60, check=False
    )

    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["association.ended", "odd", "library", "crash"]
    assert {line["part"] for line in lines} == {"router"}
    assert lines[1]["error"] == lines[3]["error"] == "ValueError"
    assert "SECRET" not in done.stderr
    assert done.returncode == 1
