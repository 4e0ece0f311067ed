"""The command line. Thin: each group of commands is a module of its own, imported when it is called."""

import sys
from collections.abc import Iterable, Mapping
from importlib import import_module

import typer

from imx.errors import SetupError
from storage.errors import ArchiveError

#: Where each command is: module and name. A Typer there is a group of commands.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "serve": ("imx.serve", "serve_command"),
    "check": ("imx.check", "check_command"),
    "settings": ("imx.settings_command", "settings_command"),
    "trust": ("imx.registry_commands", "trusts"),
    "order": ("imx.order_commands", "orders"),
    "mpps": ("imx.mpps_commands", "commands"),
    "hl7": ("imx.hl7_commands", "commands"),
    "peer": ("imx.peer_commands", "peers"),
    "registry": ("imx.registry_file_commands", "commands"),
    "token": ("imx.token_commands", "commands"),
    "quarantine": ("imx.quarantine_commands", "commands"),
    "destination": ("imx.destination_commands", "commands"),
    "deliveries": ("imx.delivery_commands", "commands"),
    "ledger": ("imx.ledger_command", "ledger_command"),
    "send": ("imx.send", "send_command"),
    "find": ("imx.find", "find_command"),
    "import": ("imx.importing", "import_command"),
    "export": ("imx.exporting", "export_command"),
    "pull": ("imx.pull_commands", "pulls"),
    "verify": ("imx.upkeep", "verify_command"),
    "rebuild": ("imx.upkeep", "rebuild_command"),
    "commitments": ("imx.commitment_commands", "commitments_command"),
    "rejection": ("imx.rejection_commands", "commands"),
    "database": ("imx.database_commands", "database"),
    "rules": ("imx.rules_commands", "commands"),
    "coerce": ("imx.coerce_commands", "commands"),
    "router": ("imx.serve", "router_command"),
    "api": ("imx.serve", "api_command"),
    "worker": ("imx.serve", "worker_command"),
}


def build(names: Iterable[str]) -> typer.Typer:
    """The command line with these commands."""
    app = typer.Typer(
        name="imx",
        help="Imaging Exchange: receive, keep, find and share every DICOM picture of every patient.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_nothing)
    for name in names:
        module, attribute = COMMANDS[name]
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def _nothing() -> None:
    """With a callback a single command is still called by its name."""


def main() -> None:
    """Run a command. What a person can mend is one sentence on standard error and status 1."""
    try:
        # Only what is called is imported: a short command is not to wait for all of pydicom.
        called = sys.argv[1] if len(sys.argv) > 1 else ""
        build([called] if called in COMMANDS else COMMANDS)(prog_name="imx")
    except (SetupError, ArchiveError) as error:
        sys.stderr.write(f"imx: {error}\n")
        sys.exit(1)
