"""How soon a study is linked, with a region's people in the directory: from acknowledged store to its link.

`python -m benchmarks.linking` makes 2.6 million people (benchmarks.population), loads them into an `imx
serve` on new data, and has twelve modalities, one of each trust, send 50 studies a second between them for a
minute: one instance each, of people from all over the directory. Most bear a number that links them; some one
that nobody knows, so that people who are alike are looked for. When a link was committed is what PostgreSQL
says (track_commit_timestamp): nothing that measures asks the database while it works.
"""

import argparse
import csv
import gzip
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import psycopg
from psycopg_pool import ConnectionPool
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom.ae import ApplicationEntity

from benchmarks.figures import Bar, Spread, table
from benchmarks.phantoms import SMALL, Study, Template, new_uid
from benchmarks.population import TRUSTS, write
from benchmarks.senders import NotSent
from exchange.registry import Peer, PostgresRegistry, Trust
from imx.postgres.binaries import find_binaries
from imx.postgres.cluster import cluster_in
from tests.processes import family
from tests.service import Service

PEOPLE, RATE_PER_S, SECONDS = 2_600_000, 50, 60

#: Of studies, those whose number nobody knows.
UNKNOWN = 0.1

BAR = Bar(2.0, "seconds from acknowledged store to link, p99")
SETTLED_S = 600.0


@dataclass(frozen=True, slots=True)
class Sent:
    """A study, and when its sender heard that it is kept."""

    uid: str
    acknowledged: datetime
    took_s: float  # the C-STORE itself


def title_of(trust: str) -> str:
    """The AE title of a trust's modality."""
    return f"CT_{trust}"


@contextmanager
def region(data: Path, people: int) -> Iterator[Service]:
    """A service whose directory has so many people; data that are there already are used again."""
    is_new = not data.exists()
    service = Service(data)
    service.start()
    try:
        if is_new:
            with ConnectionPool(conninfo(data), min_size=1) as pool:
                registry = PostgresRegistry(pool)
                for trust in (Trust(each, f"Trust {each}", each) for each in TRUSTS):
                    registry.add_trust(trust)
                    registry.add_peer(Peer(title_of(trust.ods_code), trust, plain_allowed=True))
            file = data.parent / "people.csv.gz"
            with gzip.open(file, "wt", encoding="utf-8", compresslevel=1) as into:
                write(people, into)
            began = time.monotonic()
            service.imx("people", "load", str(file), patience_s=4 * 3600)
            sys.stdout.write(f"{people:,} people loaded in {time.monotonic() - began:.0f} s\n")
            began = time.monotonic()
            wait_until_considered(data)
            sys.stdout.write(f"looked at by the linker after {time.monotonic() - began:.0f} s more\n")
            with psycopg.connect(conninfo(data), autocommit=True) as connection:
                connection.execute("alter system set track_commit_timestamp = on")
                connection.execute("vacuum analyze")
            service.stop(60)
            service.start()
        yield service
    finally:
        service.stop(60)


def conninfo(data: Path) -> str:
    """Of the service's own PostgreSQL."""
    return cluster_in(data, find_binaries(), None).conninfo()


def wait_until_considered(data: Path) -> None:
    """Until the linker has seen all that the directory heard."""
    deadline = time.monotonic() + 4 * 3600
    with psycopg.connect(conninfo(data), autocommit=True) as connection:
        while time.monotonic() < deadline:
            [(is_left,)] = connection.execute(
                "select exists (select from person_record where not is_considered)"
                " or exists (select from link_due)"
            ).fetchall()
            if not is_left:
                return
            time.sleep(1)
    raise TimeoutError("the linker did not come to the end of the directory")


def people_of(file: Path, number: int) -> Sequence[dict[str, str]]:
    """So many lines from all over the file."""
    chance = random.Random(number)
    found: list[dict[str, str]] = []
    with gzip.open(file, "rt", encoding="utf-8") as text:
        for at, line in enumerate(csv.DictReader(text)):
            if len(found) < number:
                found.append(line)
            elif (place := chance.randrange(at + 1)) < number:
                found[place] = line
    chance.shuffle(found)
    return found


def studies_of(people: Sequence[dict[str, str]]) -> Iterator[tuple[str, Dataset]]:
    """One of each person, with the trust at which it is made."""
    chance = random.Random(1)
    template = Template.of(SMALL)
    for each in people:
        made = dcmread(BytesIO(template.with_identity(Study.new(), new_uid())))
        made.PatientID = each["number"] if chance.random() >= UNKNOWN else f"X{chance.randrange(10**9)}"
        made.PatientName = f"{each['family']}^{each['given'].split(' ')[0]}"
        made.SpecificCharacterSet = "ISO_IR 192"
        made.PatientBirthDate, made.PatientSex = each["birth_date"], each["sex"]
        yield each["issuer"], made


class Modality(threading.Thread):
    """Sends its studies, each at its time, on one association."""

    def __init__(self, port: int, trust: str, due: Sequence[tuple[float, Dataset]]) -> None:
        super().__init__()
        self._port, self._trust, self._due = port, trust, due
        self.sent: list[Sent] = []
        self.late_s = 0.0  # the most by which one was sent after its time
        self.failed = ""  # why it broke off

    def run(self) -> None:
        """All of them."""
        entity = ApplicationEntity(title_of(self._trust))
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = SETTLED_S  # slow is measured
        entity.add_requested_context(SMALL.sop_class_uid, "1.2.840.10008.1.2.1")
        association = entity.associate("127.0.0.1", self._port, ae_title="IMX")
        for at, study in self._due:
            time.sleep(max(0.0, at - time.monotonic()))
            self.late_s = max(self.late_s, time.monotonic() - at)
            began = time.monotonic()
            status = association.send_c_store(study).get("Status")
            if status != 0x0000:
                took_s = time.monotonic() - began
                self.failed = f"the modality of {self._trust} heard {status} after {took_s:.1f} s"
                break
            uid = str(study.StudyInstanceUID)
            self.sent.append(Sent(uid, datetime.now(UTC), time.monotonic() - began))
        association.release()


def push(port: int, studies: Sequence[tuple[str, Dataset]], rate_per_s: float) -> Sequence[Modality]:
    """All of them at that rate, each by the modality of its trust."""
    began = time.monotonic() + 2
    due: dict[str, list[tuple[float, Dataset]]] = {}
    for number, (trust, study) in enumerate(studies):
        due.setdefault(trust, []).append((began + number / rate_per_s, study))
    modalities = [Modality(port, trust, of_trust) for trust, of_trust in due.items()]
    for each in modalities:
        each.start()
    for each in modalities:
        each.join()
    if failed := [each.failed for each in modalities if each.failed]:
        raise NotSent("; ".join(failed))
    return modalities


def linked_at(data: Path, uids: Sequence[str]) -> dict[str, tuple[datetime, str]]:
    """When each study's first decision was committed, and what it was; waits until all are decided."""
    deadline = time.monotonic() + SETTLED_S
    with psycopg.connect(conninfo(data), autocommit=True) as connection:
        while time.monotonic() < deadline:
            rows = connection.execute(
                "select distinct on (s.id) s.uid, pg_xact_commit_timestamp(d.xmin), d.state from study s"
                " join link_decision d on d.study_id = s.id where s.uid = any(%s) order by s.id, d.id",
                (list(uids),),
            ).fetchall()
            if len(rows) == len(uids):
                return {uid: (at, state) for uid, at, state in rows}
            time.sleep(1)
    raise TimeoutError(f"{len(uids) - len(rows)} studies were not decided")


def share_of(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--rate", type=float, default=RATE_PER_S, help="studies a second")
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--folder", type=Path, help="keep the data there, and use them again")
    parser.add_argument("--quick", action="store_true", help="2,000 people, 5 seconds")
    given = parser.parse_args(arguments)
    people, seconds = (2_000, 5) if given.quick else (given.people, given.seconds)
    with tempfile.TemporaryDirectory() as folder:
        place: Path = given.folder or Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        with region(place / "imx", people) as service:
            chosen = people_of(place / "people.csv.gz", int(given.rate * seconds))
            studies = list(studies_of(chosen))
            cpu = _cpu_s(service)
            modalities = push(service.dicom_port, studies, given.rate)
            sent = [each for modality in modalities for each in modality.sent]
            decided = linked_at(place / "imx", [each.uid for each in sent])
            used = {name: after - cpu.get(name, 0.0) for name, after in _cpu_s(service).items()}
    lags = [max(0.0, (decided[each.uid][0] - each.acknowledged).total_seconds()) for each in sent]
    states = [state for _, state in decided.values()]
    stores = [each.took_s for each in sent]
    rows = [
        (name, *(f"{share_of(values, share):.3f}" for share in (0.5, 0.95, 0.99, 1.0)))
        for name, values in (("acknowledged to link", lags), ("the C-STORE itself", stores))
    ]
    late = max(each.late_s for each in modalities)
    sys.stdout.write(
        f"{len(sent):,} studies, {given.rate:g} a second, {people:,} people; linked:"
        f" {states.count('linked'):,}; sent at most {late:.2f} s late\n"
        f"{table(('seconds', 'p50', 'p95', 'p99', 'most'), rows)}\n"
        f"CPU s: {', '.join(f'{name} {value:.1f}' for name, value in sorted(used.items()))}\n"
        f"{BAR.verdict(Spread.of([share_of(lags, 0.99)]))}\n"
    )


def _cpu_s(service: Service) -> dict[str, float]:
    """Of the service's processes, by what they do."""
    assert service.process is not None
    found: dict[str, float] = {}
    for each in family(service.process.pid):
        words = each.command.split()
        name = "postgres" if "postgres" in each.command else " ".join(words[3:4]) or "other"
        found[name] = found.get(name, 0.0) + each.cpu_s
    return found


if __name__ == "__main__":
    main()
