"""Figures and verdicts of the benchmarks, on runs that nobody had to wait for."""

import pytest

from benchmarks.figures import Bar, Spread, ratio, table
from benchmarks.ingest import BARS, Timing, report, verdicts


def test_a_ratio_is_of_runs_of_the_same_round() -> None:
    assert ratio([1, 2, 9], [2, 4, 6]) == Spread(middle=0.5, least=0.5, most=1.5)


@pytest.mark.parametrize(("reached", "word"), [(0.5, "met"), (0.51, "NOT MET")])
def test_a_bar_is_met_up_to_what_it_says(reached: float, word: str) -> None:
    assert Bar(0.5, "what").verdict(Spread(reached, 0, 9)).startswith(f"{word}: what")


def test_a_table_is_markdown() -> None:
    assert table(("a", "bb"), [("ccc", "d")]) == "| a   | bb |\n| --- | -- |\n| ccc | d  |"


def test_every_bar_has_its_verdict_and_every_receiver_its_row() -> None:
    timings = [
        Timing(receiver, case, seconds, cpu_s=1)
        for case, _ in BARS
        for receiver, seconds in (("imx", 1.0), ("Orthanc", 100.0), ("storescp", 0.5))
    ]

    assert len(verdicts(timings)) == len(BARS)
    assert all(line.startswith("met") for line in verdicts(timings))
    assert len(report(timings).splitlines()) == 2 + 3 * len(BARS)
