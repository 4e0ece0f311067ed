"""Options that many commands share, and the settings that they lead to."""

import getpass
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from imx.settings import Settings

DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="The data folder. Otherwise IMX_DATA, or the usual place.", file_okay=False),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="The settings file. Otherwise IMX_CONFIG, or imx.toml in the data folder."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="For programs: JSON on standard output.")]
ByOption = Annotated[str, typer.Option("--by", help="Who says so. Otherwise your user name.")]


def settings_from(data: Path | None, config: Path | None, **flags: object) -> "Settings":
    """The settings in force; `flags` are by setting, with `__` for the dot."""
    from imx.configuration import read  # settings know every part: commands without them need not wait

    given = {key.replace("__", "."): value for key, value in flags.items()}
    return read({"data": data, "config": config, **given}, os.environ)


def who(by: str = "") -> str:
    """Who says so, by name, or whoever is at the command line."""
    return by or getpass.getuser()
