"""What a command found, as a table for people or as JSON for programs."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table


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
