"""Files that somebody names on the command line."""

from collections.abc import Iterable, Iterator
from pathlib import Path


def files_in(paths: Iterable[Path]) -> Iterator[Path]:
    """The files named, and those of every folder named, in order; hidden ones are left out."""
    for path in paths:
        if path.is_dir():
            yield from files_in(sorted(child for child in path.iterdir() if not child.name.startswith(".")))
        else:
            yield path
