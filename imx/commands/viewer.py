"""`imx viewer`: the viewer in the browser."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from imx import viewer
from imx.commands.group import Group
from imx.commands.options import JsonOption
from imx.commands.printing import print_one
from viewer_api.ohif import VERSION

commands = Group("The viewer in the browser.")


@commands.callback()
def _nothing() -> None:
    """With a callback a single command is still called by its name."""


@commands.command("install")
def install_command(
    tarball: Annotated[
        Path | None,
        typer.Option("--from", help=f"What `npm pack {viewer.PACKAGE}` made elsewhere.", dir_okay=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch OHIF by npm, check it, and put it where the service finds it. Nothing, where it is there."""
    if tarball is None and not as_json and not viewer.installed_in().is_dir():
        sys.stderr.write(f"fetching OHIF {VERSION}: about 50 MB, once\n")
    is_new = viewer.install(tarball=tarball)
    row = {"viewer": f"OHIF {VERSION}", "folder": str(viewer.installed_in()), "is_new": is_new}
    if as_json or is_new:
        print_one(row, as_json)
