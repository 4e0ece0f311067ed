"""Studies of a region's people, damaged as they come."""

from collections.abc import Iterator

from benchmarks.linking_cases.case import Case, clean
from benchmarks.linking_cases.damage import DAMAGE
from benchmarks.linking_cases.region import Region, Someone


class Studies:
    """Of a region: every fifth is a twin's or a newborn's, or a fault would hide among the others."""

    def __init__(self, region: Region) -> None:
        self.region = region
        self.left_out = 0  # that were another person's in full

    def made(self, number: int) -> Iterator[Case]:
        """So many."""
        region = self.region
        unusual = [each for each in region.people if region.is_unusual(each)]
        made = 0
        while made < number:
            is_turn = unusual and made % 5 == 0
            case = self._case(region.chance.choice(unusual) if is_turn else region.anybody())
            if self._is_anothers_in_full(case):
                self.left_out += 1
                continue
            made += 1
            yield case

    def _is_anothers_in_full(self, case: Case) -> bool:
        """Number, birth date, sex and name, of somebody else."""
        born = self.region.born[case.birth_date]
        return any(each is not case.whose and case.could_be(each) for each in born)

    def _case(self, someone: Someone) -> Case:
        region = self.region
        case = clean(someone, region.chance)
        for name, (rate, damage) in DAMAGE.items():
            if region.chance.random() < rate:
                damage(case, region)
                case.damage.append(name)
        return case
