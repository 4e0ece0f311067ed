"""Whose study it is, decided of generated cases whose truth is known: none may be linked to somebody else.

`python -m benchmarks.linking_cases` makes 20,000 people (benchmarks.population: households, twins, sons
who are called as their fathers, numbers that every trust gives out) and 10,000 studies. It prints how many
were linked, how many go to people, and each study that was linked to somebody else; with one, it fails.

Whoever makes a case knows whose the study is, and nothing of the rules. What the study says is damaged as it
is in real archives, each kind by itself at the rate that DAMAGE gives, so that kinds meet. A study that bears
another person's details in full (a twin's number with the twin's name) is that person's to whoever reads it:
none is made, and how many came up is printed.
"""

import argparse
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from uuid import UUID

from benchmarks.figures import table
from benchmarks.population import SOURCE, TODAY, TRUSTS, lines
from exchange.linking.link import Decided, LinkState, StudyIdentity
from exchange.linking.rules import Held, decide
from exchange.people.bulk import COLUMNS, line_of
from exchange.people.directory import Standing
from exchange.people.numbers import is_nhs_number
from exchange.people.person import Demographics, Identifier, Known, NumberStatus, Person, Record, Sensitivity
from exchange.people.statements import Merged

CASES, PEOPLE = 10_000, 20_000

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
        self.left_out = 0  # cases that were another person's in full
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

    def cases(self, number: int) -> Iterator[Case]:
        """Studies, damaged as they come."""
        unusual = [each for each in self.people if _is_unusual(each, self)]
        made = 0
        while made < number:
            someone = self.chance.choice(unusual) if unusual and made % 5 == 0 else self.anybody()
            case = self._case(someone)
            if self._is_anothers_in_full(case):
                self.left_out += 1
                continue
            made += 1
            yield case

    def _is_anothers_in_full(self, case: Case) -> bool:
        """Number, birth date, sex and name, of somebody else."""
        born = [each for each in self.born[case.birth_date] if each is not case.whose]
        return any(_could_be(case, each) for each in born)

    def _case(self, someone: Someone) -> Case:
        case = clean(someone, self.chance)
        for name, (rate, damage) in DAMAGE.items():
            if self.chance.random() < rate:
                damage(case, self)
                case.damage.append(name)
        return case


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


def _is_unusual(someone: Someone, region: Region) -> bool:
    """Twins and newborns: every fifth study is of one, or a fault would hide among the others."""
    home = region.homes[someone.said.address]
    is_twin = any(e is not someone and e.said.birth_date == someone.said.birth_date for e in home)
    return is_twin or someone.said.birth_date > f"{TODAY - timedelta(days=42):%Y%m%d}"


def _could_be(case: Case, other: Someone) -> bool:
    """Whether all that a case says is true of somebody."""
    mine = {each.identifier for each in other.records}
    mine |= {Identifier.nhs(each) for each in (other.nhs_number, other.former_number) if each}
    name = other.said.name
    return (
        bool(case.numbers)
        and set(case.numbers) <= mine
        and case.family.casefold() == name.family.casefold()
        and case.given.split(" ")[0].casefold() == name.given[0].casefold()
        and case.sex in (other.said.sex.value, "", "O")
    )


# Damage -----------------------------------------------------------------------------------------


def _another_digit(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text))
    return text[:at] + chance.choice([each for each in "0123456789" if each != text[at]]) + text[at + 1 :]


def _mistyped_number(case: Case, region: Region) -> None:
    """One digit of one number: another person's, or nobody's."""
    at = region.chance.randrange(len(case.numbers)) if case.numbers else None
    if at is not None:
        case.numbers[at] = replace(
            case.numbers[at], value=_another_digit(case.numbers[at].value, region.chance)
        )


def _numbers_of(other: Someone, case: Case, region: Region) -> None:
    case.numbers = list(clean(other, region.chance).numbers)


def _relatives_number(case: Case, region: Region) -> None:
    _numbers_of(region.relative_of(case.whose), case, region)


def _strangers_number(case: Case, region: Region) -> None:
    """A wrong wristband, a wrong line of a worklist, a number that was given to somebody new."""
    _numbers_of(region.anybody(), case, region)


def _one_strangers_number(case: Case, region: Region) -> None:
    case.numbers.append(region.relative_of(case.whose).record(region.chance).identifier)


def _no_number(case: Case, region: Region) -> None:
    case.numbers = []


def _other_trusts_issuer(case: Case, region: Region) -> None:
    """A number that counts in the wrong namespace: the peer's entry is wrong."""
    issuer = region.chance.choice(TRUSTS)
    case.numbers = [each if each.is_nhs else replace(each, issuer=issuer) for each in case.numbers]


def _initial(case: Case, region: Region) -> None:
    case.given = case.given[:1]


def _no_given(case: Case, region: Region) -> None:
    case.given = ""


def _no_name(case: Case, region: Region) -> None:
    case.family = case.given = ""


def _middle_name(case: Case, region: Region) -> None:
    case.given = case.whose.said.name.given[-1]


def _mistyped_given(case: Case, region: Region) -> None:
    if len(case.given) > 2:
        at = region.chance.randrange(1, len(case.given) - 1)
        case.given = case.given[:at] + case.given[at + 1] + case.given[at] + case.given[at + 2 :]


def _short_form(case: Case, region: Region) -> None:
    first = case.given.split(" ")[0].capitalize()
    case.given = SHORT_FORMS.get(first, case.given)


def _changed_family(case: Case, region: Region) -> None:
    case.family = region.anybody().said.name.family


def _doubled_family(case: Case, region: Region) -> None:
    case.family += "-" + region.anybody().said.name.family


def _swapped_names(case: Case, region: Region) -> None:
    case.family, case.given = case.given, case.family


def _no_separator(case: Case, region: Region) -> None:
    case.separator = " "


def _placeholder(case: Case, region: Region) -> None:
    case.given = region.chance.choice(
        ("BABY", "BABY BOY", "BABY GIRL", "TWIN 1", "TWIN 2", "INFANT", "UNKNOWN")
    )


def _relatives_given(case: Case, region: Region) -> None:
    """The twin's, the mother's: typed for the wrong one."""
    case.given = " ".join(region.relative_of(case.whose).said.name.given[:1])


def _no_birth_date(case: Case, region: Region) -> None:
    case.birth_date = ""


def _swapped_birth_date(case: Case, region: Region) -> None:
    if case.birth_date[6:] <= "12":
        case.birth_date = case.birth_date[:4] + case.birth_date[6:] + case.birth_date[4:6]


def _mistyped_birth_date(case: Case, region: Region) -> None:
    if case.birth_date:
        case.birth_date = _another_digit(case.birth_date, region.chance)


def _no_sex(case: Case, region: Region) -> None:
    case.sex = region.chance.choice(("", "O"))


def _other_sex(case: Case, region: Region) -> None:
    case.sex = {"F": "M", "M": "F"}.get(case.sex, "")


def _two_patients(case: Case, region: Region) -> None:
    """Instances of two people under one Study Instance UID."""
    case.also.append(clean(region.relative_of(case.whose), region.chance))


#: How often each happens to a study. The last ones may make it whole again: so it is in archives.
DAMAGE: Mapping[str, tuple[float, Callable[[Case, Region], None]]] = {
    "a stranger's number": (0.01, _strangers_number),
    "a relative's number": (0.02, _relatives_number),
    "one number more, a relative's": (0.005, _one_strangers_number),
    "a mistyped number": (0.02, _mistyped_number),
    "a number in another trust's namespace": (0.005, _other_trusts_issuer),
    "no number": (0.02, _no_number),
    "a relative's given name": (0.01, _relatives_given),
    "a short form": (0.04, _short_form),
    "an initial": (0.03, _initial),
    "the middle name": (0.02, _middle_name),
    "a mistyped given name": (0.01, _mistyped_given),
    "BABY or the like": (0.01, _placeholder),
    "no given name": (0.01, _no_given),
    "another family name": (0.03, _changed_family),
    "a second family name": (0.01, _doubled_family),
    "no separator": (0.01, _no_separator),
    "swapped names": (0.005, _swapped_names),
    "no name": (0.003, _no_name),
    "no birth date": (0.015, _no_birth_date),
    "day and month swapped": (0.005, _swapped_birth_date),
    "a mistyped birth date": (0.01, _mistyped_birth_date),
    "no sex": (0.05, _no_sex),
    "another sex": (0.005, _other_sex),
    "two patients": (0.005, _two_patients),
}

#: As people are called; not the rules' own table.
SHORT_FORMS = {
    "Margaret": "Maggie", "Patricia": "Pat", "Susan": "Sue", "Christine": "Chris", "Elizabeth": "Liz",
    "Rebecca": "Becky", "Jessica": "Jess", "Deborah": "Debbie", "Jacqueline": "Jackie", "Nicola": "Nikki",
    "Robert": "Bob", "David": "Dave", "Michael": "Mick", "Stephen": "Steve", "Christopher": "Chris",
    "James": "Jim", "Daniel": "Danny", "Matthew": "Matt", "Thomas": "Tom", "Joshua": "Josh", "Joseph": "Joe",
    "William": "Bill", "Samuel": "Sam", "Benjamin": "Ben", "Anthony": "Tony", "Philip": "Phil",
}  # fmt: skip


def unused_numbers() -> Iterator[str]:
    """NHS numbers of nobody: the range that is kept for tests."""
    yield from (str(each) for each in count(9_990_000_000) if is_nhs_number(str(each)))


# The directory, in memory ------------------------------------------------------------------------


class Directory:
    """What the directory holds of a region: the same as PostgreSQL would say, without it."""

    def __init__(self, region: Region) -> None:
        self.standings: dict[Identifier, Standing] = {}
        self.people: dict[int, Person] = {}
        self.by_birth_date: dict[str, list[Person]] = defaultdict(list)
        numbers = count(1)
        for someone in region.people:
            if someone.is_known:
                self._take(someone, numbers)

    def _take(self, someone: Someone, numbers: Iterator[int]) -> None:
        verified = [each for each in someone.records if each.status is NumberStatus.VERIFIED]
        if verified:
            root = Identifier.nhs(someone.nhs_number)
            former = [Identifier.nhs(someone.former_number)] if someone.former_number else []
            self._add(
                root, [*former, *(each.identifier for each in verified)], someone.said, numbers, root.value
            )
        for each in someone.records:
            if each.status is not NumberStatus.VERIFIED:
                self._add(each.identifier, [], each.demographics, numbers, each.nhs_number)

    def _add(
        self,
        root: Identifier,
        others: Sequence[Identifier],
        said: Demographics,
        numbers: Iterator[int],
        claims: str,
    ) -> None:
        number = next(numbers)
        status = NumberStatus.VERIFIED if root.is_nhs else NumberStatus.NOT_TRACED
        known = tuple(Known(each, status) for each in others)
        person = Person(number, UUID(int=number), root, status, Sensitivity.NORMAL, said, known)
        self.people[number] = person
        self.by_birth_date[said.birth_date].append(person)
        for each in (root, *others):
            self.standings[each] = Standing(number, each, status, claims, number)

    def decide(self, identities: Sequence[StudyIdentity]) -> Decided:
        """As the linker asks: everybody of the birth date is enough to be taken for one another."""
        held = Held(self.standings, self.people)
        alike = {each.id: each for one in identities for each in self.by_birth_date[one.birth_date]}
        return decide(identities, held, list(alike.values()))


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


def main(arguments: Sequence[str] | None = None) -> None:
    """Decide all, and print what became of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--quick", action="store_true", help="a tenth of it")
    given = parser.parse_args(arguments)
    size = 10 if given.quick else 1
    region = Region(given.people // size, given.seed)
    directory, outcome = Directory(region), Outcome()
    for case in region.cases(given.cases // size):
        outcome.note(case, directory.decide(case.identities), lambda id: directory.people[id].nhs_number)
    sys.stdout.write(report(outcome, region.left_out) + "\n")
    if outcome.wrong:
        sys.exit(1)


if __name__ == "__main__":
    main()
