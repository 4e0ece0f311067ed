"""`imx quarantine`: what was kept aside, and a person's choice."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from pydicom.datadict import keyword_for_tag

from imx.commands.group import Group
from imx.commands.options import Decision, Question
from imx.commands.printing import print_rows
from imx.database import open_database
from imx.settings import Settings
from imx.wiring import staged_objects
from storage.quarantine import Aside, Choice, Quarantine

commands = Group("What was kept aside until a person chooses.")

Number = Annotated[int, typer.Argument(help="Its number, as `imx quarantine list` prints it.")]


@contextmanager
def quarantine(settings: Settings) -> Iterator[Quarantine]:
    """The quarantine of the set-up that the options name."""
    with open_database(settings) as pool:
        yield Quarantine(pool, staged_objects(settings, pool))


def as_row(aside: Aside) -> dict[str, Any]:
    """One line of the list."""
    return {
        "number": aside.id,
        "outcome": aside.outcome,
        "instance": aside.sop_instance_uid,
        "study": aside.study_uid,
        "from": f"{aside.peer} of {aside.trust}",
        "received": aside.received_at,
        "differ": len(aside.diff),
        "decision": aside.decision.value if aside.decision else None,
    }


@commands.command("list")
def list_quarantine(
    given: Question, trust: Annotated[str, typer.Option(help="Only what this trust sent (ODS code).")] = ""
) -> None:
    """What waits for a decision, the oldest first."""
    with quarantine(given.settings()) as held:
        found = held.waiting(trust.strip().upper() or None)
    print_rows([as_row(each) for each in found], given.as_json)


@commands.command("show")
def show_quarantine(number: Number, given: Question) -> None:
    """One of them: where it came from, and which attributes differ from what is current."""
    with quarantine(given.settings()) as held:
        aside = held.aside(number)
    print_rows([described(aside)], given.as_json)
    if not given.as_json and aside.diff:
        print_rows(
            [{"attribute": named(each["tag"]), "how": each["how"]} for each in aside.diff], given.as_json
        )


@commands.command("keep")
def keep_first(number: Number, given: Decision) -> None:
    """What was kept first stays current; this stays aside, settled."""
    with quarantine(given.settings()) as held:
        print_rows([described(held.decide(number, Choice.KEEP, given.who()))], given.as_json)


@commands.command("take")
def take_this(number: Number, given: Decision) -> None:
    """This becomes current; what was kept first stays as a version."""
    with quarantine(given.settings()) as held:
        print_rows([described(held.decide(number, Choice.TAKE, given.who()))], given.as_json)


@commands.command("undo")
def undo_decision(number: Number, given: Decision) -> None:
    """As it was before the decision: it waits again."""
    with quarantine(given.settings()) as held:
        print_rows([described(held.undo(number, given.who()))], given.as_json)


def described(aside: Aside) -> dict[str, Any]:
    """All of it, but for the attributes that differ."""
    return as_row(aside) | {
        "because": aside.because,
        "current_from": aside.held_from,
        "current_since": aside.held_at,
        "decided_by": aside.decided_by,
        "decided_at": aside.decided_at,
    }


def named(tag: str) -> str:
    """(gggg,eeee) and its keyword, for a tag of eight digits, or what stands in its place."""
    try:
        keyword = keyword_for_tag(int(tag, 16))
    except ValueError:
        return tag
    return f"({tag[:4]},{tag[4:]}) {keyword}".rstrip()
