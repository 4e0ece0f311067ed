"""`imx commitments`: what peers asked us to answer for."""

from typing import Annotated, Any

import typer

from imx.commands.options import Question
from imx.commands.printing import print_rows
from imx.database import open_database
from imx.wiring import build_commitments, staged_objects
from storage.commitment import Listed


def commitments_command(
    given: Question,
    everything: Annotated[bool, typer.Option("--all", help="Those that were delivered, too.")] = False,
) -> None:
    """Storage commitment: requests that are pending, and reports that were not delivered."""
    settings = given.settings()
    with open_database(settings) as pool:
        commitments = build_commitments(settings, pool, staged_objects(settings, pool))
        found = commitments.listed(with_delivered=everything)
    print_rows([as_row(each) for each in found], given.as_json)


def as_row(listed: Listed) -> dict[str, Any]:
    """One line of the list."""
    return {
        "number": listed.id,
        "state": listed.state.value,
        "peer": f"{listed.peer} of {listed.trust}",
        "asked": listed.asked_at,
        "instances": listed.instances,
        "committed": listed.committed,
        "failed": listed.failed,
        "tries": listed.tries,
        "next": listed.next_at if listed.is_open else None,
        "because": listed.because,
        "transaction": listed.transaction_uid,
    }
