"""FHIR servers of others, told by the whole service, hold exactly what stands, killed on the way or not."""

import json
import random
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from exchange.fhir.identifiers import NHS_NUMBER
from exchange.manifests.manifest import Here
from exchange.people.directory import person_known_as
from exchange.people.person import Identifier
from exchange.telling.fhir import resources_of
from exchange.telling.story import Story, story_of
from exchange.telling.subscriber import Kind, PostgresSubscribers, Subscriber
from tests.exchange.telling.test_hl7 import Receiver
from tests.peers.fhir_server import FhirServer
from tests.scenarios.day import Day, OutOfPatience, Somebody, a_day, again

pytestmark = [pytest.mark.peers, pytest.mark.timeout(900)]

DAN = Somebody("9990000042", "Dodd", "Dan", "19800311", "M", {"RBL": "333"})
EVE = Somebody("9990000050", "Eccles", "Eve", "19810812", "F", {"RBL": "444"})
HEAD, WRIST = "2.25.1001", "2.25.1003"
#: With the study, its person, its endpoint and its manifests, more than such a server takes at once.
REPORTS = 7
#: Whoever comes back is told at once.
EAGER = ("IMX_ROUTING_PAUSE_S=0.1", "IMX_ROUTING_LONGEST_PAUSE_S=0.5")
#: What is told of a study.
KINDS = ("ImagingStudy", "DocumentReference", "DiagnosticReport")


@dataclass
class Region:
    """The service, the care record that it tells by FHIR and the repository that it tells by MHD."""

    day: Day
    record: FhirServer
    repository: FhirServer
    tokens: Mapping[str, str]  # by role

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """A co-ordinator asks; None where what they saw has changed since."""
        answer = httpx.request(
            method, f"{self.day.service.url}{path}", json=body, timeout=60,
            headers={"Authorization": f"Bearer {self.tokens['coordinator']}"},
        )  # fmt: skip
        if answer.status_code == httpx.codes.CONFLICT:
            return None
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def correct(self, study_uid: str, to: Somebody) -> None:
        """It was somebody else, once it is linked at all."""
        again(lambda: self.story(study_uid))
        with self.day.database() as pool, pool.connection() as connection:
            known = person_known_as(connection, Identifier.nhs(to.nhs_number))
        assert known is not None
        path = f"/links/{study_uid}/correction"

        def corrected() -> Any:
            token = self.ask("GET", f"{path}?person={known.uid}")["token"]
            said = {"person": str(known.uid), "token": token, "reason": "the wrong wristband"}
            return self.ask("POST", path, said)

        again(corrected)

    def withdraw(self, study_uid: str) -> None:
        """One asks, another approves."""
        asked = self.ask("DELETE", f"/dicom-web/studies/{study_uid}", {"reason": "of nobody"})
        self.day.service.imx("withdrawals", "approve", str(asked["id"]), "--by", "somebody else")

    def comes_to(self, studies: Mapping[str, Somebody], reports: Mapping[str, list[str]]) -> None:
        """Both hold these studies of these people, with reports of these statuses, and nothing else."""
        wanted = {
            uid: (who.nhs_number, who.nhs_number, sorted(reports.get(uid, [])))
            for uid, who in studies.items()
        }
        seen: dict[str, tuple[str, str, list[str]]] = {}

        def agreed() -> bool | None:
            nonlocal seen
            seen = self.held()
            return True if seen == wanted else None

        try:
            again(agreed)
        except OutOfPatience:
            told = self.day.service.imx("record", "tellings", "--json")
            assert (seen, told) == (wanted, "")
        self.assert_exact(studies)

    def held(self) -> dict[str, tuple[str, str, list[str]]]:
        """Of each study its person in the record, in the repository, and the statuses of its reports."""
        numbers = {
            f"Patient/{each['id']}": number["value"]
            for each in self.record.find("Patient")
            for number in each["identifier"]
            if number["system"] == NHS_NUMBER
        }
        documents = {
            uid: each["subject"]["identifier"]["value"]
            for each in self.repository.find("DocumentReference", status="current")
            for related in each["context"]["related"]
            for uid in _uids([related["identifier"]])
        }
        found: dict[str, tuple[str, str, list[str]]] = {}
        reports = self.record.find("DiagnosticReport")
        for study in self.record.find("ImagingStudy"):
            [uid] = _uids(study["identifier"])
            assert uid not in found
            place = f"ImagingStudy/{study['id']}"
            beside = [each["status"] for each in reports if each["imagingStudy"][0].get("reference") == place]
            whose = numbers.get(study["subject"]["reference"], "")  # its person may have come since
            found[uid] = whose, documents.pop(uid, ""), sorted(beside)
        return found | {uid: ("", number, []) for uid, number in documents.items()}

    def assert_exact(self, studies: Mapping[str, Somebody]) -> None:
        """What the record holds is, word for word, what should be told now."""
        stories = filter(None, map(self.story, studies))
        wanted = {key: told for story in stories for key, told in resources_of(story).items()}
        for key, told in wanted.items():
            [kept] = self.record.read(key)
            assert _words(kept) == _words(told), key
        assert sum(len(self.record.find(kind)) for kind in KINDS) == len(wanted)
        for study in self.record.find("ImagingStudy"):
            for named in (study["subject"], study["endpoint"][0]):
                assert self.record.read(named["reference"])

    def story(self, study_uid: str) -> Story | None:
        """What stands of it, None where it is nobody's."""
        with self.day.database() as pool, pool.connection() as connection:
            return story_of(connection, study_uid, self.here)

    @property
    def here(self) -> Here:
        """As the service says itself how it is got at: in the endpoint that it told of."""
        [endpoint] = self.record.find("Endpoint")
        base = str(endpoint["address"]).removesuffix("/dicom-web")
        return Here(base, "IMX")


@pytest.fixture
def region() -> Iterator[Region]:
    with tempfile.TemporaryDirectory(prefix="imx-fhir-") as name, Receiver().listening() as engine:
        folder = Path(name)
        folder.chmod(0o711)
        with (
            FhirServer(folder / "record.jsonl").serving() as record,
            FhirServer(folder / "repository.jsonl").serving() as repository,
            a_day(folder, *EAGER) as day,
        ):
            tokens = day.open(record.url, engine.port)
            with day.database() as pool:
                told = Subscriber(name="repository", kind=Kind.MHD, address=repository.url)
                PostgresSubscribers(pool).add(told)
            yield Region(day, record, repository, tokens)


def test_they_hold_what_stands_at_every_turn_although_they_are_killed(region: Region) -> None:
    day = region.day
    for somebody in (DAN, EVE):
        day.says("RBL", somebody, "A01")
    day.scans("RBL", EVE, WRIST, "W1")
    day.scans("RBL", DAN, HEAD, "H1")
    day.reports("RBL", DAN, "H1", "No fracture.")
    for number in range(REPORTS):
        day.reports("RBL", EVE, "W1", f"Reading {number}.", number=f"-{number}")
    final = {HEAD: ["final"], WRIST: ["final"] * REPORTS}
    region.comes_to({HEAD: DAN, WRIST: EVE}, final)

    # Told again, it is the same in the same places.
    before = region.record.places(*KINDS), region.repository.places("DocumentReference")
    [version] = [each["meta"]["versionId"] for each in _study(region.record, HEAD)]
    for name in ("e-Xchange", "repository"):
        day.service.imx("record", "replay", "--all", name, "--by", "somebody")
    again(lambda: _study(region.record, HEAD)[0]["meta"]["versionId"] != version or None)
    region.comes_to({HEAD: DAN, WRIST: EVE}, final)
    assert region.record.places(*KINDS) == before[0]

    # A report is withdrawn, another corrected; then it was DAN under that wristband, and then a study goes.
    day.reports("RBL", EVE, "W1", "", "X", "-0")
    day.reports("RBL", EVE, "W1", "It was the left.", "C", "-1")
    stand = {HEAD: ["final"], WRIST: ["corrected", "entered-in-error", *["final"] * (REPORTS - 2)]}
    region.comes_to({HEAD: DAN, WRIST: EVE}, stand)
    region.correct(WRIST, DAN)
    region.comes_to({HEAD: DAN, WRIST: DAN}, {HEAD: ["final"]})
    region.withdraw(HEAD)
    region.comes_to({WRIST: DAN}, {})

    # And the same while they are killed.
    uids = [f"2.25.200{number}" for number in range(4)]
    with killing(region.record, region.repository):
        for number, uid in enumerate(uids):
            day.scans("RBL", EVE, uid, f"A{number}")
            day.reports("RBL", EVE, f"A{number}", f"Reading {number}.")
        for uid in uids[:2]:
            region.correct(uid, DAN)
        region.withdraw(uids[2])
    region.comes_to({WRIST: DAN, uids[0]: DAN, uids[1]: DAN, uids[3]: EVE}, {uids[3]: ["final"]})


@contextmanager
def killing(*servers: FhirServer) -> Iterator[None]:
    """One of them is killed every so often, and comes back a little later."""
    over = threading.Event()

    def kill_some() -> None:
        while not over.wait(random.uniform(0.2, 1.5)):
            server = random.choice(servers)
            server.kill()
            over.wait(random.uniform(0.0, 1.0))
            server.start()

    killer = threading.Thread(target=kill_some)
    killer.start()
    try:
        yield
    finally:
        over.set()
        killer.join()


def _study(record: FhirServer, uid: str) -> list[dict[str, Any]]:
    return record.find("ImagingStudy", identifier=f"urn:dicom:uid|urn:oid:{uid}")


def _uids(identifiers: list[dict[str, Any]]) -> list[str]:
    return [
        str(each["value"]).removeprefix("urn:oid:")
        for each in identifiers
        if each.get("system") == "urn:dicom:uid"
    ]


def _words(resource: Any) -> str:
    """A resource without its own place and version, and without the places that it refers to."""
    kept = {name: value for name, value in resource.items() if name not in ("id", "meta")}
    profile = resource.get("meta", {}).get("profile", [])
    return json.dumps([_without_places(kept), profile], sort_keys=True)


def _without_places(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_places(each) for each in node]
    if isinstance(node, dict):
        return {name: _without_places(each) for name, each in node.items() if name != "reference"}
    return node
