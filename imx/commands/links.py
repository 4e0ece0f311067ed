"""`imx links`: whose studies are, how each link stands, and why."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from psycopg_pool import ConnectionPool

from exchange.linking.comparing import still_shown
from exchange.linking.failing import failing
from exchange.linking.link import Evidence, LinkState
from exchange.linking.links import link_of, objection_to
from exchange.linking.listing import counts, listed
from exchange.people.directory import people
from exchange.policy import Action
from imx.commands.console_audit import note_at_console
from imx.commands.group import Group
from imx.commands.link_corrections import copies, correct, undo
from imx.commands.options import Question
from imx.commands.printing import print_one, print_rows
from imx.database import open_database
from imx.settings import Settings
from storage.driver_errors import mapped_errors
from storage.errors import NotHeld

commands = Group("Whose each study is: linked to a person, or why that is not known.")
commands.command("correct")(correct)
commands.command("undo")(undo)
commands.command("copies")(copies)


@contextmanager
def _database(settings: Settings) -> Iterator[ConnectionPool]:
    with open_database(settings) as pool, mapped_errors():
        yield pool


@commands.command("list")
def list_links(
    given: Question,
    state: Annotated[LinkState | None, typer.Option(help="Only those that stand so.")] = None,
    trust: Annotated[str, typer.Option(help="Only this trust's (ODS code).")] = "",
    objected: Annotated[
        bool,
        typer.Option("--objected", help="Only those that a person decided and facts speak against since."),
    ] = False,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 100,
) -> None:
    """How links stand, the latest first; of whom, `imx links show` says."""
    with _database(given.settings()) as pool, pool.connection() as connection:
        found = listed(connection, state, trust.strip().upper(), limit, objected=objected)
    print_rows(
        [
            {
                "study": each.study_uid,
                "trust": each.trust,
                "state": each.state.value,
                "against": list(each.against),
                "proposed": each.proposed,
                "by": each.by,
                "at": each.at,
                "by_hand": each.is_by_hand,
                "objected": each.is_objected,
            }
            for each in found
        ],
        given.as_json,
    )


@commands.command("show")
def show(study: Annotated[str, typer.Argument(help="Study Instance UID.")], given: Question) -> None:
    """Whose one study is, with the evidence in words. It names the patient: who looks is written down."""
    with _database(given.settings()) as pool:
        note_at_console(pool, Action.SEE_RECORD, study, {"by": "imx links show"})
        with pool.connection() as connection:
            link, objection = link_of(connection, study), objection_to(connection, study)
            if link is None:
                raise NotHeld(f"a link of study {study}")
            decided = link.decided
            numbers = [decided.person_id] if decided.person_id is not None else list(decided.proposed)
            objected = objection.decided.evidence if objection else ()
            meant = (objection.decided.person_id, *objection.decided.proposed) if objection else ()
            found = people(connection, [*numbers, *(each for each in meant if each is not None)])
    named = [found[each].nhs_number or str(found[each].uid) for each in numbers if each in found]
    linked = decided.person_id is not None
    print_one(
        {
            "study": study,
            "state": decided.state.value,
            "person": named[0] if linked and named else None,
            "proposed": [] if linked else named,
            "by": link.by,
            "at": link.at,
            "by_hand": link.is_by_hand,
            "evidence": [_words(each) for each in still_shown(decided.evidence, found.values())],
            "objection": [_words(each) for each in still_shown(objected, found.values())],
        },
        given.as_json,
    )


@commands.command("failing")
def list_failing(
    given: Question, limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 100
) -> None:
    """Studies that a fault of ours keeps from being decided: what failed, and when it is tried again."""
    with _database(given.settings()) as pool, pool.connection() as connection:
        found = failing(connection, limit)
    print_rows(
        [
            {
                "study": each.study_uid,
                "trust": each.trust,
                "state": each.state,
                "fault": each.fault,
                "tries": each.tries,
                "since": each.since,
                "again_at": each.again_at,
            }
            for each in found
        ],
        given.as_json,
    )


@commands.command("count")
def count_links(given: Question) -> None:
    """How many studies stand how, were not looked at yet, are to be looked at again, or fail."""
    with _database(given.settings()) as pool, pool.connection() as connection:
        found = counts(connection)
    print_rows([{"state": state, "studies": count} for state, count in found.items()], given.as_json)


def _words(each: Evidence) -> str:
    return f"{each.fact} {each.verdict.value}: {each.words}"
