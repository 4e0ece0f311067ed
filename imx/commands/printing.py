"""What a command found, as a table for people or as JSON for programs."""

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table


def print_rows(rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    """A table for people, or a list of objects for programs."""
    if as_json:
        _dump(rows)
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


def print_entry(entry: dict[str, Any], as_json: bool, **lists: Sequence[dict[str, Any]]) -> None:
    """One entry and the lists that belong to it: tables for people, one object for programs."""
    if as_json:
        _dump({**entry, **lists})
        return
    print_rows([{"what": name.replace("_", " "), "value": value} for name, value in entry.items()], as_json)
    for rows in filter(None, lists.values()):
        print_rows(rows, as_json)


def _dump(found: object) -> None:
    json.dump(found, sys.stdout, indent=2, ensure_ascii=False, default=_text)
    sys.stdout.write("\n")


def _text(value: object) -> str:
    """Times are told to the second."""
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(str(each) for each in value)
        case _:
            return _text(value)
