"""The schema that the migrations end in, as pg_dump writes it.

`.venv/bin/python -m tests.storage.schema` writes schema.golden.sql anew; look at the difference.
"""

import subprocess
import tempfile
from pathlib import Path

from imx.postgres.binaries import find_binaries
from imx.postgres.cluster import cluster_in
from imx.postgres.process import start
from storage.migrations import migrate

GOLDEN = Path(__file__).with_name("schema.golden.sql")


def dumped(database: str) -> str:
    """Without what differs from one run to the next."""
    program = str(find_binaries().program("pg_dump"))
    command = [program, "--schema-only", "--no-owner", "--no-privileges", database]
    text = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    passing = ("--", "SET ", "SELECT pg_catalog.set_config", "\\restrict", "\\unrestrict")
    lines = [line for line in text.splitlines() if line and not line.startswith(passing)]
    return "\n".join(lines) + "\n"


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)
        running = start(cluster_in(folder, find_binaries(), None), overrides={"fsync": "off"})
        try:
            running.wait_until_ready()
            migrate(running.conninfo)
            GOLDEN.write_text(dumped(running.conninfo))
        finally:
            running.stop(patience_s=5)


if __name__ == "__main__":
    main()
