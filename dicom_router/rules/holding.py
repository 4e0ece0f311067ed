"""Whether a study is complete: what is waited for, and whether it has come. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dicom_router.rules.rule import Hold


@dataclass(frozen=True, slots=True)
class Performed:
    """What modalities said of the steps that made a study (PS3.4 §F.7)."""

    ended: int = 0  # COMPLETED or DISCONTINUED: no more will come of them
    under_way: int = 0
    missing: int = 0  # instances that ended steps list and that are not here


@dataclass(frozen=True, slots=True)
class Gathered:
    """What is here of a study that is held."""

    opened_at: datetime  # first instance since it was last sent
    latest_at: datetime  # newest instance
    instances: int
    expected: int | None = None  # as the instances say
    performed: Performed = Performed()


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether it may go, and why, or why not."""

    is_complete: bool
    because: str


#: A modality may end a step without a list of instances: the last are then a moment behind.
SETTLED_S = 10


def standing(holds: Iterable[Hold], gathered: Gathered, now: datetime) -> Standing:
    """Complete once every hold is over."""
    because = "nothing is waited for"
    for hold in holds:
        one = _standing(hold, gathered, now)
        if not one.is_complete:
            return one
        because = one.because
    return Standing(True, because)


def may_be_over(hold: Hold, opened_at: datetime, latest_at: datetime, now: datetime) -> bool:
    """Whether a hold can be over by the clock, or by what is to be counted first."""
    if hold.is_mpps or hold.count is not None or hold.count_from is not None:
        return True
    quiet = timedelta(seconds=hold.quiet_s or 0)
    return now - latest_at >= quiet or now - opened_at >= timedelta(seconds=hold.at_most_s)


def _standing(hold: Hold, gathered: Gathered, now: datetime) -> Standing:
    if now - gathered.opened_at >= timedelta(seconds=hold.at_most_s):
        return Standing(True, f"not complete after {hold.at_most_s} s: it goes as it is")
    quiet_s = (now - gathered.latest_at).total_seconds()
    waits: list[str] = []
    if hold.quiet_s is not None:
        if quiet_s >= hold.quiet_s:
            return Standing(True, f"quiet for {hold.quiet_s} s")
        waits.append(f"to be quiet for {hold.quiet_s} s")
    if hold.is_mpps:
        performed = gathered.performed
        is_done = performed.ended and not performed.under_way and not performed.missing
        if is_done and quiet_s >= SETTLED_S:
            return Standing(True, "the modality's steps have ended")
        if is_done:
            waits.append("to settle")
        elif performed.ended and not performed.under_way:
            waits.append(f"for {performed.missing} instances that the modality listed")
        else:
            waits.append("for the modality's steps to end")
    expected = hold.count if hold.count is not None else gathered.expected if hold.count_from else None
    if expected is not None and gathered.instances >= expected:
        return Standing(True, f"all {expected} instances are here")
    if hold.count is not None or hold.count_from is not None:
        how_many = expected or "as many as it says"
        waits.append(f"for {how_many} instances, of which {gathered.instances} are here")
    return Standing(False, "it waits " + ", or ".join(waits))


def to_json(hold: Hold) -> dict[str, Any]:
    """As the database keeps it."""
    return {
        "quiet_s": hold.quiet_s,
        "mpps": hold.is_mpps,
        "count": hold.count,
        "count_from": list(hold.count_from) if hold.count_from else None,
        "at_most_s": hold.at_most_s,
    }


def from_json(kept: dict[str, Any]) -> Hold:
    """The same again."""
    source = kept["count_from"]
    return Hold(
        kept["quiet_s"], kept["mpps"], kept["count"], tuple(source) if source else None, kept["at_most_s"]
    )
