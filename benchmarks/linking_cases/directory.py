"""The directory of a region's people, in memory."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import count
from uuid import UUID

from benchmarks.linking_cases.region import Region, Someone
from exchange.linking.link import Decided, StudyIdentity
from exchange.linking.rules import Held, decide
from exchange.people.directory import Standing
from exchange.people.person import Demographics, Identifier, Known, NumberStatus, Person, Sensitivity


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
