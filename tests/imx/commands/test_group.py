"""Options that stand together are a dataclass to a command, and options to whoever calls it."""

from dataclasses import dataclass
from typing import Annotated

import typer
from typer.testing import CliRunner

from imx.commands.group import Group


@dataclass(frozen=True, kw_only=True)
class Pace:
    most: Annotated[int, typer.Option("--most", help="So many.")]
    slowly: Annotated[bool, typer.Option("--slowly", help="No hurry.")] = False


@dataclass(frozen=True, kw_only=True)
class Walk(Pace):
    to: Annotated[str, typer.Option("--to", help="Where to.")] = "home"


group = Group("Walking.")
walked: list[tuple[str, Walk]] = []


@group.callback()
def _nothing() -> None:
    """One command alone would be called without its name."""


@group.command("go")
def go(who: Annotated[str, typer.Argument()], given: Walk) -> None:
    """Walk."""
    walked.append((who, given))


def test_a_command_gets_a_dataclass_of_what_was_said() -> None:
    walked.clear()
    assert CliRunner().invoke(group, ["go", "Ann", "--most", "3", "--to", "work"]).exit_code == 0
    assert CliRunner().invoke(group, ["go", "Bob", "--most", "1", "--slowly"]).exit_code == 0
    assert walked == [("Ann", Walk(most=3, to="work")), ("Bob", Walk(most=1, slowly=True))]


def test_a_field_without_a_default_must_be_said() -> None:
    walked.clear()
    assert CliRunner().invoke(group, ["go", "Ann"]).exit_code == 2
    assert walked == []
