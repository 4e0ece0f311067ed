"""What a subscriber holds of a study, what it should hold, and the steps from the one to the other. Pure.

A subscriber never holds the same thing of two people: what it holds of the old person is retracted before
anything of the new one is told.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any
from uuid import UUID

#: What a thing says, as its subscriber takes it: a resource, or the fields of a message.
Content = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that a subscriber was told and holds; or may hold, where nobody heard its answer."""

    key: str  # which of a study's: "study", "document", "report/…"
    number: str  # NHS number of whom
    person: UUID  # their uid in the directory
    digest: str  # of what was said
    notes: tuple[
        str, ...
    ] = ()  # what its adapter has to know to replace or retract it, of each that may be there
    is_certain: bool = True

    @property
    def of(self) -> tuple[str, str]:
        """Which thing of whom: of the same, a subscriber holds one."""
        return self.key, self.number


@dataclass(frozen=True, slots=True)
class Saying:
    """Something that a subscriber should hold."""

    key: str
    number: str
    person: UUID
    content: Content
    note: str = ""  # of Thing.notes

    @property
    def digest(self) -> str:
        """Of what is said, whatever the order of its members."""
        said = json.dumps(self.content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(said.encode()).hexdigest()

    def as_thing(self, note: str = "", *, is_certain: bool = True) -> Thing:
        """Once it is told."""
        notes = tuple(filter(None, [note or self.note]))
        return Thing(self.key, self.number, self.person, self.digest, notes, is_certain)


class Act(Enum):
    """What a step does at the subscriber."""

    RETRACT = "retracted"
    REPLACE = "replaced"
    TELL = "told"


@dataclass(frozen=True, slots=True)
class Step:
    """One act."""

    act: Act
    before: Thing | None = None  # of what is retracted or replaced
    saying: Saying | None = None  # of what is told or replaces

    @property
    def key(self) -> str:
        """Which thing it is about."""
        return self._about.key

    @property
    def number(self) -> str:
        """NHS number of whom it is."""
        return self._about.number

    @property
    def person(self) -> UUID:
        """Whose."""
        return self._about.person

    @property
    def _about(self) -> "Thing | Saying":
        about = self.before or self.saying
        assert about is not None
        return about


def difference(held: Sequence[Thing], sayings: Sequence[Saying]) -> tuple[Step, ...]:
    """What is still to be done, in order: all that is retracted before anything that is told.

    What a subscriber may or may not hold is retracted or told again; and so is what stands in the place of
    something retracted, whatever its retraction takes away with it.
    """
    wanted = {(each.key, each.number): each for each in sayings}
    known = {each.of: each for each in held}
    retracted = [Step(Act.RETRACT, before=each) for each in held if each.of not in wanted]
    moved = {each.key for each in retracted}
    said = []
    for of, saying in wanted.items():
        before = known.get(of)
        if before is None:
            said.append(Step(Act.TELL, saying=saying))
        elif not before.is_certain or before.digest != saying.digest or saying.key in moved:
            said.append(Step(Act.REPLACE, before, saying))
    return (*retracted, *said)


def in_doubt(held: Sequence[Thing], steps: Iterable[Step]) -> tuple[Thing, ...]:
    """What a subscriber may hold from the moment at which the first of these steps is begun."""
    things = {each.of: each for each in held}
    for step in steps:
        if step.before is not None:
            new = [step.saying.note] if step.saying is not None else []
            notes = tuple(dict.fromkeys(filter(None, (*step.before.notes, *new))))
            things[step.before.of] = replace(step.before, notes=notes, is_certain=False)
        elif step.saying is not None:
            things[step.key, step.number] = step.saying.as_thing(is_certain=False)
    return tuple(things.values())


def after(held: Sequence[Thing], step: Step, note: str = "") -> tuple[Thing, ...]:
    """What a subscriber holds once it has answered for a step. `note` is what that answer said of it."""
    things = {each.of: each for each in held}
    things.pop((step.key, step.number), None)
    if step.saying is not None:
        things[step.saying.key, step.saying.number] = step.saying.as_thing(note)
    return tuple(things.values())
