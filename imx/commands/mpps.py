"""`imx mpps`: which peer is told of a trust's performed procedure steps, and what it has not heard."""

import sys
from typing import Annotated

import typer

from exchange.performed import PostgresPerformed
from exchange.registry import PostgresRegistry
from imx.commands.group import Group
from imx.commands.options import Question, SetUp
from imx.commands.printing import print_rows
from imx.database import open_database
from imx.errors import CommandFailed

commands = Group("Performed procedure steps, told on to a trust's RIS.")

AeTitle = Annotated[str, typer.Argument(help="AE title of the RIS: a peer with a host and a port.")]
TrustOption = Annotated[str, typer.Option(help="ODS code of the trust whose modalities' steps it hears.")]


@commands.command("tell")
def tell(ae_title: AeTitle, trust: TrustOption, given: SetUp) -> None:
    """From now on tell this peer of every step that the trust's modalities report."""
    code = trust.strip().upper()
    with open_database(given.settings()) as pool:
        registry = PostgresRegistry(pool)
        registry.trust(code)
        if registry.destination(ae_title, code) is None:
            raise CommandFailed(
                f"no peer {ae_title} that can be called: imx peer add {ae_title} --host --port"
            )
        PostgresPerformed(pool).listen(code, ae_title)
    sys.stdout.write(f"{ae_title} is told of the performed steps of {code}\n")


@commands.command("stop")
def stop(ae_title: AeTitle, trust: TrustOption, given: SetUp) -> None:
    """No longer. What it has not heard yet is still told."""
    with open_database(given.settings()) as pool:
        if not PostgresPerformed(pool).stop_listening(trust.strip().upper(), ae_title):
            raise CommandFailed(f"{ae_title} is not told of the steps of {trust} (imx mpps list)")
    sys.stdout.write(f"{ae_title} is no longer told\n")


@commands.command("list")
def list_listeners(given: Question) -> None:
    """Who is told, and what each has not heard."""
    with open_database(given.settings()) as pool:
        performed = PostgresPerformed(pool)
        untold = {(trust, title): tuple(rest) for trust, title, *rest in performed.untold()}
        listeners = performed.listeners()
    rows = []
    for trust, title in sorted({*listeners, *untold}):
        waiting, given_up, since, because = untold.get((trust, title), (0, 0, None, ""))
        rows.append(
            {
                "trust": trust,
                "ae_title": title,
                "told": (trust, title) in listeners,
                "waiting": waiting,
                "given_up": given_up,
                "due": None if since is None else str(since),
                "because": because,
            }
        )
    print_rows(rows, given.as_json)
