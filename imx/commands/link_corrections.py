"""`imx links correct`, `undo` and `copies`: studies that are somebody else's, and who holds copies."""

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from exchange.linking.copies import Stands, still_wrong, told
from exchange.linking.desk import LinkDesk
from exchange.linking.preview import Preview
from exchange.linking.reviews import Decider
from exchange.order import Order
from exchange.people.person import NHS, Identifier
from exchange.policy import Action
from imx.commands.console_audit import note_at_console
from imx.commands.options import Decision, Question
from imx.commands.printing import print_rows
from imx.database import open_database
from imx.errors import CommandFailed
from storage.driver_errors import mapped_errors

Studies = Annotated[
    list[str], typer.Argument(help="Study Instance UIDs, all of one patient.", metavar="STUDY...")
]
Whose = Annotated[str, typer.Option("--to", help="Whose they are: such as RBL:123456 or NHS:9990000018.")]
Reason = Annotated[str, typer.Option(help="Why: it is kept with the decision.")]


def correct(
    studies: Studies,
    to: Whose,
    given: Decision,
    token: Annotated[str, typer.Option(help="As it was printed without one: what was shown is done.")] = "",
    reason: Reason = "",
) -> None:
    """Show what correcting studies to somebody would do; with the token that this prints, do it.

    All of them or none. It names patients: who looks is written down.
    """
    first, *also = studies
    with open_database(given.settings()) as pool:
        desk = LinkDesk(pool)
        whose = desk.known_as(_identifier(to)).uid
        for each in studies:
            did = "corrected" if token else "previewed a correction"
            note_at_console(pool, Action.DECIDE_LINK, each, {"did": did}, whose)
        if token:
            number = desk.correct(first, whose, token, Decider(given.who(), "", reason), also)
            print_rows([{"decision": number}], given.as_json)
            return
        shown = desk.preview(first, whose, None, also)
    print_rows([row for each in shown.all for row in _rows(each)], given.as_json)
    if not given.as_json:
        sys.stdout.write(f"to do so: --token {shown.token} --reason …\n")


def undo(
    study: Annotated[str, typer.Argument(help="Study Instance UID.")],
    number: Annotated[int, typer.Argument(help="The decision's number.")],
    given: Decision,
    reason: Reason,
) -> None:
    """Take a decision back, for every study that it was of."""
    with open_database(given.settings()) as pool:
        note_at_console(pool, Action.DECIDE_LINK, study, {"did": "undid a decision", "decision": number})
        LinkDesk(pool).undo(study, number, Decider(given.who(), "", reason))
    print_rows([{"decision": number, "undone_by": given.who()}], given.as_json)


def copies(
    given: Question,
    study: Annotated[str | None, typer.Option(help="Only of this Study Instance UID.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many of each.", min=1)] = 100,
) -> None:
    """Who holds a study whose patient was corrected since: still wrong, being told, or told, and how."""
    with open_database(given.settings()) as pool, mapped_errors(), pool.connection() as connection:
        wrong = still_wrong(connection, None, study, limit)
        right = told(connection, None, study, limit)
    rows: list[dict[str, Any]] = [
        {
            "study": each.study_uid,
            "destination": each.destination,
            "stands": each.stands.value,
            "since": each.since,
            "how": each.how_told,
            "last_error": each.last_error or each.adt_cannot,
            "opened_by": [one.name for one in each.opened],
        }
        for each in sorted(wrong, key=lambda one: one.stands is Stands.WAITING)
    ]
    rows += [
        {
            "study": each.study_uid,
            "destination": each.destination,
            "stands": Stands.TOLD.value,
            "since": each.since,
            "how": each.how,
            "last_error": "",
            "opened_by": [],
        }
        for each in right
    ]
    print_rows(rows, given.as_json)


def _rows(shown: Preview) -> Sequence[dict[str, Any]]:
    """What one study says now, and then."""
    moves = [{"what": each.name, "now": ", ".join(each.before), "then": each.after} for each in shown.changes]
    if shown.answered != shown.answers:
        moves.append({"what": "order", "now": _order(shown.answered), "then": _order(shown.answers)})
    moves += [{"what": "copy at", "now": each.destination, "then": ""} for each in shown.copies]
    moves += [{"what": "opened by", "now": each.name, "then": ""} for each in shown.opened]
    return [{"study": shown.study.uid, **each} for each in moves]


def _order(order: Order | None) -> str:
    return f"{order.number} of {order.trust}" if order is not None else ""


def _identifier(text: str) -> Identifier:
    issuer, colon, value = text.partition(":")
    if not (colon and issuer and value):
        raise CommandFailed("write a number with its issuer, such as RBL:123456 or NHS:9990000018")
    return Identifier(value.replace(" ", "") if issuer == NHS else value, issuer)
