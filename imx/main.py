"""The command line. Thin: each group of commands is a module of its own."""

import sys

import typer

from imx import (
    check,
    database_commands,
    exporting,
    importing,
    registry_commands,
    serve,
    settings_command,
    token_commands,
    upkeep,
)
from imx.errors import SetupError
from imx.find import find_command
from imx.send import send_command
from storage.errors import ArchiveError

app = typer.Typer(
    name="imx",
    help="Imaging Exchange: receive, keep, find and share every DICOM picture of every patient.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve_command)
app.command("router")(serve.router_command)
app.command("api")(serve.api_command)
app.command("worker")(serve.worker_command)
app.command("check")(check.check_command)
app.command("settings")(settings_command.settings_command)
app.command("send")(send_command)
app.command("find")(find_command)
app.command("import")(importing.import_command)
app.command("export")(exporting.export_command)
app.command("verify")(upkeep.verify_command)
app.command("rebuild")(upkeep.rebuild_command)
app.add_typer(registry_commands.trusts, name="trust")
app.add_typer(registry_commands.peers, name="peer")
app.add_typer(database_commands.database, name="database")
app.add_typer(token_commands.commands, name="token")


def main() -> None:
    """Run a command. What a person can mend is one sentence on standard error and status 1."""
    try:
        app()
    except (SetupError, ArchiveError) as error:
        sys.stderr.write(f"imx: {error}\n")
        sys.exit(1)
