"""Figures out of repeated runs: a median with its spread, a ratio of pairs, and whether a bar is met."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle of several runs, and the least and most of them."""

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Raises ValueError when there is nothing to look at."""
        return cls(median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{self.middle:.3g} ({self.least:.3g} to {self.most:.3g})"


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Ours over theirs, each run of ours against theirs of the same round."""
    return Spread.of([mine / other for mine, other in zip(ours, theirs, strict=True)])


@dataclass(frozen=True, slots=True)
class Bar:
    """What we promise of a ratio."""

    at_most: float
    what: str

    def verdict(self, reached: Spread) -> str:
        """By the median; the spread is printed beside it."""
        word = "met" if reached.middle <= self.at_most else "NOT MET"
        return f"{word}: {self.what}: {reached}, at most {self.at_most:.3g}"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """In Markdown, so that it can go into docs/benchmarks.md as it is."""
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    ruled = [heads, ["-" * width for width in widths], *rows]
    return "\n".join("| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in ruled)
