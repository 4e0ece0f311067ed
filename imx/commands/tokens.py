"""`imx token`: who may read over HTTP."""

import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from exchange.policy import Role
from exchange.tokens import create, revoke, tokens
from imx.commands.group import Group
from imx.commands.options import Question, SetUp
from imx.commands.printing import print_rows
from imx.database import migrated_database
from imx.errors import CommandFailed

commands = Group("What readers show to be let in over HTTP.")


@commands.command("create")
def create_token(
    name: Annotated[str, typer.Argument(help="Who holds it: a person or a system.")],
    given: Question,
    role: Annotated[Role, typer.Option(help="What it is for.")] = Role.READER,
    trust: Annotated[str, typer.Option(help="ODS code of the holder's trust.")] = "",
    days: Annotated[int, typer.Option(help="How long it is good for.", min=1, max=3650)] = 90,
) -> None:
    """Make a token and print it, this once: only its digest is kept."""
    with migrated_database(given.settings()) as conninfo:
        ends = datetime.now(UTC) + timedelta(days=days)
        token = create(conninfo, name, role, trust.strip().upper(), ends)
    if given.as_json:
        print_rows([{"name": name, "role": role.value, "token": token}], given.as_json)
    else:
        sys.stdout.write(f"token for {name} ({role.value}, {days} days): {token}\n")


@commands.command("list")
def list_tokens(given: Question) -> None:
    """Every token, good or not; never its text."""
    with migrated_database(given.settings()) as conninfo:
        found = tokens(conninfo)
    rows = [
        {
            "name": each.name,
            "role": each.role.value,
            "trust": each.trust,
            "ends": each.expires_at,
            "revoked": each.revoked_at,
        }
        for each in found
    ]
    print_rows(rows, given.as_json)


@commands.command("revoke")
def revoke_token(name: Annotated[str, typer.Argument(help="Whose.")], given: SetUp) -> None:
    """From now on it lets nobody in."""
    with migrated_database(given.settings()) as conninfo:
        if not revoke(conninfo, name):
            raise CommandFailed(f"no token named {name} that lets anybody in (imx token list)")
    sys.stdout.write(f"token of {name} revoked\n")
