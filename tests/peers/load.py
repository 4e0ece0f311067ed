"""A load of several modalities, and what they were told is kept."""

import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import psycopg

from imx.postgres.binaries import find_binaries
from imx.postgres.cluster import cluster_in
from tests.peers.dicomweb import reading
from tests.service import PATIENCE_S, Service


@dataclass(frozen=True, slots=True, order=True)
class Acknowledged:
    """An instance whose sender heard success."""

    study_uid: str
    series_uid: str
    instance_uid: str
    sha256: str


@dataclass
class Load:
    """Modalities at work, each a process with a log of its own."""

    folder: Path
    _senders: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def acknowledged(self) -> list[Acknowledged]:
        """What they have heard success for until now."""
        logs = sorted(self.folder.glob("*.acknowledged"))
        lines = [line for log in logs for line in log.read_text().splitlines(keepends=True)]
        return [Acknowledged(*line.split()) for line in lines if line.endswith("\n")]

    def wait_for(self, more: int, patience_s: float = PATIENCE_S) -> None:
        """Return when so many more are acknowledged."""
        enough = len(self.acknowledged()) + more
        deadline = time.monotonic() + patience_s
        while len(self.acknowledged()) < enough:
            assert time.monotonic() < deadline, "the modalities hear no success any more"
            time.sleep(0.1)

    def wait_for_silence(self, for_s: float, patience_s: float = PATIENCE_S) -> None:
        """Return when nothing was acknowledged for so long."""
        deadline = time.monotonic() + patience_s
        heard = -1
        while len(self.acknowledged()) > heard:
            assert time.monotonic() < deadline, "the modalities hear success for ever"
            heard = len(self.acknowledged())
            time.sleep(for_s)

    def end(self) -> None:
        """No more is sent; what was on its way may be kept without its sender having heard."""
        for sender in self._senders:
            sender.kill()
            sender.wait()


@contextmanager
def loaded(service: Service, folder: Path, titles: Iterable[str]) -> Iterator[Load]:
    """Modalities of these titles push for as long as this lasts."""
    load = Load(folder)
    folder.mkdir(parents=True)
    try:
        for title in titles:
            command = [sys.executable, "-m", "tests.peers.push_steadily", str(service.dicom_port), title]
            with (folder / f"{title}.output").open("wb") as output:
                log = str(folder / f"{title}.acknowledged")
                load._senders.append(subprocess.Popen([*command, log], stdout=output, stderr=output))
        yield load
    finally:
        load.end()


def assert_custody(service: Service, acknowledged: Iterable[Acknowledged]) -> None:
    """Every acknowledged instance is found and comes back intact; nothing is damaged, nothing half done."""
    with reading(service) as reader:
        for study_uid, members in groupby(sorted(acknowledged), lambda each: each.study_uid):
            those = list(members)
            missing = {each.instance_uid for each in those} - reader.instances_of(study_uid)
            assert missing == set()
            for each in those:
                back = reader.retrieve(each.study_uid, each.series_uid, each.instance_uid)
                assert back.sha256 == each.sha256
    service.imx("verify")  # fails when an object is damaged or gone
    assert half_done(service) == {}


#: What one transaction makes together: each query counts what lies there without its other half.
_HALVES = {
    "study without series": "select count(*) from study where not exists"
    " (select from series where series.study_id = study.id)",
    "series without instance": "select count(*) from series where not exists"
    " (select from instance where instance.series_id = series.id)",
    "instance without change": "select count(*) from instance where not exists"
    " (select from change where change.instance_uid = instance.uid and kind = 'kept')",
    "instance without arrival": "select count(*) from instance where not exists"
    " (select from arrival where arrival.object_id = instance.object_id)",
    "staged without object": "select count(*) from staged where not exists"
    " (select from object where object.key = staged.key)",
    "study twice": "select count(*) from (select uid from study group by uid having count(*) > 1) twice",
}


def half_done(service: Service) -> dict[str, int]:
    """How many rows there are of each kind that must not be."""
    cluster = cluster_in(service.data, find_binaries(), None)
    with psycopg.connect(cluster.conninfo()) as connection:
        counts = {name: connection.execute(query).fetchone() for name, query in _HALVES.items()}
    return {name: row[0] for name, row in counts.items() if row and row[0]}
