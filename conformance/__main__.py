"""`python -m conformance peer ADDRESS` and `check PATH`: what a server, or a file, keeps to."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from conformance import check
from conformance.dialogues.verdicts import Unreachable, as_json, as_text, is_sound
from conformance.peer import Letting, talk_to

JsonOption = Annotated[bool, typer.Option("--json", help="For programs.")]

commands = typer.Typer(
    help="What a DICOM peer, or a file, keeps to.", no_args_is_help=True, pretty_exceptions_enable=False
)

#: Exit codes, besides 0.
SOMETHING_BROKEN, CANNOT_TELL = 1, 2


@commands.command("peer")
def peer_command(
    address: Annotated[str, typer.Argument(help="The root of a DICOMweb service, or AET@host:port.")],
    token: Annotated[str, typer.Option(envvar="IMX_TOKEN", help="A bearer token, for DICOMweb.")] = "",
    user: Annotated[str, typer.Option(help="name:password, for DICOMweb by Basic.")] = "",
    calling: Annotated[str, typer.Option(help="Our AE title.")] = "CONFORMANCE",
    write: Annotated[
        bool, typer.Option("--write", help="Send it a study that we make; nothing is removed.")
    ] = False,
    as_json_: JsonOption = False,
) -> None:
    """Have scripted dialogues with a server and say what holds, with the standard's section."""
    try:
        findings = talk_to(address, Letting(token, user, calling), may_write=write, say=_say)
    except Unreachable as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(CANNOT_TELL) from error
    sys.stdout.write((as_json if as_json_ else as_text)(address, findings) + "\n")
    if not is_sound(findings):
        raise typer.Exit(SOMETHING_BROKEN)


@commands.command("check")
def check_command(
    path: Annotated[Path, typer.Argument(help="A DICOM file, or a folder of them.")],
    as_json_: JsonOption = False,
) -> None:
    """Look at objects: what is missing, what cannot be; by dicom3tools too where it is there."""
    try:
        found = list(check.check(path))
    except OSError as error:
        sys.stderr.write(f"{path}: {error.strerror}\n")
        raise typer.Exit(CANNOT_TELL) from error
    if not found:
        sys.stderr.write(f"{path}: no DICOM files are below it\n")
        raise typer.Exit(CANNOT_TELL)
    has_tool = check.outside_tool() is not None
    sys.stdout.write((check.as_json(found) if as_json_ else check.as_text(found, has_tool=has_tool)) + "\n")
    if not all(each.is_sound for each in found):
        raise typer.Exit(SOMETHING_BROKEN)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    commands()
