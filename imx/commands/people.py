"""`imx people`: the directory of people: a file of them, who somebody is, and what is said of two numbers."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from exchange.linking.merge_preview import preview_of
from exchange.people.directory import people, person_known_as
from exchange.people.doubts import doubts
from exchange.people.finding import Criteria, Day, Text, Token, find
from exchange.people.pds.tracing import BORNE_OUT
from exchange.people.person import NHS, Identifier, Person, Said
from exchange.people.statements import Apart, Linked, Merged, Relation, Unlinked, names
from exchange.people.telling import tell
from exchange.policy import Action
from imx.commands.console_audit import note_at_console
from imx.commands.group import Group
from imx.commands.options import ByOption, Decision, Question, SetUp, who
from imx.commands.people_loading import load_people, print_loaded, source_of, time_of
from imx.commands.printing import print_one, print_rows
from imx.database import open_database
from imx.errors import CommandFailed
from imx.tracing import one_trace
from storage.driver_errors import mapped_errors

commands = Group("The directory of people: who they are, and their numbers.")

PreviewOption = Annotated[
    bool, typer.Option("--preview", help="Say what would become of studies, and change nothing.")
]
Number = Annotated[
    str, typer.Argument(help="A number with its issuer, such as RBL:123456 or NHS:9990000018.")
]


@commands.command("load")
def load_file(
    file: Annotated[
        Path, typer.Argument(help="CSV with a header, or .csv.gz (docs/linking.md).", exists=True)
    ],
    given: Decision,
    trust: Annotated[str, typer.Option(help="ODS code, of a file without the column issuer.")] = "",
    said_at: Annotated[
        str,
        typer.Option(help="When the file was made, such as 2026-03-01T02:00:00Z. Otherwise its own time."),
    ] = "",
    from_line: Annotated[int, typer.Option(help="Go on from this line of a load that broke off.", min=1)] = 1,
) -> None:
    """Take what a file says of people: once more is no harm, and what is known to be newer stays.

    Lines that are wrong are left out and named; then the command ends with 1.
    """
    told = Said(time_of(file, said_at), file.name)
    with open_database(given.settings()) as pool:
        source = source_of(pool, trust.strip().upper(), told)
        note_at_console(pool, Action.FEED_PEOPLE, None, {"file": file.name, "by": given.who()})
        loaded, took_s = load_people(pool, file, source, from_line)
    print_loaded(loaded, took_s, given.as_json)
    if loaded.left_out:
        raise typer.Exit(1)


@commands.command("show")
def show(number: Number, given: Question) -> None:
    """Who goes by a number. It is written down who looked."""
    identifier = _identifier(number)
    with open_database(given.settings()) as pool:
        with mapped_errors(), pool.connection() as connection:
            found = person_known_as(connection, identifier)
        if found is None:
            raise CommandFailed("nobody goes by that number here")
        note_at_console(pool, Action.SEE_RECORD, None, {}, found.uid)
    print_one(_as_row(found), given.as_json)


@commands.command("trace")
def trace(number: Number, given: Question) -> None:
    """Ask the PDS about a number now, whether or not it is due; a claim is borne out, or is not.

    The worker asks by itself about whoever a study or a feed needs.
    """
    identifier = _identifier(number)
    settings = given.settings()
    if not settings.pds.url:
        raise CommandFailed("there is no PDS to ask: set pds.url")
    with open_database(settings) as pool:
        with one_trace(settings.pds, pool) as tracing:
            traced = tracing.trace_number(identifier)
        with mapped_errors(), pool.connection() as connection:
            found = person_known_as(connection, identifier)
        note_at_console(pool, Action.FIND_PEOPLE, None, {"did": "trace"}, found.uid if found else None)
    row = {"traced": _written(identifier), "outcome": traced.outcome.value}
    print_one({**row, **(_as_row(found) if found else {})}, given.as_json)
    if traced.outcome not in BORNE_OUT:
        raise typer.Exit(1)


@commands.command("find")
def find_people(
    given: Question,
    family: Annotated[str, typer.Option(help="How the family name begins.")] = "",
    given_name: Annotated[str, typer.Option("--given", help="How a given name begins.")] = "",
    born: Annotated[str, typer.Option(help="YYYYMMDD, or the month or year.")] = "",
    postcode: Annotated[str, typer.Option(help="How it begins.")] = "",
    number: Annotated[str, typer.Option(help="A number, whoever gave it out.")] = "",
) -> None:
    """People by what is known of them. It is written down who looked."""
    criteria = Criteria(
        families=((Text(family),),) if family else (),
        givens=((Text(given_name),),) if given_name else (),
        births=((Day(born),),) if born else (),
        postcodes=((Text(postcode),),) if postcode else (),
        identifiers=((Token(number),),) if number else (),
    )
    if not criteria.says_whom:
        raise CommandFailed("say whom: --family, --given, --born, --postcode or --number")
    with open_database(given.settings()) as pool:
        with mapped_errors(), pool.connection() as connection:
            found = find(connection, criteria)
            known = people(connection, found.ids)
        for uid in sorted({each.uid for each in known.values()}):
            note_at_console(pool, Action.FIND_PEOPLE, None, {}, uid)
    print_rows([_as_row(known[id]) for id in found.ids], given.as_json)
    if found.is_cut:
        Console(stderr=True).print(f"the first {len(found.ids)}; there are more", style="yellow")


@commands.command("merge")
def merge(gone: Number, into: Number, given: Decision, preview: PreviewOption = False) -> None:
    """One number gave way to another: whoever it named is the other from now on."""
    relation = Merged(_identifier(gone), _identifier(into))
    if preview:
        _preview(relation, given)
    else:
        _say(relation, given, given.by)


@commands.command("unmerge")
def unmerge(number: Number, given: Decision, preview: PreviewOption = False) -> None:
    """A number stands for itself again: its merge was a mistake."""
    if preview:
        _preview(Apart(_identifier(number)), given)
    else:
        _say(Apart(_identifier(number)), given, given.by)


@commands.command("link")
def link(one: Number, other: Number, given: SetUp, by: ByOption = "") -> None:
    """Two trusts' numbers are one person, and both stay in use."""
    _say(Linked(_identifier(one), _identifier(other)), given, by)


@commands.command("unlink")
def unlink(one: Number, other: Number, given: SetUp, by: ByOption = "") -> None:
    """They are not."""
    _say(Unlinked(_identifier(one), _identifier(other)), given, by)


@commands.command("doubts")
def list_doubts(
    given: Question, limit: Annotated[int, typer.Option(help="The newest so many.", min=1)] = 100
) -> None:
    """Merges and links that contradict what is verified."""
    with open_database(given.settings()) as pool:
        with mapped_errors(), pool.connection() as connection:
            found = doubts(connection, limit)
        note_at_console(pool, Action.FIND_PEOPLE, None, {"doubts": len(found)})
    rows = [
        {
            "one": _written(each.one),
            "other": _written(each.other),
            "what": each.what.value,
            "said_at": each.said.at,
            "said_by": each.said.by,
        }
        for each in found
    ]
    print_rows(rows, given.as_json)


def _preview(relation: Relation, given: Question) -> None:
    """Study by study, what would change."""
    with open_database(given.settings()) as pool:
        with mapped_errors(), pool.connection() as connection:
            if any(person_known_as(connection, each) is None for each in names(relation)):
                raise CommandFailed("nobody goes by that number here (imx people show)")
            found = preview_of(connection, relation)
        note_at_console(pool, Action.SEE_RECORD, None, {"previewed": type(relation).__name__})
        for each in found:
            note_at_console(pool, Action.SEE_RECORD, each.study_uid, {"previewed": type(relation).__name__})
    rows = [
        {
            "study": each.study_uid,
            "numbers": [_written(one) for one in each.before.numbers],
            "numbers_then": [_written(one) for one in each.after.numbers],
            "link": each.before.state.value if each.before.state else "",
            "link_then": each.after.state.value if each.after.state else "",
            "person": _written(each.before.person) if each.before.person else "",
            "person_then": _written(each.after.person) if each.after.person else "",
            "copies_at": list(each.destinations),
            "opened_by": list(each.opened_by),
        }
        for each in found
    ]
    print_rows(rows, given.as_json)


def _say(relation: Relation, given: SetUp, by: str) -> None:
    """Both numbers must be known: a slip of the pen makes nobody."""
    with open_database(given.settings()) as pool:
        with mapped_errors(), pool.connection() as connection:
            if any(person_known_as(connection, each) is None for each in names(relation)):
                raise CommandFailed("nobody goes by that number here (imx people show)")
            tell(connection, relation, Said(datetime.now(UTC), who(by)))
        note_at_console(pool, Action.FEED_PEOPLE, None, {"said": type(relation).__name__, "by": who(by)})
    sys.stdout.write("noted\n")


def _identifier(text: str) -> Identifier:
    issuer, colon, value = text.partition(":")
    if not (colon and issuer and value):
        raise CommandFailed("write a number with its issuer, such as RBL:123456 or NHS:9990000018")
    return Identifier(value.replace(" ", "") if issuer == NHS else value, issuer)


def _written(identifier: Identifier) -> str:
    return f"{identifier.issuer}:{identifier.value}"


def _as_row(person: Person) -> dict[str, Any]:
    said = person.demographics
    return {
        "person": str(person.uid),
        "number": _written(person.identifier),
        "status": person.status.value,
        "name": said.name.dicom,
        "born": said.birth_date,
        "sex": said.sex.value,
        "dead": said.died or said.is_dead,
        "sensitivity": person.sensitivity.value,
        "others": [_written(each.identifier) for each in person.others],
    }
