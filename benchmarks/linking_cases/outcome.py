"""What became of the cases, and what is printed of it."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.figures import table
from benchmarks.linking_cases.case import Case
from exchange.linking.link import Decided, LinkState


@dataclass(slots=True)
class Outcome:
    """What became of the cases."""

    states: Counter[LinkState] = field(default_factory=Counter)
    by_damage: dict[str, Counter[LinkState]] = field(default_factory=lambda: defaultdict(Counter))
    wrong: list[str] = field(default_factory=list)
    could_link: int = 0  # undamaged studies of people with a verified number
    linked_of_those: int = 0
    proposed: int = 0  # of those that go to people and whose person is known: that person is proposed

    def note(self, case: Case, decided: Decided, number_of: Callable[[int], str]) -> None:
        """One more. `number_of` says which NHS number somebody of the directory has, "" for none."""
        self.states[decided.state] += 1
        for name in case.damage or ["undamaged"]:
            self.by_damage[name][decided.state] += 1
        if not case.damage and case.whose.is_verified:
            self.could_link += 1
            self.linked_of_those += decided.state is LinkState.LINKED
        if decided.person_id is not None and number_of(decided.person_id) != case.whose.nhs_number:
            self.wrong.append(", ".join(case.damage) or "undamaged")
        if decided.person_id is None and case.whose.nhs_number in map(number_of, decided.proposed):
            self.proposed += 1

    @property
    def for_people(self) -> int:
        """Those that somebody decides."""
        return sum(self.states.values()) - self.states[LinkState.LINKED]


def report(outcome: Outcome, left_out: int) -> str:
    """What is printed."""
    total = sum(outcome.states.values())
    rows = [
        (name, str(sum(found.values())), *(str(found[state]) for state in LinkState))
        for name, found in sorted(outcome.by_damage.items(), key=lambda pair: -sum(pair[1].values()))
    ]
    heads = ("what was wrong with the study", "studies", *(state.value for state in LinkState))
    return "\n".join(
        [
            table(heads, rows),
            "",
            f"studies: {total:,}; linked: {outcome.states[LinkState.LINKED] / total:.1%};"
            f" to people: {outcome.for_people / total:.1%}",
            f"of undamaged studies of people with a verified number: {outcome.linked_of_those:,} of"
            f" {outcome.could_link:,} linked",
            f"of those for people, the right person is proposed in {outcome.proposed:,} of"
            f" {outcome.for_people:,}",
            f"left out as another person's in full: {left_out}",
            f"linked to somebody else: {len(outcome.wrong)}",
            *(f"  wrong: {each}" for each in outcome.wrong),
        ]
    )
