"""A region's people, made up: for a bulk load, and for benchmarks with a directory of its size.

`python -m benchmarks.population --people 2600000 --into people.csv.gz` writes the file that `imx people load`
takes: a line for each number that a trust gave out, one to three trusts a person.

Nobody in it exists. NHS numbers begin with 5: they are valid, and not to be issued (nhs-number's ranges); the
range that is kept for tests, from 999 000 0000, holds fewer than a million. Names come about as often as
England's commonest do, with a long tail that is put together of syllables. Ages are spread as a region's are.
Households share an address, and mostly a family name. One birth in 65 is of twins, who share all but the
given name; a few sons are called as their fathers. How people are really called and live, this does not know.
"""

import argparse
import csv
import gzip
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import TextIO

from exchange.people.bulk import COLUMNS, Source
from exchange.people.person import NumberStatus, Said
from imx.demo.people import check_digit

#: Trusts of Cheshire and Merseyside, by ODS code; the first are the larger ones.
TRUSTS = ("REM", "RBL", "RJR", "RWW", "RBN", "RBT", "RJN", "REN", "REP", "RET", "RBQ", "RBS")
#: The first nine digits of the first NHS number.
FIRST_NUMBER = 500_000_000
TODAY = date(2026, 3, 1)
_MADE_AT = datetime(2026, 3, 1, tzinfo=UTC)
#: By which a program reads its lines.
SOURCE = Source(dict.fromkeys(TRUSTS, NumberStatus.NOT_TRACED), "", Said(_MADE_AT, "population"), _MADE_AT)

_FAMILIES = (
    "Smith Jones Williams Taylor Davies Brown Roberts Hughes Evans Johnson Wilson Walker Edwards Thomas"
    " Wright Jackson Robinson Green Wood Harrison Lewis White Clarke Thompson Hall Martin Cooper Hill Ward"
    " Moore Kelly Turner Morris Parker Cook Harris Baker Ellis Owen Price Murphy Griffiths Bennett Shaw"
    " Watson Lloyd Carter Young King Mitchell Morgan Collins Phillips Richardson Bailey Foster Davis"
    " Rimmer Molyneux Fazakerley Ashcroft Bibby Halsall Sutton Rigby Leatherbarrow Khan Patel Ali Singh"
    " Ahmed Nowak O'Neill O'Brien Byrne McCarthy Okafor Adeyemi Popescu Nguyen Chan Begum Hussain"
    " Fernandez Müller Kowalski Łukasik"
).split()
_SYLLABLES = (
    "Ash Bal Bar Beck Birt Blun Brad Brom Cal Chor Crop Dal Den Dut El Fair Far Gar Gras Had Hal Hart"
    " Hasl Hes Hol Hurst Kirk Lang Leigh Lin Lyd Mar Mel Nor Oak Or Pem Pres Rad Rams Rush Scar Shel Stan"
    " Stock Tar Thorn Up Wal War Whit Win Wool Yar"
).split()
_ENDINGS = (
    "bury by den don field ford ham head ington ley low man more ridge stall ton well wick wood worth".split()
)
_GIVEN = {
    "F": (
        "Margaret Patricia Susan Christine Jean Linda Julie Karen Sarah Emma Laura Claire Rebecca Jessica"
        " Charlotte Sophie Chloe Emily Olivia Amelia Isla Ava Mia Grace Lily Freya Poppy Ella Evie Ruby"
        " Elsie Florence Ivy Elizabeth Mary Ann Joan Dorothy Sheila Barbara Maureen Jacqueline Deborah"
        " Tracey Michelle Lisa Nicola Fatima Aisha Priya Zofia Siân Zoë Niamh Aoife"
    ).split(),
    "M": (
        "John David Michael Peter Robert Paul Andrew Stephen Mark Christopher James Daniel Matthew Thomas"
        " Jack Joshua Oliver Harry George Noah Arthur Leo Oscar Henry Theo Freddie Archie Alfie Charlie"
        " Jacob William Joseph Samuel Benjamin Adam Alan Brian Kenneth Raymond Derek Ronald Dennis Kevin"
        " Ian Anthony Philip Muhammad Ahmed Arjun Piotr Rhys Ciarán Seán José"
    ).split(),
}
_AREAS = ("CH", "CW", "L", "L", "L", "PR", "SK", "WA", "WA", "WN")
_STREETS = (
    "High Church Park Mill Victoria Station School Queens Manor Grange Chester Liverpool Meadow Abbey".split()
)
_KINDS = "Street Road Lane Avenue Close Drive".split()
_TOWNS = "Liverpool Birkenhead Chester Crewe Warrington Widnes Southport Wigan Macclesfield Runcorn".split()
#: Of 1,000 people, how many are in each ten years of age.
_AGES = (112, 118, 125, 133, 124, 136, 113, 87, 43, 9)


@dataclass(slots=True)
class _Made:
    """Somebody, before any trust knows them."""

    number: str
    family: str
    given: str
    sex: str
    born: date
    address: str
    postcode: str
    birth_order: str = ""


class _Chance:
    """Draws, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        tail = sorted({first + ending for first in _SYLLABLES for ending in _ENDINGS})
        self._families = _FAMILIES + tail
        # The commonest name is borne by one in a hundred; the tail has most of them.
        common = [100 / (rank + 6) for rank in range(len(_FAMILIES))]
        self._of_families = list(accumulate(common + [sum(common) * 3.5 / len(tail)] * len(tail)))
        self._of_given = {
            sex: list(accumulate(100 / (rank + 15) for rank in range(len(names))))
            for sex, names in _GIVEN.items()
        }
        self._of_ages = list(accumulate(_AGES))

    def family(self) -> str:
        return self.random.choices(self._families, cum_weights=self._of_families)[0]

    def given(self, sex: str) -> str:
        found = self.random.choices(_GIVEN[sex], cum_weights=self._of_given[sex], k=2)
        return " ".join(dict.fromkeys(found)) if self.random.random() < 0.7 else found[0]

    def born(self) -> date:
        decade = self.random.choices(range(len(_AGES)), cum_weights=self._of_ages)[0]
        return TODAY - timedelta(days=int((decade * 10 + self.random.random() * 10) * 365.25) + 1)

    def sex(self) -> str:
        return "F" if self.random.random() < 0.507 else "M"


def _numbers() -> Iterator[str]:
    """NHS numbers that will not be issued, in order."""
    first_nine = FIRST_NUMBER
    while True:
        if (digit := check_digit(str(first_nine))) is not None:
            yield f"{first_nine}{digit}"
        first_nine += 1


def _people(chance: _Chance) -> Iterator[_Made]:
    """Without end, household after household."""
    numbers = _numbers()
    draw = chance.random.random
    while True:
        family = chance.family()
        area = chance.random.choice(_AREAS)
        postcode = f"{area}{int(draw() * 60) + 1} {int(draw() * 9) + 1}{_letters(chance)}"
        street = f"{int(draw() * 180) + 1} {chance.random.choice(_STREETS)} {chance.random.choice(_KINDS)}"
        address = f"{street}, {chance.random.choice(_TOWNS)}"
        before: _Made | None = None
        for _ in range(chance.random.choices((1, 2, 3, 4, 5), (30, 35, 16, 13, 6))[0]):
            sex = chance.sex()
            own = family if draw() < 0.75 else chance.family()
            given = chance.given(sex)
            if before and before.sex == sex == "M" and draw() < 0.02:
                own, given = before.family, before.given
            one = _Made(next(numbers), own, given, sex, chance.born(), address, postcode)
            if draw() < 1 / 65:
                other = chance.sex()
                twin = _Made(next(numbers), own, chance.given(other), other, one.born, address, postcode, "2")
                is_told = draw() < 0.5  # half of the sources do not know that it was a multiple birth
                one.birth_order, twin.birth_order = ("1", "2") if is_told else ("", "")
                yield twin
            yield one
            before = one


def _letters(chance: _Chance) -> str:
    return "".join(chance.random.choices("ABDEFGHJLNPQRSTUWXYZ", k=2))


def lines(people: int, seed: int = 2026) -> Iterator[Sequence[str]]:
    """So many people's lines, one for each trust's number, with the columns of exchange.people.bulk."""
    chance = _Chance(seed)
    draw = chance.random.random
    given_out = dict.fromkeys(TRUSTS, 100_000)
    for _, one in zip(range(people), _people(chance), strict=False):
        trusts = chance.random.choices((1, 2, 3), (74, 21, 5))[0]
        for trust in dict.fromkeys(TRUSTS[int(draw() ** 1.6 * len(TRUSTS))] for _ in range(trusts)):
            given_out[trust] += 1
            status = "01" if draw() < 0.97 else "02"
            is_without = draw() < 0.005
            told = {
                "issuer": trust,
                # The same numbers are given out by every trust: they are their issuer's.
                "number": str(given_out[trust]),
                "nhs_number": "" if is_without else one.number,
                "nhs_number_status": "07" if is_without else status,
                "sensitivity": "R" if draw() < 0.001 else "",
                "family": one.family,
                "given": one.given,
                "birth_date": f"{one.born:%Y%m%d}",
                "sex": one.sex,
                "address": one.address,
                "postcode": one.postcode,
                "birth_order": one.birth_order,
                "said_at": _MADE_AT.isoformat(),
            }
            yield [told.get(column, "") for column in COLUMNS]


def write(people: int, into: TextIO, seed: int = 2026) -> int:
    """The file; how many lines it has, but for the header."""
    writer = csv.writer(into, lineterminator="\n")
    writer.writerow(COLUMNS)
    count = 0
    for line in lines(people, seed):
        writer.writerow(line)
        count += 1
    return count


def main(arguments: Sequence[str] | None = None) -> None:
    """Write such a file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--people", type=int, default=2_600_000)
    parser.add_argument("--into", type=Path, default=Path("people.csv.gz"))
    parser.add_argument("--seed", type=int, default=2026)
    given = parser.parse_args(arguments)
    began = time.monotonic()
    is_packed = given.into.suffix == ".gz"
    with (
        gzip.open(given.into, "wt", encoding="utf-8", compresslevel=1)
        if is_packed
        else given.into.open("w", encoding="utf-8", newline="")
    ) as into:
        count = write(given.people, into, given.seed)
    sys.stdout.write(
        f"{given.people:,} people, {count:,} lines in {given.into}, in {time.monotonic() - began:.0f} s\n"
    )


if __name__ == "__main__":
    main()
