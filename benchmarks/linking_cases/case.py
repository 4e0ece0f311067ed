"""A study whose truth is known, and what it says."""

import random
from dataclasses import dataclass, field

from benchmarks.linking_cases.region import Someone
from benchmarks.population import TODAY
from exchange.linking.link import StudyIdentity
from exchange.people.person import Identifier


@dataclass(slots=True)
class Case:
    """A study, while it is damaged."""

    whose: Someone
    numbers: list[Identifier]
    trust: str
    family: str
    given: str
    birth_date: str
    sex: str
    separator: str = "^"
    damage: list[str] = field(default_factory=list)
    also: list["Case"] = field(default_factory=list)

    @property
    def identities(self) -> tuple[StudyIdentity, ...]:
        """What the study says."""
        name = self.separator.join(part for part in (self.family, self.given)) if self.family else ""
        mine = StudyIdentity(
            tuple(dict.fromkeys(self.numbers)), name, self.birth_date, self.sex, self.trust,
            self.whose.said.postcode, f"{TODAY:%Y%m%d}",
        )  # fmt: skip
        return (mine, *(identity for each in self.also for identity in each.identities))

    def could_be(self, other: Someone) -> bool:
        """Whether all that it says is true of somebody."""
        mine = {each.identifier for each in other.records}
        mine |= {Identifier.nhs(each) for each in (other.nhs_number, other.former_number) if each}
        name = other.said.name
        return (
            bool(self.numbers)
            and set(self.numbers) <= mine
            and self.family.casefold() == name.family.casefold()
            and self.given.split(" ")[0].casefold() == name.given[0].casefold()
            and self.sex in (other.said.sex.value, "", "O")
        )


def clean(someone: Someone, chance: random.Random) -> Case:
    """A study that says what is true, by the number of a trust, its NHS number, or both."""
    record, said = someone.record(chance), someone.said
    numbers = [record.identifier]
    if someone.nhs_number and chance.random() < 0.4:
        numbers.append(Identifier.nhs(someone.former_number or someone.nhs_number))
        if chance.random() < 0.3:
            numbers = numbers[1:]
    given = " ".join(said.name.given[: chance.choice((1, 1, 2))])
    case = Case(
        someone, numbers, record.identifier.issuer, said.name.family, given, said.birth_date, said.sex.value
    )
    if chance.random() < 0.8:
        case.family, case.given = case.family.upper(), case.given.upper()
    return case
