"""`imx settings`: the settings in force, and where each came from."""

import json
import re
import sys
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from imx.commands.options import Question
from imx.configuration import keys, secret_keys, value_of, variable
from imx.settings import Secret, Settings
from imx.values import written

#: In a URL, and in the key=value form of a conninfo.
_PASSWORDS = (
    re.compile(r"(?<=://)([^:@/]*):[^@/]*(?=@)"),
    re.compile(r"(\w*password)\s*=\s*('[^']*'|[^\s&]*)"),
)


def settings_command(given: Question) -> None:
    """Print the settings in force and where each came from, without secrets."""
    settings = given.settings()
    if given.as_json:
        json.dump(as_data(settings), sys.stdout, indent=2)
        sys.stdout.write("\n")
        return
    table = Table("setting", "value", "from", "in the environment", box=None)
    for key in keys():
        table.add_row(key, escape(shown(settings, key)), settings.sources[key].value, variable(key))
    console = Console()
    console.print(table)
    console.print(f"settings file: {escape(str(settings.config)) if settings.config else 'none'}")


def as_data(settings: Settings) -> dict[str, Any]:
    """Every setting by its name, with its value as shown and its source."""
    found = {
        key: {"value": shown(settings, key), "source": settings.sources[key].value, "variable": variable(key)}
        for key in keys()
    }
    return {"file": str(settings.config) if settings.config else None, "settings": found}


def shown(settings: Settings, key: str) -> str:
    """A value for people to see. Of a database's URL all but its passwords; of other secrets nothing."""
    value = value_of(settings, key)
    if value is None:
        return ""
    if isinstance(value, Secret) or key in secret_keys():
        return without_passwords(value.text) if key == "database.url" else "(set)"
    return written(value)


def without_passwords(url: str) -> str:
    in_url, in_pairs = _PASSWORDS
    return in_pairs.sub(r"\1=***", in_url.sub(r"\1:***", url))
