"""`imx withdrawals`: what people asked to take out of use, and a second person's word over it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from imx.commands.group import Group
from imx.commands.options import Decision, Question
from imx.commands.printing import print_rows
from imx.database import open_database
from imx.settings import Settings
from imx.wiring import staged_objects
from storage.withdrawal import Withdrawal
from storage.withdrawals import Withdrawals

commands = Group("Requests to take studies, series or instances out of use, and to bring them back.")

Number = Annotated[int, typer.Argument(help="Its number, as `imx withdrawals list` prints it.")]


@contextmanager
def withdrawals(settings: Settings) -> Iterator[Withdrawals]:
    """Those of the set-up that the options name."""
    with open_database(settings) as pool:
        yield Withdrawals(pool, staged_objects(settings, pool), settings.withdrawal)


@commands.command("list")
def list_withdrawals(
    given: Question,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only what waits for a second person.")] = False,
    limit: Annotated[int, typer.Option(help="How many at most, the last ones first.", min=1)] = 100,
) -> None:
    """Every request: who asked, why, and how it stands."""
    with withdrawals(given.settings()) as held:
        print_rows([as_row(each) for each in held.listed(limit=limit, only_waiting=waiting)], given.as_json)


@commands.command("approve")
def approve(number: Number, given: Decision) -> None:
    """It is done: it shows to nobody, or shows again where that was asked. Never one's own request."""
    with withdrawals(given.settings()) as held:
        print_rows([as_row(held.approve(number, given.who()))], given.as_json)


@commands.command("reject")
def reject(number: Number, given: Decision) -> None:
    """It is not done. Never one's own request."""
    with withdrawals(given.settings()) as held:
        print_rows([as_row(held.reject(number, given.who()))], given.as_json)


@commands.command("undo")
def undo(
    number: Number,
    because: Annotated[str, typer.Option("--because", help="Why it should show again.")],
    given: Decision,
) -> None:
    """Ask that an approved withdrawal be undone: another person approves that request, and it shows again."""
    with withdrawals(given.settings()) as held:
        print_rows([as_row(held.ask_undo(number, because, given.who()))], given.as_json)


def as_row(found: Withdrawal) -> dict[str, Any]:
    """One line of the list."""
    return {
        "number": found.id,
        "standing": found.standing.value,
        "asks": f"undo {found.restores}" if found.restores else "withdraw",
        "what": str(found.resource),
        "instances": found.instances,
        "of": ", ".join(found.trusts),
        "because": found.because,
        "asked_by": found.asked_by,
        "asked_at": found.asked_at,
        "expires_at": found.expires_at,
        "decided_by": found.decided_by,
        "decided_at": found.decided_at,
        "keep_until": found.keep_until,
    }
