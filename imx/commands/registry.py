"""`imx registry`: all of it at once, from and into a TOML file, and who changed it."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from exchange.entries import peer_said, trust_said
from exchange.registry import Peer, PostgresRegistry, Trust
from imx.commands.group import Group
from imx.commands.options import Decision, Question
from imx.commands.printing import print_rows
from imx.commands.registry_file import Done, Step, plan, read_file, written
from imx.commands.trusts import registry

commands = Group("Trusts and peers, all at once.")


@commands.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="A TOML file of [[trust]] and [[peer]].", dir_okay=False)],
    given: Decision,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; do nothing.")] = False,
    remove: Annotated[
        bool, typer.Option("--remove-others", help="Remove the peers and trusts that it does not name.")
    ] = False,
) -> None:
    """Make the registry say what a file says. A file with an error changes nothing; twice is once."""
    with registry(given.settings()) as known:
        trusts = known.trusts()
        steps = plan(read_file(file, trusts), trusts, known.peers(), remove_unnamed=remove)
        if not dry_run:
            apply(known, steps, given.who())
    print_rows([_said(step) for step in steps], given.as_json)


@commands.command("export")
def export_file(given: Question) -> None:
    """Write the registry to standard output, as `imx registry import` reads it."""
    with registry(given.settings()) as known:
        trusts, peers = known.trusts(), known.peers()
    if given.as_json:
        print_rows([{"trust": [*map(trust_said, trusts)], "peer": [*map(peer_said, peers)]}], given.as_json)
    else:
        sys.stdout.write(written(trusts, peers))


@commands.command("changes")
def list_changes(
    given: Question, limit: Annotated[int, typer.Option(help="The last so many.", min=1)] = 100
) -> None:
    """Who changed what, and when: the last first."""
    with registry(given.settings()) as known:
        found = known.changes(limit)
    print_rows([_change(each, given.as_json) for each in found], given.as_json)


def apply(known: PostgresRegistry, steps: Sequence[Step], by: str) -> None:
    """Do what was planned. Cut anywhere, the next import does the rest."""
    for step in steps:
        match step.done, step.entry:
            case ((Done.ADDED | Done.CHANGED), Trust() as trust):
                known.add_trust(trust, by)
            case ((Done.ADDED | Done.CHANGED), Peer() as peer):
                known.add_peer(peer, by)
            case Done.REMOVED, Trust() as trust:
                known.remove_trust(trust.ods_code, by)
            case Done.REMOVED, Peer() as peer:
                known.remove_peer(peer.id, by)


def _said(step: Step) -> dict[str, Any]:
    kind = "trust" if isinstance(step.entry, Trust) else "peer"
    return {"done": step.done.value, "kind": kind, "name": step.name}


def _change(change: dict[str, Any], as_json: bool) -> dict[str, Any]:
    return change if as_json else {key: value for key, value in change.items() if key != "entry"}
