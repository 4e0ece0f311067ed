"""The queue's own tables: procrastinate ships them in its wheel, and changes them with its versions."""

from importlib.util import find_spec
from pathlib import Path

#: Before each of its file names where we note what was applied.
PREFIX = "procrastinate/"


def queue_files() -> list[tuple[str, str]]:
    """Every migration of the installed version, in its order."""
    return [
        (PREFIX + path.name, path.read_text()) for path in sorted((_folder() / "migrations").glob("*.sql"))
    ]


def whole_schema() -> str:
    """What all of them come to, for a database that has none: as its documentation wants it."""
    return (_folder() / "schema.sql").read_text()


def _folder() -> Path:
    found = find_spec("procrastinate")  # without importing it: a start of every process would wait for it
    assert found is not None
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0]) / "sql"
