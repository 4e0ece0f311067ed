"""HL7 messages fed with damage, to the desk that takes them: `python -m tests.fuzz.hl7 --seconds 60`.

Each message that trusts send is damaged, field by field and byte by byte, and taken with a real database.
It has to be answered: AA where what it says is kept, else with the place that is wrong. A message that the
service calls a fault of its own, that the database does not take, or that takes long, is a finding: it is
kept in .fuzz/, and the status is 1.
"""

import argparse
import sys
import tempfile
import time
from base64 import b32encode
from collections import Counter
from pathlib import Path
from random import Random

from psycopg_pool import ConnectionPool
from structlog.testing import capture_logs

from exchange.hl7.desk import HANDLERS, Desk
from exchange.hl7.senders import PostgresSenders, Sender
from exchange.registry import PostgresRegistry
from exchange.trusts import Trust
from imx.postgres.binaries import find_binaries
from imx.postgres.cluster import cluster_in
from imx.postgres.process import start
from storage.migrations import migrate
from tests.exchange.hl7.documents_material import mdm
from tests.exchange.hl7.material import PID, adt, header, joined, omi, orm
from tests.exchange.hl7.reports_material import histopathology, radiology
from tests.fuzz.changes import changed

SENT = (
    omi(), orm(), radiology(), histopathology(), mdm("T02"), mdm("T06"), adt(), adt("A31"),
    adt("A40", more=["MRG|99^^^RBL^PI"]), adt("A47", more=["MRG|99^^^RBL^PI"]),
    joined([header("ADT^A24"), "EVN|A24|20260302091500", PID, PID.replace("123456", "123457")]),
    joined([header("ADT^A37"), "EVN|A37|20260302091500", PID, PID.replace("123456", "123457")]),
)  # fmt: skip

#: Longer than any index takes, and no compression makes it shorter.
LONG = b32encode(Random(1).randbytes(5_000)).decode()

#: What stands in fields that it should not stand in.
TEXTS = (
    LONG, LONG, LONG, '""', "", "\\X00\\", "\\X0D0A\\", "\\X" + "41" * 30 + "\\", "\\.br\\" * 50,
    "\\H\\x\\N\\", "\\", "0", "-1", "9" * 400, "1e999", "nan", "00000000", "99999999",
    "99991231235959.999999+1400",
    "00010101000000-1200", "20260229", "202613", "0001", "\0", "\u2028", "\u202e", "\ud7ff\ue000\uffff",
    "\u0663\u0664", "\u00b2", "\u00e9" * 300, "x" * 70, "x" * 5000, "&" * 500, "^" * 500, "~" * 500,
    "a&b&c^d&e&f~g", "^^^NHS^NH", "9990000018^^^NHS^NH", "^^^RBL^PI", "NW", "A40", "ADT^A40", "1.2.3",
    "1." * 40, "..", "%s", "%(a)s", "{}", "'", "$$", "Infinity", "UNICODE UTF-8", "8859/1", "ISO IR87",
    "NH{status:01}",
    "01", "Y", "P", "Base64", "%PDF-", "ED", "HD", "^application^pdf^Base64^JVBERi0=", "\t", "\v", "\x1c",
)  # fmt: skip

#: Longer is a finding: a sender behind it waits.
SLOW_S = 5.0


def damaged(seed: int) -> bytes:
    """The same seed always gives the same message."""
    random = Random(seed)
    raw = random.choice(SENT)
    for _ in range(random.choice((0, 1, 1, 2, 5))):
        raw = _otherwise(raw, random)
    return changed(raw, seed) if random.random() < 0.4 else raw


def _otherwise(raw: bytes, random: Random) -> bytes:
    """One field with another text, or a segment twice, gone, or elsewhere."""
    segments = raw.split(b"\r")
    at = random.randrange(max(1, len(segments) - 1))
    match random.randrange(8):
        case 0:
            segments.insert(random.randrange(len(segments)), segments[at])
        case 1 if at:
            del segments[at]
        case 2 if at:
            segments[at:at] = [segments[at]] * random.choice((3, 40))
        case _:
            fields = segments[at].split(b"|")
            place = random.randrange(1, len(fields) + 3)
            fields += [b""] * (place + 1 - len(fields))
            text = random.choice(TEXTS).encode("utf-8", "surrogatepass")
            if random.random() < 0.5:
                components = fields[place].split(b"^")
                components[random.randrange(len(components))] = text
                text = b"^".join(components)
            fields[place] = random.choice((text, text, fields[place] + text, fields[place] + b"~" + text))
            segments[at] = b"|".join(fields)
    return b"\r".join(segments)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--first", type=int, default=0, help="the number of the first damaged message")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="imx-fuzz-") as folder:
        Path(folder).chmod(0o711)
        running = start(cluster_in(Path(folder), find_binaries(), None), overrides={"fsync": "off"})
        try:
            running.wait_until_ready()
            conninfo = running.cluster.conninfo("postgres")
            migrate(conninfo)
            with ConnectionPool(conninfo, min_size=1, max_size=2) as pool:
                sys.exit(_feed(pool, options.first, options.seconds))
        finally:
            running.stop(patience_s=5)


def _feed(pool: ConnectionPool, first: int, seconds: float) -> int:
    PostgresRegistry(pool).add_trust(Trust("RBL", "Wirral", "RBL"))
    PostgresSenders(pool).add(Sender("127.0.0.1", "RBL"))
    desk, answers, findings = Desk(pool, HANDLERS), Counter[str](), Counter[str]()
    until, number = time.monotonic() + seconds, first
    kept = Path(".fuzz")
    while time.monotonic() < until:
        raw, began = damaged(number), time.monotonic()
        with capture_logs() as said:
            answer = desk.take(raw, "127.0.0.1")
        why = [str(each.get("error")) for each in said if each["event"] in ("hl7.fault", "hl7.later")]
        if time.monotonic() - began > SLOW_S:
            why.append("slow")
        if why:
            findings[why[0]] += 1
            kept.mkdir(exist_ok=True)
            (kept / f"hl7-{number}.bin").write_bytes(raw)
        answers[answer.partition(b"MSA|")[2][:2].decode()] += 1
        number += 1
    print(f"{number - first:,} messages, {dict(answers)}; findings: {dict(findings) or 'none'}")
    return 1 if findings else 0


if __name__ == "__main__":
    main()
