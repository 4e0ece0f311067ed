"""A person's word about several things at once: replayed, cancelled."""

import sys
from collections.abc import Callable, Iterable

from imx.commands.options import Decision
from imx.commands.printing import print_rows


def decide_all(
    numbers: Iterable[int], act: Callable[[int, str], str], done: str, whom: str, given: Decision
) -> None:
    """Each by its number; what was done, and for whom each of them is."""
    by = given.who()
    rows = [{"number": each, whom: act(each, by), "decision": done} for each in numbers]
    if given.as_json:
        print_rows(rows, given.as_json)
    else:
        sys.stdout.write(f"{len(rows)} {done}\n")
