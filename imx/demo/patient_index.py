"""What each trust's patient administration system says of the region's people: HL7 ADT^A28 over MLLP.

A few records are odd on purpose, in the ways that real ones are, so that not every study links by itself.
"""

import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum

from exchange.hl7.framing import Deframer, framed
from exchange.people.person import Demographics, PersonName, Sex
from imx.demo.pds.records import Records
from imx.demo.people import Person
from imx.demo.region import TRUSTS, DemoTrust
from imx.errors import SetupError

ANSWER_LIMIT_S = 60.0
ANSWER_LIMIT_BYTES = 64 * 1024
SAID_AT = "20260301080000"


class NotTaken(SetupError):
    """The service did not take what a system told it."""


class Oddity(Enum):
    """What is wrong, or unusual, with what the systems say of somebody."""

    TRACED_HERE = "the NHS number is not traced, and the PDS bears it out"
    NOT_TRACED = "the NHS number is not traced, and the PDS does not know it"
    MARRIED = "the family name is a new one"
    OTHER_BIRTH_DATE = "the birth date is another"
    NOT_THERE = "no system knows them"


#: By the place of a person in the crowd.
ODD: Mapping[int, Oddity] = {
    2: Oddity.TRACED_HERE,
    3: Oddity.NOT_TRACED,
    4: Oddity.MARRIED,
    5: Oddity.OTHER_BIRTH_DATE,
    6: Oddity.NOT_THERE,
}


#: Where the PDS has the last word.
TRACED_HERE = tuple(place for place, oddity in ODD.items() if oddity is Oddity.TRACED_HERE)


@dataclass(frozen=True, slots=True)
class Entry:
    """What one system says of one person."""

    trust: DemoTrust
    person: Person
    number_status: str = "01"  # NHS NUMBER STATUS INDICATOR CODE (NHS Data Dictionary)

    def message(self, number: int) -> bytes:
        """ADT^A28, add person information (HL7 v2.5.1 §3.3.28)."""
        trust, person = self.trust.ods_code, self.person
        local = person.local_number(self.trust)
        fields = {
            3: f"{local}^^^{trust}^MR~{person.nhs_number}^^^NHS^NH", 5: person.name.partition("=")[0],
            7: f"{person.birth_date:%Y%m%d}", 8: person.sex, 32: self.number_status,
        }  # fmt: skip
        sent = (
            f"PAS|{trust}|IMX|REGION|{SAID_AT}||ADT^A28^ADT_A05|{trust}-{number}|P|2.5.1||||||UNICODE UTF-8"
        )
        segments = (
            f"MSH|^~\\&|{sent}",
            f"EVN|A28|{SAID_AT}",
            "PID|" + "|".join(fields.get(place, "") for place in range(1, 33)),
            "PV1||N",
        )
        return "".join(f"{each}\r" for each in segments).encode()


def entries(people: Sequence[Person]) -> Iterator[Entry]:
    """Everybody, at every trust: each has a number for them."""
    for place, person in enumerate(people):
        for trust in TRUSTS:
            match ODD.get(place):
                case Oddity.TRACED_HERE | Oddity.NOT_TRACED:
                    yield Entry(trust, person, number_status="02")
                case Oddity.MARRIED:
                    given = person.name.partition("^")[2]
                    yield Entry(trust, replace(person, name=f"Fairhurst^{given}"))
                case Oddity.OTHER_BIRTH_DATE:
                    yield Entry(trust, replace(person, birth_date=person.birth_date + timedelta(days=9)))
                case Oddity.NOT_THERE:
                    pass
                case None:
                    yield Entry(trust, person)


def held_by_the_pds(people: Sequence[Person]) -> Records:
    """Whom the small PDS holds, as the systems have them: all of those but one whose number nobody traced."""
    records = Records()
    unknown = {people[place].nhs_number for place, oddity in ODD.items() if oddity is Oddity.NOT_TRACED}
    for number, person in {entry.person.nhs_number: entry.person for entry in entries(people)}.items():
        if number not in unknown:
            family, _, given = person.name.partition("=")[0].partition("^")
            name = PersonName(family, tuple(given.split("^")[:1]), use="usual")
            records.hold(number, Demographics((name,), f"{person.birth_date:%Y%m%d}", Sex(person.sex)))
    return records


def tell(people: Sequence[Person], port: int) -> int:
    """Send all of them, each acknowledged before the next; how many. Raises NotTaken."""
    count = 0
    with socket.create_connection(("127.0.0.1", port), ANSWER_LIMIT_S) as door:
        deframer = Deframer(ANSWER_LIMIT_BYTES)
        for count, entry in enumerate(entries(people), start=1):
            door.sendall(framed(entry.message(count)))
            if b"\rMSA|AA|" not in _answer(door, deframer):
                raise NotTaken(f"message {count}, of {entry.trust.ods_code}, was not taken")
    return count


def _answer(door: socket.socket, deframer: Deframer) -> bytes:
    while data := door.recv(ANSWER_LIMIT_BYTES):
        for answer in deframer.feed(data):
            return answer
    raise NotTaken("the service closed the connection for HL7")
