"""How many admissions a second the HL7 door takes, and whether what they say comes out right.

`python -m benchmarks.admissions --messages 100000` starts the whole service, sends generated ADT messages by
MLLP from four trusts at once, each feed in no order at all and with every thirtieth message twice, and then
compares the directory with what each person's story must end in. The stories are told beside the messages,
without any of the directory's code: registrations, changed names and numbers, duplicates that are merged,
merges that are turned round, links and links that were mistaken.
"""

import argparse
import random
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from benchmarks.figures import table
from benchmarks.population import TRUSTS, lines
from exchange.hl7.framing import framed
from exchange.people.bulk import COLUMNS
from imx.postgres.binaries import find_binaries
from imx.postgres.cluster import cluster_in
from tests.ports import free_port
from tests.service import Service

FEEDS = TRUSTS[:4]
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_AGAIN = 30  # every so manieth message comes twice

#: A number and its issuer.
Number = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Said:
    """One message, before it has a control ID."""

    at: datetime
    trust: str
    event: str
    segments: tuple[str, ...]  # behind EVN

    def encoded(self, control_id: int) -> bytes:
        """As HL7 v2.5.1."""
        when = f"{self.at:%Y%m%d%H%M%S}+0000"
        head = f"MSH|^~\\&|PAS|{self.trust}|IMX|CM|{when}||ADT^{self.event}|{control_id}|P|2.5.1"
        head += "||||||UNICODE UTF-8"
        return "\r".join((head, f"EVN|{self.event}|{when}", *self.segments, "")).encode()


@dataclass(slots=True)
class World:
    """What was said, and what it must come to."""

    said: list[Said] = field(default_factory=list)
    stands_for: dict[Number, Number] = field(default_factory=dict)
    families: dict[Number, str] = field(default_factory=dict)  # of numbers of which a PID was the last word

    def tell(self, minute: float, trust: str, event: str, *segments: str) -> None:
        """A message, so long after the beginning."""
        at = (_BEGAN + timedelta(minutes=minute)).replace(microsecond=0)
        self.said.append(Said(at, trust, event, segments))


def world_of(messages: int, seed: int) -> World:
    """About so many messages."""
    chance = random.Random(seed)
    world = World()
    for at, row in enumerate(lines(messages, seed)):
        person = dict(zip(COLUMNS, row, strict=True))
        if len(world.said) >= messages:
            break
        _live(world, person, FEEDS[at % len(FEEDS)], str(1_000_000 + at), chance)
    return world


def _live(world: World, person: dict[str, str], trust: str, number: str, chance: random.Random) -> None:
    """One person's story at one trust, in minutes of its own."""
    start = chance.random() * 80_000
    own, nhs = (trust, number), ("NHS", person["nhs_number"])
    is_verified = person["nhs_number_status"] == "01"
    stands = nhs if is_verified else own
    world.tell(start, trust, "A28", _pid(person, number))
    world.stands_for[own], world.families[own] = stands, person["family"]
    other, married = number + "D", person | {"family": person["family"] + "-Lee"}
    without = person | {"nhs_number": "", "nhs_number_status": ""}
    match chance.choices(_STORIES, _WEIGHTS)[0]:
        case "married":
            world.tell(start + 10, trust, "A08", _pid(married, number))
            world.families[own] = married["family"]
        case "twice here":
            world.tell(start + 10, trust, "A04", _pid(without, other))
            world.tell(start + 20, trust, "A40", _pid({}, number), f"MRG|{other}^^^{trust}")
            world.stands_for[trust, other] = stands
        case "turned round":
            world.tell(start + 10, trust, "A04", _pid(without, other))
            world.tell(start + 20, trust, "A40", _pid({}, other), f"MRG|{number}^^^{trust}")
            world.tell(start + 30, trust, "A40", _pid({}, number), f"MRG|{other}^^^{trust}")
            world.stands_for[trust, other] = stands
        case "renumbered":
            world.tell(start + 10, trust, "A47", _pid({}, other), f"MRG|{number}^^^{trust}")
            world.tell(start + 20, trust, "A31", _pid(married, other))
            final = nhs if is_verified else (trust, other)
            world.stands_for[own] = world.stands_for[trust, other] = final
            world.families[trust, other] = married["family"]
        case "linked":
            world.tell(start + 10, trust, "A28", _pid(without, other))
            world.tell(start + 20, trust, "A24", _pid({}, number), _pid({}, other))
            world.stands_for[trust, other] = stands
        case "linked by mistake":
            world.tell(start + 10, trust, "A28", _pid(without, other))
            world.tell(start + 20, trust, "A24", _pid({}, other), _pid({}, number))
            world.tell(start + 30, trust, "A37", _pid({}, number), _pid({}, other))
            world.stands_for[trust, other] = (trust, other)
        case "traced":
            world.tell(start + 10, trust, "A31", _pid(person | {"nhs_number_status": "01"}, number))
            world.stands_for[own] = nhs if person["nhs_number"] else own
        case _:
            pass


_STORIES = (
    "nothing",
    "married",
    "twice here",
    "turned round",
    "renumbered",
    "linked",
    "linked by mistake",
    "traced",
)
_WEIGHTS = (40, 25, 10, 5, 5, 5, 5, 5)


def _pid(person: Mapping[str, str], number: str) -> str:
    nhs = f"~{person['nhs_number']}^^^NHS^NH" if person.get("nhs_number") else ""
    status = person.get("nhs_number_status", "")
    fields = {
        3: f"{number}^^^^MR{nhs}",
        5: f"{person.get('family', '')}^{person.get('given', '').replace(' ', '^')}",
        7: person.get("birth_date", ""),
        8: person.get("sex", ""),
        11: f"{person.get('address', '')}^^^^{person.get('postcode', '')}",
        32: f"NSTS{status}" if status else "",
    }
    return "|".join(["PID", *(fields.get(at, "") for at in range(1, 33))])


def send(port: int, messages: Sequence[bytes]) -> int:
    """One feed: each message when the one before is answered; how many were accepted."""
    accepted = 0
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for message in messages:
            connection.sendall(framed(message))
            answer = b""
            while not answer.endswith(b"\x1c\r"):
                answer += connection.recv(4096)
            accepted += b"\rMSA|AA|" in answer
    return accepted


def compare(conninfo: str, world: World) -> Sequence[str]:
    """What the directory has otherwise."""
    with psycopg.connect(conninfo) as connection:
        rows = connection.execute(
            "select r.issuer, r.value, c.issuer, c.value, r.demographics #>> '{names,0,family}'"
            " from person_record r join person_record c on c.id = r.current_id where r.issuer <> 'NHS'"
        ).fetchall()
    found = {(issuer, value): ((of, one), family) for issuer, value, of, one, family in rows}
    wrong = (
        [f"{len(found)} numbers, not {len(world.stands_for)}"] if len(found) != len(world.stands_for) else []
    )
    for number, stands in world.stands_for.items():
        one, family = found.get(number, (None, None))
        if one != stands:
            wrong.append(f"{number} stands for {one}, not {stands}")
        if number in world.families and family != world.families[number]:
            wrong.append(f"{number} has another family name")
    return wrong


def feeds_of(world: World, seed: int) -> Mapping[str, Sequence[bytes]]:
    """Each trust's messages, in no order, some of them twice."""
    chance = random.Random(seed)
    feeds: dict[str, list[bytes]] = {trust: [] for trust in FEEDS}
    for control_id, said in enumerate(sorted(world.said, key=lambda each: each.at), 1):
        feeds[said.trust] += [said.encoded(control_id)] * (2 if control_id % _AGAIN == 0 else 1)
    for feed in feeds.values():
        chance.shuffle(feed)
    return feeds


def run(messages: int, seed: int, say: Callable[[str], object]) -> bool:
    """Whether everything came out right."""
    world = world_of(messages, seed)
    feeds = feeds_of(world, seed)
    with tempfile.TemporaryDirectory(prefix="imx-admissions-") as folder:
        Path(folder).chmod(0o711)
        port = free_port()
        service = Service(Path(folder) / "data", environment=(f"IMX_HL7_PORT={port}",))
        service.start()
        try:
            for trust in FEEDS:
                service.imx("trust", "add", trust, trust)
                service.imx("hl7", "allow", "127.0.0.1", "--trust", trust, "--facility", trust)
            began = time.monotonic()
            with ThreadPoolExecutor(len(FEEDS)) as senders:
                accepted = sum(senders.map(lambda feed: send(port, feed), feeds.values()))
            took = time.monotonic() - began
            wrong = compare(cluster_in(service.data, find_binaries(), None).conninfo("imx"), world)
        finally:
            service.stop()
    sent = sum(map(len, feeds.values()))
    heads = ("messages", "feeds", "accepted", "seconds", "a second", "numbers", "wrong")
    figures = (sent, len(FEEDS), accepted, round(took), round(sent / took), len(world.stands_for), len(wrong))
    say(table(heads, [tuple(f"{each:,}" for each in figures)]) + "\n")
    for each in wrong[:20]:
        say(f"{each}\n")
    return accepted == sent and not wrong


def main(arguments: Sequence[str] | None = None) -> None:
    """Ends with 1 where anything came out wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--quick", action="store_true", help="1,000 messages")
    parser.add_argument("--seed", type=int, default=2026)
    given = parser.parse_args(arguments)
    if not run(1_000 if given.quick else given.messages, given.seed, sys.stdout.write):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
