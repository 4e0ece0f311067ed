"""What the source has against what is kept: pure decisions, of one study."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dicom_router.pulling.jobs import Reckoning, State
from dicom_router.pulling.source import SeriesThere, Wanted
from storage.holdings import Holdings

#: Missing instances that are named, of one series; the report counts the others.
NAMED = 20


def missing(there: Sequence[SeriesThere], kept: Holdings, *, whole: bool = False) -> list[Wanted]:
    """What to ask for, series by series.

    A series is asked for as a whole where nothing of it is here, where the source counts more than it
    lists, and where `whole` says that asking for single instances has not helped.
    """
    wanted = []
    for series in there:
        here = kept.of(series.uid)
        lacking = tuple(each for each in series.instances if each.uid not in here)
        is_unlisted = len(series.instances) < series.expected and len(here) < series.expected
        if lacking or is_unlisted:
            is_whole = whole or is_unlisted or len(lacking) == len(series.instances)
            wanted.append(Wanted(series.uid, series.instances if is_whole else lacking, is_whole))
    return wanted


def named_missing(there: Sequence[SeriesThere], kept: Holdings) -> list[str]:
    """Every instance that the source lists and we lack."""
    return [each.uid for series in there for each in series.instances if each.uid not in kept.of(series.uid)]


def reckon(
    study_uid: str,
    said: int | None,
    there: Sequence[SeriesThere],
    kept: Holdings,
    refusals: Mapping[str, str],
    answer: str,
) -> Reckoning:
    """How a study ends. `said` counts it in the list of studies; `refusals` is why instances were not kept;
    `answer` is what the source said when it did not say success."""
    expected = max(sum(series.expected for series in there), said or 0)
    held = sum(_held(series, kept) for series in there)
    if there and held >= expected:
        return Reckoning(study_uid, State.HELD, expected, held)
    short = [_short(series, kept) for series in there if _held(series, kept) < series.expected]
    because = "; ".join(_reasons(said, there, kept, refusals, answer))
    return Reckoning(study_uid, State.SHORT, expected, held, because, short)


def _held(series: SeriesThere, kept: Holdings) -> int:
    """Of those it counts: what is listed by its UID, what is not by its number."""
    listed = {each.uid for each in series.instances}
    here = kept.of(series.uid)
    unlisted = max(series.expected - len(listed), 0)
    return len(listed & here) + min(unlisted, len(here - listed))


def _short(series: SeriesThere, kept: Holdings) -> dict[str, Any]:
    lacking = named_missing([series], kept)
    return {
        "series": series.uid,
        "expected": series.expected,
        "held": _held(series, kept),
        "missing": lacking[:NAMED],
    }


def _reasons(
    said: int | None,
    there: Sequence[SeriesThere],
    kept: Holdings,
    refusals: Mapping[str, str],
    answer: str,
) -> list[str]:
    reasons = []
    if not there:
        reasons.append("the source lists nothing of it")
    lacking = named_missing(there, kept)
    kinds = Counter(refusals.get(uid, "not sent, though the source lists it") for uid in lacking)
    reasons += [f"{number} {why}" for why, number in kinds.most_common()]
    unlisted = sum(
        series.expected - max(len(series.instances), len(kept.of(series.uid)))
        for series in there
        if len(series.instances) < series.expected and len(kept.of(series.uid)) < series.expected
    )
    if unlisted > 0:
        reasons.append(f"{unlisted} counted by the source and not listed")
    counted = sum(series.expected for series in there)
    if there and said is not None and said > counted:
        reasons.append(f"its list of studies counts {said}, its series come to {counted}")
    return [*reasons, answer] if answer else reasons
