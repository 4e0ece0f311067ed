"""Options that many commands share, and the settings that they lead to."""

import getpass
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from imx.settings import Settings

JsonOption = Annotated[bool, typer.Option("--json", help="For programs: JSON on standard output.")]
ByOption = Annotated[str, typer.Option("--by", help="Who says so. Otherwise your user name.")]


@dataclass(frozen=True, kw_only=True)
class SetUp:
    """Whose data and settings a command works with."""

    data: Annotated[
        Path | None,
        typer.Option(
            "--data", help="The data folder. Otherwise IMX_DATA, or the usual place.", file_okay=False
        ),
    ] = None
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", help="The settings file. Otherwise IMX_CONFIG, or imx.toml in the data folder."
        ),
    ] = None

    def settings(self, **flags: object) -> "Settings":
        """The settings in force; `flags` are by setting, with `__` for the dot."""
        from imx.configuration import read  # settings know every part: commands without them need not wait

        said = {key.replace("__", "."): value for key, value in flags.items()}
        return read({"data": self.data, "config": self.config, **said}, os.environ)


@dataclass(frozen=True, kw_only=True)
class Question(SetUp):
    """What is said to a command that answers, people or programs."""

    as_json: JsonOption = False


@dataclass(frozen=True, kw_only=True)
class Decision(Question):
    """What is said to a command by which somebody decides: who it was is kept."""

    by: ByOption = ""

    def who(self) -> str:
        """By name, or whoever is at the command line."""
        return who(self.by)


def who(by: str = "") -> str:
    """Who says so, by name, or whoever is at the command line."""
    return by or getpass.getuser()
