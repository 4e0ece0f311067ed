"""`imx ledger`: what each peer sent on a day, and where every instance is."""

import sys
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from exchange.ledger import BadList, Ledger, uids_of
from imx.commands.options import Question
from imx.commands.printing import print_rows
from imx.database import open_database


def ledger_command(
    given: Question,
    peer: Annotated[str | None, typer.Option(help="Only this AE title.")] = None,
    day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Of this day. Otherwise of today.")
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            help="A sender's own list: SOP Instance UIDs, one a line, or CSV. What of it is missing?",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
) -> None:
    """What was sent to us, refused, kept, committed, forwarded and kept aside, for each peer.

    With --against, status 1 where an instance of the list is not kept here.
    """
    with open_database(given.settings()) as pool:
        ledger = Ledger(pool)
        if against is None:
            wanted = day.date() if day else date.today()  # noqa: DTZ011 -- a day at this place
            print_rows([line.as_json() for line in ledger.lines(wanted, peer)], given.as_json)
            return
        try:
            uids = uids_of(against.read_text(encoding="utf-8-sig").splitlines())
        except UnicodeDecodeError as error:
            raise BadList("the list is not text in UTF-8") from error
        found = list(ledger.against(uids))
    missing = [each for each in found if not each.is_safe]
    print_rows([each.as_json() for each in (found if given.as_json else missing)], given.as_json)
    sys.stderr.write(f"{len(found) - len(missing)} of {len(found)} are kept here\n")
    if missing:
        raise typer.Exit(1)
