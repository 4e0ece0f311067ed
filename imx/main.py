"""The command line. Thin: each group of commands is a module of its own, imported when it is called."""

import sys
from collections.abc import Iterable, Mapping
from importlib import import_module

import typer

from imx.commands.group import spread
from imx.errors import SetupError
from storage.errors import ArchiveError

#: Where each command is: module and name. A Typer there is a group of commands.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "serve": ("imx.serve", "serve_command"),
    "check": ("imx.commands.check", "check_command"),
    "settings": ("imx.commands.settings", "settings_command"),
    "trust": ("imx.commands.trusts", "trusts"),
    "order": ("imx.commands.orders", "orders"),
    "reports": ("imx.commands.reports", "commands"),
    "mpps": ("imx.commands.mpps", "commands"),
    "links": ("imx.commands.links", "commands"),
    "people": ("imx.commands.people", "commands"),
    "hl7": ("imx.commands.hl7", "commands"),
    "peer": ("imx.commands.peers", "peers"),
    "registry": ("imx.commands.registry", "commands"),
    "account": ("imx.commands.accounts", "commands"),
    "token": ("imx.commands.tokens", "commands"),
    "quarantine": ("imx.commands.quarantine", "commands"),
    "destination": ("imx.commands.destinations", "commands"),
    "deliveries": ("imx.commands.deliveries", "commands"),
    "record": ("imx.commands.record", "commands"),
    "ledger": ("imx.commands.ledger", "ledger_command"),
    "send": ("imx.commands.send", "send_command"),
    "find": ("imx.commands.find", "find_command"),
    "import": ("imx.commands.importing", "import_command"),
    "export": ("imx.commands.exporting", "export_command"),
    "wrap": ("imx.commands.wrap", "wrap_command"),
    "watch": ("imx.commands.watch", "watch_command"),
    "originals": ("imx.commands.originals", "commands"),
    "manifest": ("imx.commands.manifest", "manifest_command"),
    "pull": ("imx.commands.pulls", "pulls"),
    "verify": ("imx.commands.upkeep", "verify_command"),
    "rebuild": ("imx.commands.upkeep", "rebuild_command"),
    "commitments": ("imx.commands.commitments", "commitments_command"),
    "rejection": ("imx.commands.rejections", "commands"),
    "withdrawals": ("imx.commands.withdrawals", "commands"),
    "database": ("imx.commands.database", "database"),
    "rules": ("imx.commands.rules", "commands"),
    "coerce": ("imx.commands.coerce", "commands"),
    "viewer": ("imx.commands.viewer", "commands"),
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
            app.command(name)(spread(found))
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
