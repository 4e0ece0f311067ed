"""What rules want done with a study: their acts put together, for each destination. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from dicom_router.rules.criteria import Facts, holds
from dicom_router.rules.rule import Hold, Prefetch, Rule, RuleSet
from exchange.deliveries import Priority

#: From what can wait to what cannot.
_URGENCY = (Priority.LOW, Priority.MEDIUM, Priority.HIGH)


@dataclass(frozen=True, slots=True)
class Wish:
    """A study at one destination."""

    rules: tuple[str, ...]  # by name, in the order of the file
    priority: Priority
    transfer_syntax: str | None = None
    holds: tuple[Hold, ...] = ()  # it is sent once all of them are over


@dataclass(frozen=True, slots=True)
class Priors:
    """The patient's earlier studies at one workstation."""

    rule: str
    priority: Priority
    prefetch: Prefetch


@dataclass(frozen=True, slots=True)
class Wishes:
    """By destination."""

    sends: Mapping[str, Wish] = field(default_factory=dict)
    priors: Mapping[str, Priors] = field(default_factory=dict)


def matching(rules: RuleSet, instances: Iterable[Facts]) -> list[Rule]:
    """The rules that one of these instances meets, in the order of the file."""
    known = tuple(instances)
    return [rule for rule in rules.rules if any(holds(rule.criteria, each) for each in known)]


def wishes(rules: RuleSet, instances: Iterable[Facts]) -> Wishes:
    """What is wanted of a study that these instances have come to."""
    sends: dict[str, Wish] = {}
    priors: dict[str, Priors] = {}
    for rule in matching(rules, instances):
        for send in rule.sends:
            wish = Wish((rule.name,), rule.priority, send.transfer_syntax, (rule.hold,) if rule.hold else ())
            earlier = sends.get(send.to)
            sends[send.to] = together(earlier, wish) if earlier else wish
        for prefetch in rule.prefetches:
            priors.setdefault(prefetch.to, Priors(rule.name, rule.priority, prefetch))
    return Wishes(sends, priors)


def together(one: Wish, other: Wish) -> Wish:
    """Both: as urgent as the more urgent, and held as long as the longer. `one` chooses the syntax."""
    return replace(
        one,
        rules=tuple(dict.fromkeys((*one.rules, *other.rules))),
        priority=max(one.priority, other.priority, key=_URGENCY.index),
        transfer_syntax=one.transfer_syntax or other.transfer_syntax,
        holds=tuple(dict.fromkeys((*one.holds, *other.holds))),
    )
