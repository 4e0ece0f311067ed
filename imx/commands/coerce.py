"""`imx coerce`: what sites send wrong, put right on the way out; previewed, listed, undone."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from pydicom.datadict import keyword_for_tag

from dicom_router.rules.coercing import Made, made
from dicom_router.rules.coercion import CHARACTER_SET
from imx.commands.group import Group
from imx.commands.looked_at import look_at
from imx.commands.options import Decision, Question
from imx.commands.printing import print_rows
from imx.commands.rules import (
    AtOption,
    FileArgument,
    PeerOption,
    RulesOption,
    TrustOption,
    rules_from,
)
from imx.database import open_database
from imx.errors import CommandFailed
from storage.correcting import recorded, undo
from storage.corrections import Member
from storage.driver_errors import mapped_errors
from storage.errors import Unreadable
from storage.sent import Sent

commands = Group("What sites send wrong, put right on the way out.")


@commands.command("test")
def try_coercion(
    file: FileArgument,
    rule: Annotated[str, typer.Option("--rule", help="The coercion, by its name in the rule file.")],
    given: Question,
    rules: RulesOption = None,
    peer: PeerOption = "",
    trust: TrustOption = "",
    at: AtOption = "",
) -> None:
    """What a coercion would make of an instance: each attribute before and after. Nothing is changed."""
    looked_at = look_at(file, peer, trust, at)
    with open_database(given.settings()) as pool:
        known = rules_from(rules, pool, given.as_json)
    if rule not in known.coercions:
        names = ", ".join(sorted(known.coercions)) or "none"
        raise CommandFailed(f"no coercion called {rule}: there are {names}")
    try:
        sent = looked_at.sent(None)
        changed = made(
            looked_at.sent, looked_at.peer, looked_at.trust, looked_at.came_at, [known.coercions[rule]]
        )
    except Unreadable as error:
        raise CommandFailed(f"{file} cannot be read: {error}") from error
    print_rows([row for each in changed for row in _rows(sent, each)], given.as_json)


@commands.command("list")
def list_coercions(
    study: Annotated[str, typer.Argument(help="Its Study Instance UID.")], given: Question
) -> None:
    """Every correction of a study: what a rule coerced, what a person corrected, what was undone."""
    with (
        open_database(given.settings()) as pool,
        mapped_errors(),
        pool.connection() as connection,
    ):
        found = recorded(connection, study)
    rows = [
        {
            "number": each.id,
            "by": each.made_by,
            "reason": each.reason.value,
            "at": f"{each.made_at:%Y-%m-%d %H:%M}",
            "attributes": ", ".join(_named(tag) for tag in sorted(each.attributes)),
            "undone_by": each.undone_by,
        }
        for each in found
    ]
    print_rows(rows, given.as_json)


@commands.command("undo")
def undo_coercion(
    number: Annotated[int, typer.Argument(help="Its number, as `imx coerce list` prints it.")],
    given: Decision,
) -> None:
    """As it was sent, from now on. Who did so is written down, and no rule makes it again."""
    with (
        open_database(given.settings()) as pool,
        mapped_errors(),
        pool.connection() as connection,
    ):
        study = undo(connection, number, given.who())
    print_rows([{"number": number, "study": study}], given.as_json)


def _rows(sent: Sent, changed: Made) -> list[dict[str, Any]]:
    rows = []
    for tag, member in sorted({**changed.read_as, **changed.attributes}.items()):
        before = sent.declared if tag == CHARACTER_SET else _shown(sent.members.get(tag))
        rows.append({"attribute": _named(tag), "before": before, "after": _shown(member)})
    return rows


def _shown(member: Member | None) -> str:
    """A value for people."""
    values = member.get("Value", []) if member else []
    return "\\".join(_one(value) for value in values)


def _one(value: object) -> str:
    if isinstance(value, Mapping):
        if value.keys() <= {"Alphabetic", "Ideographic", "Phonetic"}:
            return "=".join(str(part) for part in value.values())
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else str(value)


def _named(tag: str) -> str:
    return keyword_for_tag(int(tag, 16)) or tag
