"""`imx deliveries`: what is sent where, what failed, and a person's choice."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from exchange.deliveries import Delivery, DeliveryDesk, State
from imx.commands.deciding import decide_all
from imx.commands.group import Group
from imx.commands.options import Decision, Question
from imx.commands.printing import print_entry, print_rows
from imx.database import open_database
from imx.settings import Settings

commands = Group("What is sent where, and what failed.")

Number = Annotated[int, typer.Argument(help="Its number, as `imx deliveries list` prints it.")]

#: Dead letters that one command replays.
_AT_ONCE = 10_000


@contextmanager
def desk(settings: Settings) -> Iterator[DeliveryDesk]:
    """The deliveries of the set-up that the options name."""
    with open_database(settings) as pool:
        yield DeliveryDesk(pool)


def as_row(delivery: Delivery) -> dict[str, Any]:
    """One line of the list."""
    return {
        "number": delivery.id,
        "destination": delivery.destination,
        "study": delivery.study_uid,
        "state": delivery.state.value,
        "priority": delivery.priority.value,
        "taken": delivery.taken,
        "missing": delivery.missing,
        "tries": delivery.tries,
        "next_try": delivery.next_try,
        "last_error": delivery.last_error,
    }


@commands.command("list")
def list_deliveries(
    given: Question,
    state: Annotated[
        list[State] | None, typer.Option(help="Only those. Otherwise what waits, is sent, or is dead.")
    ] = None,
    destination: Annotated[str | None, typer.Option(help="Only to this one.")] = None,
    study: Annotated[str | None, typer.Option(help="Only of this Study Instance UID.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 100,
) -> None:
    """Dead letters first, then the most urgent."""
    states = state or (list(State) if study else [State.WAITING, State.SENDING, State.DEAD])
    with desk(given.settings()) as known:
        found = known.deliveries(states, destination, study, limit)
    print_rows([each.as_json() if given.as_json else as_row(each) for each in found], given.as_json)


@commands.command("show")
def show_delivery(number: Number, given: Question) -> None:
    """One delivery: why it is wanted, how far it is, what went wrong, and who decided what."""
    with desk(given.settings()) as known:
        delivery, decided = known.delivery(number)
    said = {**as_row(delivery), "because": delivery.because, "round": delivery.round}
    entry = delivery.as_json() if given.as_json else said
    print_entry(entry, given.as_json, decisions=[each.as_json() for each in decided])


@commands.command("replay")
def replay_deliveries(
    given: Decision,
    number: Annotated[list[int] | None, typer.Argument(help="Their numbers.")] = None,
    dead: Annotated[str | None, typer.Option(help="Every dead letter to this destination.")] = None,
) -> None:
    """Try again now, with all tries anew. What the destination has taken is not sent again."""
    if bool(number) == bool(dead):
        raise typer.BadParameter("give numbers, or --dead DESTINATION", param_hint="NUMBER")
    with desk(given.settings()) as known:
        numbers = number or [each.id for each in known.deliveries([State.DEAD], dead, None, _AT_ONCE)]
        decide_all(numbers, known.replay, "replayed", "destination", given)


@commands.command("cancel")
def cancel_deliveries(
    number: Annotated[list[int], typer.Argument(help="Their numbers.")], given: Decision
) -> None:
    """Try no more. What was sent stays where it is."""
    with desk(given.settings()) as known:
        decide_all(number, known.cancel, "cancelled", "destination", given)
