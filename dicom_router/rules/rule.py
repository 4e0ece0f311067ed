"""Routing rules: what a rule looks at and what it does. Values only; the text of a rule file becomes them in
rule_parsing, and rule_matching says which hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from dicom_router.rules.coercion import Coercion
from dicom_router.rules.criteria import Criteria
from exchange.deliveries import Priority
from storage.query import Path

#: How long a hold lasts that does not say it.
AT_MOST_S = 3600

#: From what can wait to what cannot.
URGENCY: Sequence[Priority] = (Priority.LOW, Priority.MEDIUM, Priority.HIGH)


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing is sent until the study is complete: until the first of these holds."""

    quiet_s: int | None = None  # no instance has come for so long
    is_mpps: bool = False  # the modality's steps have ended, and what they list is here
    count: int | None = None  # so many instances are here
    count_from: Path | None = None  # so many as this attribute of the instances says
    at_most_s: int = AT_MOST_S  # and then it goes as it is, and says so


@dataclass(frozen=True, slots=True)
class Send:
    """The whole study, to one destination."""

    to: str
    transfer_syntax: str | None = None  # written anew in this one, never lossy; None: as it is kept


class Same(Enum):
    """What makes an earlier study of the patient relevant."""

    MODALITY = "modality"
    BODY_PART = "body_part"


@dataclass(frozen=True, slots=True)
class Prefetch:
    """The patient's earlier studies, newest first, to a workstation."""

    to: str
    same: frozenset[Same] = frozenset()
    at_most: int = 3
    within_days: int | None = None  # before the study that brings them


@dataclass(frozen=True, slots=True)
class Rule:
    """What is done with the studies that match."""

    name: str
    criteria: Criteria
    sends: tuple[Send, ...] = ()
    prefetches: tuple[Prefetch, ...] = ()
    priority: Priority = Priority.MEDIUM
    hold: Hold | None = None


@dataclass(frozen=True, slots=True)
class RuleSet:
    """One rule file. Rules hold together, in any order; coercions apply in the order a peer names them."""

    rules: tuple[Rule, ...] = ()
    coercions: Mapping[str, Coercion] = field(default_factory=dict)
