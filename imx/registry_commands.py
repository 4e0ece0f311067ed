"""`imx trust`, and what the commands of the registry share."""

import getpass
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exchange.entries import trust_said
from exchange.registry import PostgresRegistry, Trust
from imx.database import open_database
from imx.options import ConfigOption, DataOption, JsonOption, settings_from
from imx.settings import Settings

trusts = typer.Typer(help="The organisations that own what their peers send.", no_args_is_help=True)

OdsCode = Annotated[str, typer.Argument(help="Its ODS code, such as RBT.")]
ByOption = Annotated[str, typer.Option("--by", help="Who changes it. Otherwise your user name.")]


def print_rows(rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    """A table for people, or a list of objects for programs."""
    if as_json:
        json.dump(rows, sys.stdout, indent=2, ensure_ascii=False, default=str)
        sys.stdout.write("\n")
        return
    if not rows:
        Console(stderr=True).print("none")
        return
    table = Table(*(name.replace("_", " ") for name in rows[0]), box=None)
    for row in rows:
        table.add_row(*(escape(_cell(value)) for value in row.values()))
    Console().print(table)


def print_one(row: dict[str, Any], as_json: bool) -> None:
    """One entry with all it says, a line for each key."""
    if as_json:
        print_rows([row], as_json)
        return
    said = [{"key": key, "value": value} for key, value in row.items() if value not in (None, [], "")]
    print_rows(said, as_json)


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(str(each) for each in value)
        case _:
            return str(value)


@contextmanager
def registry(settings: Settings) -> Iterator[PostgresRegistry]:
    """The registry of the set-up that the options name."""
    with open_database(settings) as pool:
        yield PostgresRegistry(pool)


def who(by: str) -> str:
    """Who is at the command line."""
    return by or getpass.getuser()


@trusts.command("add")
def add_trust(
    ods_code: OdsCode,
    name: Annotated[str, typer.Argument(help="Its name.")],
    issuer: Annotated[
        str, typer.Option(help="Namespace of its bare identifiers. Otherwise the ODS code.")
    ] = "",
    place: Annotated[str, typer.Option(help="The place it belongs to.")] = "",
    by: ByOption = "",
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a trust, or change its entry."""
    code = _code(ods_code)
    with registry(settings_from(data, config)) as known:
        before = {each.ods_code: each for each in known.trusts()}.get(code)
        successor = before.successor if before else None
        trust = Trust(code, name, issuer or (before.issuer if before else code), place, successor)
        known.add_trust(trust, who(by))
    print_rows([trust_said(trust)], as_json)


@trusts.command("list")
def list_trusts(data: DataOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Every trust we know."""
    with registry(settings_from(data, config)) as known:
        found = known.trusts()
    print_rows([trust_said(trust) for trust in found], as_json)


@trusts.command("show")
def show_trust(
    ods_code: OdsCode, data: DataOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """One trust, and its peers."""
    code = _code(ods_code)
    with registry(settings_from(data, config)) as known:
        trust = known.trust(code)
        peers = [each.ae_title for each in known.peers() if each.trust.ods_code == code]
    print_one({**trust_said(trust), "peers": peers}, as_json)


@trusts.command("merge")
def merge_trust(
    ods_code: OdsCode,
    into: Annotated[str, typer.Argument(help="ODS code of the trust that takes over.")],
    by: ByOption = "",
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """A trust was merged into another, which owns its studies from now on. INTO itself: undo that.

    Its identifiers stay in their own namespace: each of the two had a "123456".
    """
    code, successor = _code(ods_code), _code(into)
    with registry(settings_from(data, config)) as known:
        trust = replace(known.trust(code), successor=None if successor == code else successor)
        known.add_trust(trust, who(by))
    print_rows([trust_said(trust)], as_json)


@trusts.command("remove")
def remove_trust(
    ods_code: OdsCode,
    by: ByOption = "",
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Forget a trust that has no peers and owns nothing."""
    code = _code(ods_code)
    with registry(settings_from(data, config)) as known:
        trust = known.trust(code)
        known.remove_trust(code, who(by))
    print_rows([trust_said(trust)], as_json)


def _code(text: str) -> str:
    return text.strip().upper()
