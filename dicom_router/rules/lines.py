"""Where each key of a TOML text stands, so that an error about its meaning can name the line.

tomllib tells lines of syntax errors only. Each statement of TOML (a header, or a key and its value) is a
document by itself, so tomllib itself finds where one ends: no second grammar, and nothing to disagree.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

#: Keys and, in arrays of tables, places: ("rule", 2, "match", "modality").
Where = tuple[str | int, ...]

_AT_LINE = re.compile(r"at line (\d+), column \d+\)$")


class Malformed(Exception):
    """No TOML."""

    def __init__(self, line: int, because: str) -> None:
        super().__init__(because)
        self.line = line
        self.because = because


def read_toml(text: str) -> dict[str, Any]:
    """What it says. Raises Malformed."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        said = str(error)
        found = _AT_LINE.search(said)
        last = text.count("\n") + (not text.endswith("\n"))
        because = said[: said.rfind(" (at ")] if " (at " in said else "cannot be read"
        raise Malformed(int(found[1]) if found else max(last, 1), because) from error


def lines_of(text: str) -> dict[Where, int]:
    """The line of every table and key of a text that is TOML, counted from one."""
    lines: dict[Where, int] = {}
    table: Where = ()
    counted: Counter[Where] = Counter()
    for first, written in _statements(text):
        statement = tomllib.loads("\n".join(written))
        if written[0].lstrip().startswith("["):
            table = _resolve(_header(statement), statement, counted)
            lines.setdefault(table, first)
            if isinstance(table[-1], int):
                lines.setdefault(table[:-1], first)
        else:
            for where, line in _keys_by_line(written):
                lines.setdefault((*table, *where), first + line)
    return lines


def line_of(lines: Mapping[Where, int], where: Where) -> int:
    """Of a key, or of the nearest that is written down around it."""
    while where and where not in lines:
        where = where[:-1]
    return lines.get(where, 1)


def _statements(text: str) -> Iterator[tuple[int, list[str]]]:
    """The lines of each, and where it begins."""
    gathered: list[str] = []
    started = 1
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if not gathered:
            started = number
        gathered.append(line)
        try:
            statement = tomllib.loads("\n".join(gathered))
        except ValueError:
            continue
        if statement:
            yield started, gathered
        gathered = []


def _header(statement: Mapping[str, Any]) -> Where:
    """The keys of a header that stands alone."""
    found: list[str] = []
    inner: Any = statement
    while inner:
        if isinstance(inner, list):
            inner = inner[0]
            continue
        ((key, inner),) = inner.items()
        found.append(key)
    return tuple(found)


def _resolve(keys: Where, statement: Mapping[str, Any], counted: Counter[Where]) -> Where:
    """With the places in arrays of tables: a header speaks of the last one."""
    inner: Any = statement
    where: Where = ()
    for at, key in enumerate(keys):
        where = (*where, key)
        inner = inner[key]
        is_last = at == len(keys) - 1
        if is_last and isinstance(inner, list):
            counted[where] += 1
        if counted[where]:
            where = (*where, counted[where] - 1)
    return where


def _keys_by_line(written: list[str]) -> Iterator[tuple[Where, int]]:
    """Every key of a statement, those of inline tables too, and on which of its lines: an array that goes on
    is closed after each line, to see what it holds by then."""
    for line in range(len(written) - 1):
        try:
            begun = tomllib.loads("\n".join([*written[: line + 1], "]"]))
        except ValueError:
            continue
        yield from ((where, line) for where in _keys(begun) if len(where) > 1 or line == 0)
    whole = tomllib.loads("\n".join(written))
    yield from ((where, 0 if len(where) == 1 else len(written) - 1) for where in _keys(whole))


def _keys(statement: Mapping[str, Any]) -> Iterator[Where]:
    """Every key of a statement, those of inline tables too."""
    for key, value in statement.items():
        yield (key,)
        yield from ((key, *rest) for rest in _within(value))


def _within(value: object) -> Iterator[Where]:
    if isinstance(value, Mapping):
        yield from _keys(value)
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield (place,)
            yield from ((place, *rest) for rest in _within(each))
