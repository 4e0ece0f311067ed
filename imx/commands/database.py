"""`imx database`: the embedded PostgreSQL's own dump and restore, to move to another major version."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from imx.commands.group import Group
from imx.commands.options import SetUp
from imx.database import reach_database
from imx.errors import CommandFailed
from imx.postgres.binaries import find_binaries
from imx.settings import Settings

database = Group("The embedded database's own dump and restore.")


@database.command("dump")
def dump(file: Annotated[Path, typer.Argument(help="Where to.", dir_okay=False)], given: SetUp) -> None:
    """Write the whole database into one file."""
    settings = given.settings()
    if file.exists():
        raise CommandFailed(f"{file} is there already")
    with reach_database(settings) as conninfo:
        run(settings, ["pg_dump", "--format=custom", f"--file={file}", f"--dbname={conninfo}"])
    sys.stdout.write(f"{file}: {file.stat().st_size:,} bytes\n")


@database.command("restore")
def restore(
    file: Annotated[
        Path, typer.Argument(help="What `imx database dump` wrote.", exists=True, dir_okay=False)
    ],
    given: SetUp,
) -> None:
    """Fill an empty database from such a file. The service must not run."""
    settings = given.settings()
    with reach_database(settings) as conninfo:
        run(
            settings,
            [
                "pg_restore",
                "--exit-on-error",
                "--single-transaction",
                "--no-owner",
                f"--dbname={conninfo}",
                str(file),
            ],
        )
    sys.stdout.write("restored; start the service\n")


def run(settings: Settings, command: Sequence[str]) -> None:
    """One of PostgreSQL's programs; it connects as we do."""
    program = find_binaries(settings.database.binaries).program(command[0])
    done = subprocess.run([program, *command[1:]], stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise CommandFailed(
            f"{command[0]} ended with status {done.returncode}: {said[-1] if said else 'no reason'}"
        )
