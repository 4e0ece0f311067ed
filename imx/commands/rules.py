"""`imx rules`: where studies go, why, and what still waits."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from psycopg_pool import ConnectionPool
from rich.console import Console
from rich.markup import escape

from dicom_router.rules.book import RuleBook
from dicom_router.rules.coercing import coercions_of, made
from dicom_router.rules.criteria import Facts, readings
from dicom_router.rules.desk import RuleDesk
from dicom_router.rules.parsing import parse_rules
from dicom_router.rules.rule import Rule, RuleSet
from dicom_router.rules.tables import RulesWrong
from dicom_router.rules.words import deeds
from exchange.registry import PostgresRegistry
from imx.commands.group import Group
from imx.commands.looked_at import LookedAt, look_at
from imx.commands.options import Decision, Question
from imx.commands.printing import print_rows
from imx.database import open_database
from imx.errors import CommandFailed

commands = Group("Routing rules: where studies go, and why.")

FileArgument = Annotated[Path, typer.Argument(help="A DICOM file.", exists=True, dir_okay=False)]
RulesOption = Annotated[
    Path | None,
    typer.Option("--rules", help="A rule file. Otherwise the rules in force.", exists=True, dir_okay=False),
]
PeerOption = Annotated[str, typer.Option(help="The AE title that sends it.")]
TrustOption = Annotated[str, typer.Option(help="ODS code of its trust.")]
AtOption = Annotated[str, typer.Option(help="When it comes, such as 2026-07-03T21:00. Otherwise now.")]


@commands.command("load")
def load_rules(
    file: Annotated[Path, typer.Argument(help="A rule file (TOML).", exists=True, dir_okay=False)],
    given: Decision,
) -> None:
    """Put a rule file in force. With a fault it changes nothing, and every fault is told with its line."""
    text = text_of(file)
    with open_database(given.settings()) as pool:
        try:
            version = RuleBook(pool).load(text, given.who())
        except RulesWrong as error:
            print_faults(error, file, given.as_json)
            raise typer.Exit(1) from error
    rules = version.rules
    row = {"version": version.number, "rules": len(rules.rules), "coercions": len(rules.coercions)}
    print_rows([row], given.as_json)


@commands.command("show")
def show_rules(
    given: Question,
    history: Annotated[bool, typer.Option("--history", help="Every version: when, and by whom.")] = False,
    version: Annotated[int | None, typer.Option(help="That version. Otherwise the one in force.")] = None,
) -> None:
    """The rules in force, as they were loaded."""
    with open_database(given.settings()) as pool:
        found = RuleBook(pool).history()
    if history:
        rows = [
            {"version": each.number, "loaded_at": f"{each.loaded_at:%Y-%m-%d %H:%M}", "by": each.loaded_by}
            for each in found
        ]
        print_rows(rows, given.as_json)
        return
    wanted = [each for each in found if version in (None, each.number)][:1]
    if not wanted:
        raise CommandFailed("no rule file was loaded yet" if version is None else f"no version {version}")
    if given.as_json:
        one = wanted[0]
        row = {"version": one.number, "loaded_at": one.loaded_at, "by": one.loaded_by, "text": one.text}
        json.dump(row, sys.stdout, ensure_ascii=False, default=str)
        sys.stdout.write("\n")
    else:
        sys.stdout.write(wanted[0].text)


@commands.command("test")
def try_rules(
    file: FileArgument,
    given: Question,
    rules: RulesOption = None,
    peer: PeerOption = "",
    trust: TrustOption = "",
    at: AtOption = "",
) -> None:
    """Which rules an instance matches, and why; and which it does not, and why not."""
    looked_at = look_at(file, peer, trust, at)
    with open_database(given.settings()) as pool:
        known = rules_from(rules, pool, given.as_json)
        facts = _as_coerced(looked_at, known, pool)
    found = [tested(rule, facts) for rule in known.rules]
    if given.as_json:
        json.dump(found, sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
        return
    _print_tested(found)


@commands.command("waiting")
def list_waiting(given: Question) -> None:
    """What is not sent yet, and for what it waits; what a person must decide about comes first."""
    with open_database(given.settings()) as pool:
        found = RuleDesk(pool).waiting()
    rows = [
        {
            "study": each.study_uid,
            "destination": each.destination,
            "rules": ", ".join(each.rules),
            "since": f"{each.since:%Y-%m-%d %H:%M:%S}",
            "person": each.needs_person,
            "because": each.because,
        }
        for each in sorted(found, key=lambda each: not each.needs_person)
    ]
    print_rows(rows, given.as_json)


@commands.command("release")
def release_study(
    study: Annotated[str, typer.Argument(help="Its Study Instance UID.")], given: Decision
) -> None:
    """Send on what waits of a study, as it is. Who did so is written down."""
    with open_database(given.settings()) as pool:
        released = RuleDesk(pool).release(study, given.who())
    print_rows([{"study": study, "destinations": released}], given.as_json)


def text_of(file: Path) -> str:
    """Raises CommandFailed."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(f"{file} cannot be read as UTF-8") from error


def rules_from(file: Path | None, pool: ConnectionPool, as_json: bool) -> RuleSet:
    """Those of a file, or those in force. Ends with status 1 where there are none, or the file has faults."""
    if file is not None:
        try:
            return parse_rules(text_of(file), RuleBook(pool).known())
        except RulesWrong as error:
            print_faults(error, file, as_json)
            raise typer.Exit(1) from error
    version = RuleBook(pool).in_force()
    if version is None:
        raise CommandFailed("no rule file was loaded yet: name one with --rules")
    return version.rules


def print_faults(error: RulesWrong, file: Path, as_json: bool) -> None:
    """One line each."""
    if as_json:
        faults = [{"line": fault.line, "because": fault.because} for fault in error.faults]
        json.dump({"faults": faults}, sys.stdout, ensure_ascii=False)
        sys.stdout.write("\n")
        return
    for fault in error.faults:
        sys.stderr.write(f"{file}:{fault.line}: {fault.because}\n")
    sys.stderr.write("imx: nothing has changed\n")


def tested(rule: Rule, facts: Facts) -> dict[str, Any]:
    """A rule and an instance."""
    found = readings(rule.criteria, facts)
    return {
        "rule": rule.name,
        "matches": all(each.holds for each in found),
        "does": deeds(rule),
        "conditions": [
            {"condition": each.word, "holds": each.holds, "because": each.because} for each in found
        ],
    }


def _as_coerced(looked_at: LookedAt, rules: RuleSet, pool: ConnectionPool) -> Facts:
    """Rules look at what a peer's coercions make of what it sends."""
    facts = looked_at.facts()
    by_peer = coercions_of(PostgresRegistry(pool).peers(), rules.coercions)
    members = dict(facts.members)
    coercions = by_peer.get((looked_at.peer, looked_at.trust), [])
    for each in made(looked_at.sent, looked_at.peer, looked_at.trust, looked_at.came_at, coercions):
        members |= each.read_as | each.attributes
    return Facts(facts.trust, facts.peer, members, facts.came_at)


def _print_tested(found: list[dict[str, Any]]) -> None:
    console = Console()
    if not found:
        console.print("there are no rules")
    for each in found:
        matches = each["matches"]
        console.print(
            f"[bold]{escape(each['rule'])}[/bold] "
            + ("[green]matches[/green]" if matches else "[yellow]does not match[/yellow]"),
            soft_wrap=True,
        )
        for condition in each["conditions"]:
            said = f"{condition['condition']}: {condition['because']}"
            console.print(escape(f"  {'yes' if condition['holds'] else 'no '} {said}"), soft_wrap=True)
        if not each["conditions"]:
            console.print("  yes it asks for nothing")
        if matches:
            console.print(escape(f"  it {', '.join(each['does'])}"), soft_wrap=True)
