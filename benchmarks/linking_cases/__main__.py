"""Whose study it is, decided of generated cases: `python -m benchmarks.linking_cases`.

It makes 20,000 people (benchmarks.population: households, twins, sons who are called as their fathers,
numbers that every trust gives out) and 10,000 studies. It prints how many were linked, how many go to people,
and each study that was linked to somebody else; with one, it fails.
"""

import argparse
import sys
from collections.abc import Sequence

from benchmarks.linking_cases.directory import Directory
from benchmarks.linking_cases.outcome import Outcome, report
from benchmarks.linking_cases.region import Region
from benchmarks.linking_cases.studies import Studies

CASES, PEOPLE = 10_000, 20_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Decide all, and print what became of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--quick", action="store_true", help="a tenth of it")
    given = parser.parse_args(arguments)
    size = 10 if given.quick else 1
    region = Region(given.people // size, given.seed)
    directory, studies, outcome = Directory(region), Studies(region), Outcome()
    for case in studies.made(given.cases // size):
        outcome.note(case, directory.decide(case.identities), lambda id: directory.people[id].nhs_number)
    sys.stdout.write(report(outcome, studies.left_out) + "\n")
    if outcome.wrong:
        sys.exit(1)


if __name__ == "__main__":
    main()
