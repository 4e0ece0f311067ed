"""`imx rejection`: rejection notes (IHE IOCM), what they hide, and a person's word over them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from imx.commands.group import Group
from imx.commands.options import Decision, Question
from imx.commands.printing import print_rows
from imx.database import open_database
from imx.settings import Settings
from storage.rejections import Noted, Rejections, View

commands = Group("Rejection notes: what they hide, and how to undo it.")

Number = Annotated[int, typer.Argument(help="Its number, as `imx rejection list` prints it.")]


@contextmanager
def rejections(settings: Settings) -> Iterator[Rejections]:
    """Those of the set-up that the options name."""
    with open_database(settings) as pool:
        yield Rejections(pool)


@commands.command("list")
def list_rejections(
    given: Question,
    limit: Annotated[int, typer.Option(help="How many at most, the last ones first.", min=1)] = 100,
) -> None:
    """The notes that came: what each hides, and what it names that is not its trust's to reject."""
    with rejections(given.settings()) as held:
        print_rows([as_row(each) for each in held.notes(limit)], given.as_json)


@commands.command("undo")
def undo_rejection(number: Number, given: Decision) -> None:
    """The note hides nothing any more; what it hid shows as before."""
    with rejections(given.settings()) as held:
        print_rows([as_row(held.undo(number, given.who()))], given.as_json)


@commands.command("accept")
def accept_rejection(number: Number, given: Decision) -> None:
    """The note is in force over all that it names, another trust's too; also after it was undone."""
    with rejections(given.settings()) as held:
        print_rows([as_row(held.accept(number, given.who()))], given.as_json)


@commands.command("views")
def list_views(given: Question) -> None:
    """What notes of each title hide."""
    with rejections(given.settings()) as held:
        print_rows([view_row(each) for each in held.views()], given.as_json)


@commands.command("view")
def change_view(
    code: Annotated[str, typer.Argument(help="113001, 113037, 113038 or 113039.")],
    instances: Annotated[bool, typer.Option("--hide-instances/--show-instances", help="What a note names.")],
    note: Annotated[bool, typer.Option("--hide-note/--show-note", help="The note itself.")],
    given: Decision,
) -> None:
    """What notes of one title hide from now on, and of those that came before."""
    with rejections(given.settings()) as held:
        changed = held.change_view(code, hides_instances=instances, hides_note=note, by=given.who())
    print_rows([view_row(changed)], given.as_json)


def as_row(noted: Noted) -> dict[str, Any]:
    """One line of the list."""
    return {
        "number": noted.id,
        "standing": noted.standing.value,
        "title": noted.title,
        "from": f"{noted.peer} of {noted.trust}",
        "came": noted.noted_at,
        "study": noted.study_uid,
        "named": noted.named,
        "hidden": noted.hidden,
        "missing": noted.missing,
        "foreign": noted.foreign,
        "elsewhere": noted.elsewhere,
        "sent_again": noted.sent_again,
        "decided_by": noted.decided_by,
        "decided_at": noted.decided_at,
    }


def view_row(view: View) -> dict[str, Any]:
    """One line of the views."""
    return {
        "code": view.code,
        "title": view.title,
        "instances": "hidden" if view.hides_instances else "shown",
        "note": "hidden" if view.hides_note else "shown",
        "changed_by": view.changed_by,
        "changed_at": view.changed_at,
        "settled": view.settled,
    }
