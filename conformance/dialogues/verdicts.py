"""What a dialogue shows: that the peer keeps to the standard, that it does not, or does not offer this."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

Peer = TypeVar("Peer")


class Verdict(Enum):
    """What came of one dialogue."""

    HOLDS = "holds"
    BROKEN = "BROKEN"
    NOT_OFFERED = "not offered"  # declined as the standard allows
    NOT_ASKED = "not asked"  # for want of data, or since nothing may be written


class Broken(Exception):
    """The peer does otherwise than the standard says; its text says how, without patient data."""


class NotOffered(Exception):
    """The peer declines, as it may."""


class NotAsked(Exception):
    """There is nothing there to ask about."""


class Unreachable(Exception):
    """Nobody answers at the address, or not to us: no dialogue can be had."""


@dataclass(frozen=True, slots=True)
class Dialogue(Generic[Peer]):
    """One, with what it is about and where the standard says so."""

    name: str
    section: str
    run: Callable[[Peer], None]
    writes: bool = False  # it sends what we made, and says so


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of a dialogue with one peer."""

    name: str
    section: str
    verdict: Verdict
    because: str = ""


def hold(is_so: object, otherwise: str) -> None:
    """Raise Broken unless it is so."""
    if not is_so:
        raise Broken(otherwise)


#: Of an answer that is not in the form it should have.
_UNREADABLE: tuple[type[Exception], ...] = (ValueError, LookupError, TypeError, AttributeError)


def converse(
    peer: Peer, dialogues: Iterable[Dialogue[Peer]], faults: tuple[type[Exception], ...], *, may_write: bool
) -> list[Finding]:
    """Have them one after another; each says for itself, whatever came of those before.

    `faults` are what the peer's client raises when an answer does not come, or is none.
    """
    return [_have(peer, dialogue, faults, may_write) for dialogue in dialogues]


def _have(
    peer: Peer, dialogue: Dialogue[Peer], faults: tuple[type[Exception], ...], may_write: bool
) -> Finding:
    verdict, because = Verdict.HOLDS, ""
    if dialogue.writes and not may_write:
        verdict, because = Verdict.NOT_ASKED, "it would write: say --write"
    else:
        try:
            dialogue.run(peer)
        except Broken as error:
            verdict, because = Verdict.BROKEN, str(error)
        except NotOffered as error:
            verdict, because = Verdict.NOT_OFFERED, str(error)
        except NotAsked as error:
            verdict, because = Verdict.NOT_ASKED, str(error)
        except (*_UNREADABLE, *faults) as error:  # whose text could hold what was answered
            verdict, because = Verdict.BROKEN, f"the answer cannot be read: {type(error).__name__}"
    return Finding(dialogue.name, dialogue.section, verdict, because)


def as_text(peer: str, findings: Sequence[Finding]) -> str:
    """A line each, and how many of which."""
    width = max(len(each.name) for each in findings)
    lines = [f"{peer}:"]
    for each in findings:
        said = f"{each.verdict.value:12} {each.name:{width}}  {each.section}"
        lines.append(f"{said}  ({each.because})" if each.because else said)
    counts = (f"{sum(each.verdict is which for each in findings)} {which.value}" for which in Verdict)
    return "\n".join([*lines, ", ".join(counts)])


def as_json(peer: str, findings: Sequence[Finding]) -> str:
    """The same for programs."""
    rows = [
        {"name": each.name, "section": each.section, "verdict": each.verdict.value, "because": each.because}
        for each in findings
    ]
    return json.dumps({"peer": peer, "findings": rows}, indent=1)


def is_sound(findings: Iterable[Finding]) -> bool:
    """Nothing is broken."""
    return all(each.verdict is not Verdict.BROKEN for each in findings)
