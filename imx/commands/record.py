"""`imx record`: who in the care record is told of studies, what they were told, and what failed."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from exchange.telling.desk import State, Telling, TellingDesk
from exchange.telling.subscriber import Kind, Manner, Message, PostgresSubscribers, Subscriber
from imx.commands.deciding import decide_all
from imx.commands.group import Group
from imx.commands.options import Decision, Question, SetUp
from imx.commands.printing import print_entry, print_rows
from imx.database import open_database

commands = Group("The care record: who is told of studies, and what they were told.")

Number = Annotated[int, typer.Argument(help="Its number, as `imx record tellings` prints it.")]

#: Tellings that one command replays.
_AT_ONCE = 1_000_000


@commands.command("add")
def add_subscriber(
    name: Annotated[str, typer.Argument(help="What we call it.")],
    kind: Annotated[Kind, typer.Argument(help="By which standard it is told.")],
    address: Annotated[
        str, typer.Argument(help="Such as https://record.example/fhir/R4, or mllp://10.1.2.3:2575.")
    ],
    given: SetUp,
    account: Annotated[str, typer.Option(help="The name it knows us by; without one we show a token.")] = "",
    secret_file: Annotated[
        Path | None, typer.Option(help="The file with our token or password.", exists=True, dir_okay=False)
    ] = None,
    token_url: Annotated[
        str, typer.Option(help="Where a token is granted for account and secret (OAuth 2).")
    ] = "",
    certificate: Annotated[
        Path | None, typer.Option(help="What we show of ourselves over TLS.", exists=True, dir_okay=False)
    ] = None,
    key: Annotated[
        Path | None, typer.Option(help="The certificate's key.", exists=True, dir_okay=False)
    ] = None,
    authority: Annotated[
        Path | None, typer.Option(help="Who vouches for its certificate.", exists=True, dir_okay=False)
    ] = None,
    message: Annotated[Message, typer.Option(help="HL7: by which messages.")] = Message.ORU,
    application: Annotated[str, typer.Option(help="HL7: its application (MSH-5).")] = "",
    facility: Annotated[str, typer.Option(help="HL7: its facility (MSH-6).")] = "",
    custodian: Annotated[str, typer.Option(help="NRL: ODS code in whose name we are known there.")] = "",
    strict: Annotated[
        bool, typer.Option("--strict/--draft", help="NRL: by its own rules, or the imaging registry's draft.")
    ] = True,
) -> None:
    """Tell it of every study that is linked, those of before too; or change its entry.

    One of kind adt hears of corrected patients, where a destination names it (imx destination add --told-by).
    """
    manner = Manner(
        certificate_file=_absolute(certificate),
        key_file=_absolute(key),
        authority_file=_absolute(authority),
        token_url=token_url,
        message=message,
        application=application,
        facility=facility,
        custodian=custodian.strip().upper(),
        is_strict=strict,
    )
    entry = Subscriber(
        name=name,
        kind=kind,
        address=address,
        account=account,
        secret_file=_absolute(secret_file),
        manner=manner,
    )
    with open_database(given.settings()) as pool:
        PostgresSubscribers(pool).add(entry)
    of = "corrected patients" if kind is Kind.ADT else "studies"
    sys.stdout.write(f"{name} is told of {of} by {kind.value}\n")


@commands.command("remove")
def remove_subscriber(name: Annotated[str, typer.Argument(help="Its name.")], given: SetUp) -> None:
    """Tell it no more. What it was told it keeps; added again, it is told what changed meanwhile."""
    with open_database(given.settings()) as pool:
        PostgresSubscribers(pool).remove(name)
    sys.stdout.write(f"{name} is told nothing any more\n")


@commands.command("list")
def list_subscribers(given: Question) -> None:
    """Who is told, and how each does."""
    with open_database(given.settings()) as pool:
        known = PostgresSubscribers(pool)
        found, doing = known.all(), known.doing()
    print_rows([each.as_json(doing[each.name]) for each in found if each.name in doing], given.as_json)


@commands.command("tellings")
def list_tellings(
    given: Question,
    state: Annotated[
        list[State] | None, typer.Option(help="Only those. Otherwise what waits or is dead.")
    ] = None,
    subscriber: Annotated[str | None, typer.Option(help="Only of this one.")] = None,
    study: Annotated[str | None, typer.Option(help="Only of this Study Instance UID.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 100,
) -> None:
    """Dead letters first, then what waits longest."""
    states = state or (list(State) if study else [State.WAITING, State.DEAD])
    with open_database(given.settings()) as pool:
        found = TellingDesk(pool).tellings(states, subscriber, study, limit)
    print_rows([each.as_json() if given.as_json else _as_row(each) for each in found], given.as_json)


@commands.command("show")
def show_telling(number: Number, given: Question) -> None:
    """One study at one subscriber: what it was told and when, what went wrong, and who decided what."""
    with open_database(given.settings()) as pool:
        found, told, decided = TellingDesk(pool).telling(number)
    acts = [{"at": each.at, "act": each.act, "thing": each.thing, "of": each.person} for each in told]
    entry = found.as_json() if given.as_json else {**_as_row(found), "because": found.because}
    print_entry(entry, given.as_json, told=acts, decisions=[each.as_json() for each in decided])


@commands.command("replay")
def replay_tellings(
    given: Decision,
    number: Annotated[list[int] | None, typer.Argument(help="Their numbers.")] = None,
    dead: Annotated[str | None, typer.Option(help="Every dead letter of this subscriber.")] = None,
    everything: Annotated[
        str | None, typer.Option("--all", help="Everything that this subscriber was ever told.")
    ] = None,
) -> None:
    """Tell it again now, with all tries anew, whether or not the subscriber should hold it already."""
    if [bool(number), bool(dead), bool(everything)].count(True) != 1:
        raise typer.BadParameter("give numbers, or --dead NAME, or --all NAME", param_hint="NUMBER")
    with open_database(given.settings()) as pool:
        desk = TellingDesk(pool)
        states = [State.DEAD] if dead else list(State)
        numbers = number or [each.id for each in desk.tellings(states, dead or everything, None, _AT_ONCE)]
        decide_all(numbers, desk.replay, "replayed", "subscriber", given)


@commands.command("cancel")
def cancel_tellings(
    number: Annotated[list[int], typer.Argument(help="Their numbers.")], given: Decision
) -> None:
    """Try no more, until something of the study changes. What was told stays where it is."""
    with open_database(given.settings()) as pool:
        decide_all(number, TellingDesk(pool).cancel, "cancelled", "subscriber", given)


def _as_row(telling: Telling) -> dict[str, Any]:
    return {
        "number": telling.id,
        "subscriber": telling.subscriber,
        "study": telling.study_uid,
        "state": telling.state.value,
        "holds": telling.holds,
        "in_doubt": telling.in_doubt,
        "tries": telling.tries,
        "since": telling.since,
        "last_error": telling.last_error or None,
    }


def _absolute(path: Path | None) -> Path | None:
    return path.absolute() if path else None
