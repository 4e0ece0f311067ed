"""Everybody of a region, as they truly are, and what trusts hold of them."""

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count

from benchmarks.population import SOURCE, TODAY, lines
from exchange.people.bulk import COLUMNS, line_of
from exchange.people.numbers import is_nhs_number
from exchange.people.person import Demographics, Identifier, NumberStatus, Record
from exchange.people.statements import Merged

#: Of people, those whom no trust has told us of; and those whose NHS number is their second.
UNKNOWN, RENUMBERED = 0.02, 0.02


@dataclass(eq=False, slots=True)
class Someone:
    """Who somebody really is, and what trusts hold of them."""

    records: list[Record]
    is_known: bool = True  # to the directory
    former_number: str = ""  # superseded

    @property
    def nhs_number(self) -> str:
        """Empty where no trust holds one."""
        return next((each.nhs_number for each in self.records if each.nhs_number), "")

    @property
    def said(self) -> Demographics:
        """What is true of them."""
        return self.records[0].demographics

    @property
    def is_verified(self) -> bool:
        """Whether any trust that told us of them has traced their number."""
        return self.is_known and any(each.status is NumberStatus.VERIFIED for each in self.records)

    def record(self, chance: random.Random) -> Record:
        """Of the trust at which a study is made."""
        return chance.choice(self.records)


class Region:
    """Everybody, and chance: the same for the same seed."""

    def __init__(self, people: int, seed: int) -> None:
        self.chance = random.Random(seed)
        records = [
            line_of(dict(zip(COLUMNS, each, strict=True)), SOURCE).record for each in lines(people, seed)
        ]
        by_person: dict[object, list[Record]] = defaultdict(list)
        for each in sorted(records, key=lambda each: not each.nhs_number):
            who = each.demographics.name, each.demographics.birth_date, each.demographics.address
            mine: object = each.nhs_number or who
            if each.nhs_number:
                by_person.setdefault(who, by_person[mine])
            by_person[mine].append(each)
        self.people = [Someone(each) for each in {id(each): each for each in by_person.values()}.values()]
        self.homes: dict[object, list[Someone]] = defaultdict(list)
        self.born: dict[str, list[Someone]] = defaultdict(list)
        numbers = unused_numbers()
        for someone in self.people:
            self.homes[someone.said.address].append(someone)
            self.born[someone.said.birth_date].append(someone)
            someone.is_known = self.chance.random() >= UNKNOWN
            if someone.is_verified and self.chance.random() < RENUMBERED:
                someone.former_number = next(numbers)

    def anybody(self) -> Someone:
        """One of them."""
        return self.chance.choice(self.people)

    def relative_of(self, someone: Someone) -> Someone:
        """A twin before all, else somebody of the household, else anybody."""
        home = [each for each in self.homes[someone.said.address] if each is not someone]
        twins = [each for each in home if each.said.birth_date == someone.said.birth_date]
        return self.chance.choice(twins or home or [self.anybody()])

    def said(self) -> Iterator[Record | Merged]:
        """What the directory is told."""
        for someone in self.people:
            if someone.is_known:
                yield from someone.records
                if someone.former_number:
                    yield Merged(Identifier.nhs(someone.former_number), Identifier.nhs(someone.nhs_number))

    def is_unusual(self, someone: Someone) -> bool:
        """A twin or a newborn."""
        home = self.homes[someone.said.address]
        is_twin = any(e is not someone and e.said.birth_date == someone.said.birth_date for e in home)
        return is_twin or someone.said.birth_date > f"{TODAY - timedelta(days=42):%Y%m%d}"


def unused_numbers() -> Iterator[str]:
    """NHS numbers of nobody: the range that is kept for tests."""
    yield from (str(each) for each in count(9_990_000_000) if is_nhs_number(str(each)))
