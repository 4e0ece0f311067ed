"""How fast a feed of reports is taken, and whether it comes to the right end in a bad order.

`python -m benchmarks.reports_heard` makes 20,000 ORU^R01 and MDM messages of three disciplines: drafts,
authorised reports, addenda, corrections and withdrawals of some 10,000 reports, shuffled, one in twenty sent
twice. Four connections hand them to the desk of the HL7 door on a PostgreSQL of its own, which flushes; then
every report must stand as what was said last says. It prints messages a second, and fails where a report
stands otherwise.
"""

import argparse
import logging
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from psycopg_pool import ConnectionPool

from exchange.hl7.desk import HANDLERS, Desk
from exchange.hl7.senders import PostgresSenders, Sender
from exchange.registry import PostgresRegistry
from exchange.reports.considering import consider_waiting
from exchange.reports.report import ReportStatus
from exchange.trusts import Trust
from imx.postgres.binaries import find_binaries
from imx.postgres.cluster import cluster_in
from imx.postgres.process import start
from storage.migrations import migrate

MESSAGES, CONNECTIONS, AGAIN = 20_000, 4, 0.05

#: What befalls a report, and how many of a hundred: OBR-25, and OBX-11 where that says more.
LIVES: Sequence[tuple[int, Sequence[tuple[str, str]]]] = (
    (25, (("F", "F"),)),
    (50, (("P", "P"), ("F", "F"))),
    (18, (("P", "P"), ("F", "F"), ("C", "C"))),
    (5, (("F", "F"), ("F", "W"))),
    (2, (("P", "P"), ("X", ""))),
)
ENDS = {
    ("F", "F"): ReportStatus.FINAL,
    ("C", "C"): ReportStatus.CORRECTED,
    ("F", "W"): ReportStatus.ENTERED_IN_ERROR,
    ("X", ""): ReportStatus.ENTERED_IN_ERROR,
}
#: One report in so many is told of as a document, and what befalls it: the event of each message, which of
#: its documents it is of and of which that is an addendum or in whose place, and TXA-17.
DOCUMENTS = 4
LIVES_OF_DOCUMENTS: Sequence[tuple[int, ReportStatus, Sequence[tuple[str, str, str, str]]]] = (
    (40, ReportStatus.FINAL, (("T02", "a", "", "AU"),)),
    (25, ReportStatus.FINAL, (("T02", "a", "", "IP"), ("T03", "a", "", "AU"))),
    (15, ReportStatus.APPENDED, (("T02", "a", "", "AU"), ("T06", "b", "a", "LA"))),
    (
        12,
        ReportStatus.CORRECTED,
        (("T01", "a", "", "IP"), ("T04", "a", "", "AU"), ("T10", "b", "a", "AU"), ("T03", "a", "", "AU")),
    ),
    (8, ReportStatus.ENTERED_IN_ERROR, (("T02", "a", "", "AU"), ("T11", "a", "", "AU"))),
)
_WITH_CONTENT = ("T02", "T04", "T06", "T10")
_DISCIPLINES = (("CRIS", "CT", "CT head"), ("WINPATH", "SP", "Histology"), ("CVIS", "CUS", "Echo"))
_SENTENCES = (
    "The lungs are clear.",
    "There is no effusion.",
    "Heart size is normal.",
    "Compared with the previous study of March.",
    "A small nodule is seen.",
    "Appearances are those of an old injury.",
)
#: By number; a document's by each that it and what was made of it ever had.
_STATUSES = """
    select number, status from report where source = 'HL7'
    union select v.content -> 'notice' -> 'number' ->> 'value', r.status
    from report_version v join report r on r.id = v.report_id where v.content ? 'notice'
"""


@dataclass(frozen=True, slots=True)
class Feed:
    """Messages, and how each report stands once all are heard."""

    messages: Sequence[bytes]
    ends: dict[str, ReportStatus]


def feed(count: int, chance: random.Random) -> Feed:
    """At least `count` messages, in a bad order."""
    messages: list[bytes] = []
    ends: dict[str, ReportStatus] = {}
    weights = [weight for weight, _ in LIVES]
    while len(messages) < count:
        number = f"R{len(ends)}"
        if len(ends) % DOCUMENTS == 0:
            [(_, end, steps)] = chance.choices(LIVES_OF_DOCUMENTS, [each[0] for each in LIVES_OF_DOCUMENTS])
            messages += [_document(number, each, at, chance) for at, each in enumerate(steps)]
            ends[f"{number}a"] = end
            continue
        [(_, life)] = chance.choices(LIVES, weights)
        messages += [_message(number, said, at, chance) for at, said in enumerate(life)]
        ends[number] = ENDS[life[-1]]
    messages += chance.choices(messages, k=int(len(messages) * AGAIN))
    chance.shuffle(messages)
    return Feed(messages, ends)


def _message(number: str, said: tuple[str, str], at: int, chance: random.Random) -> bytes:
    result, observed = said
    app, section, procedure = _DISCIPLINES[int(number[1:]) % len(_DISCIPLINES)]
    lines = [
        *_head("ORU^R01^ORU_R01", app, number, at),
        f"ORC|RE||A{number}",
        f"OBR|1||{number}^{app}|{section}1^{procedure}^L|||202603011000|||||||||||||||202603020{at}0000"
        f"||{section}|{result}|||||||C1&Grey&Meg&&&Dr&&&GMC",
    ]
    if observed:
        text = " ".join(chance.choices(_SENTENCES, k=12))
        lines += [f"OBX|{line}|TX|TXT^Report^L||{text}||||||{observed}" for line in range(1, 5)]
    return ("\r".join(lines) + "\r").encode()


def _document(number: str, step: tuple[str, str, str, str], at: int, chance: random.Random) -> bytes:
    event, which, parent, completion = step
    app, section, procedure = _DISCIPLINES[int(number[1:]) % len(_DISCIPLINES)]
    over = f"{number}{parent}^{app}" if parent else ""
    lines = [
        *_head(f"MDM^{event}^MDM_T02", app, number, at),
        f"OBR|1||E{number}^{app}|{section}1^{procedure}^L|||202603011000|||||||||||||||||{section}",
        f"TXA|1|DI|TX|||||||||{number}{which}^{app}|{over}||A{number}||{completion}||AV",
    ]
    if event in _WITH_CONTENT:
        text = " ".join(chance.choices(_SENTENCES, k=12))
        lines += [f"OBX|{line}|TX|TXT^Report^L||{text}" for line in range(1, 5)]
    return ("\r".join(lines) + "\r").encode()


def _head(kind: str, app: str, number: str, at: int) -> list[str]:
    person = int(number[1:]) % 5000
    return [
        f"MSH|^~\\&|{app}|RBL|IMX|CM|202603020{at}0000||{kind}|{number}.{at}|P|2.5.1",
        f"PID|1||{person:06}^^^RBL^PI||Person^{person}||19500102|F",
    ]


@contextmanager
def region(folder: Path) -> Iterator[ConnectionPool]:
    """A PostgreSQL of its own that knows one trust and who sends for it."""
    cluster = cluster_in(folder, find_binaries(), None)
    running = start(cluster)
    try:
        running.wait_until_ready()
        conninfo = running.cluster.conninfo("postgres")
        migrate(conninfo)
        with ConnectionPool(conninfo, min_size=1, max_size=CONNECTIONS + 2) as pool:
            PostgresRegistry(pool).add_trust(Trust("RBL", "Wirral", "RBL"))
            PostgresSenders(pool).add(Sender("10.1.2.0/24", "RBL"))
            yield pool
    finally:
        running.stop(patience_s=10)


def hear(pool: ConnectionPool, messages: Sequence[bytes]) -> tuple[float, int]:
    """How long it takes, and how many are not answered AA."""
    desk = Desk(pool, HANDLERS)
    began = time.monotonic()
    with ThreadPoolExecutor(CONNECTIONS) as connections:
        answers = list(connections.map(lambda raw: desk.take(raw, "10.1.2.3"), messages))
    return time.monotonic() - began, sum(b"MSA|AA|" not in answer for answer in answers)


def wrong(pool: ConnectionPool, ends: dict[str, ReportStatus]) -> list[str]:
    """Reports that stand otherwise than they should, or are not there."""
    with pool.connection() as connection:
        found: dict[str, str] = dict(connection.execute(_STATUSES).fetchall())
    return [number for number, status in ends.items() if found.get(number) != status.value]


def main() -> int:
    """0 where every report stands as it should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of it")
    parser.add_argument("--messages", type=int, default=MESSAGES)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    count = wanted.messages // 10 if wanted.quick else wanted.messages
    made = feed(count, random.Random(wanted.seed))
    with tempfile.TemporaryDirectory(prefix="imx-bench-") as folder, region(Path(folder)) as pool:
        took_s, refused = hear(pool, made.messages)
        began = time.monotonic()
        consider_waiting(pool)
        looked_s = time.monotonic() - began
        bad = wrong(pool, made.ends)
    rate = len(made.messages) / took_s
    sys.stdout.write(
        f"{len(made.messages):,} messages of {len(made.ends):,} reports in {took_s:.1f} s:"
        f" {rate:,.0f} a second, {refused} refused\n"
        f"looked for their studies in {looked_s:.1f} s; {len(bad)} stand otherwise than they should\n"
    )
    return 1 if bad or refused else 0


if __name__ == "__main__":
    sys.exit(main())
