"""A day of five trusts: links, what is shown and what the care record holds agree at its end.

And again while every process of the service is killed at random. SEED repeats a run's choices.
"""

import os
import random
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from exchange.linking.links import link_of
from exchange.people.directory import people, person_known_as
from exchange.people.person import Identifier, Person
from imx.demo.record.server import RecordServer
from tests.exchange.telling.test_hl7 import Receiver, texts
from tests.peers.test_crash import kill
from tests.scenarios.day import Day, OutOfPatience, Somebody, a_day, again

SEED = int(os.environ.get("SEED", str(random.randrange(10**6))))

ANN = Somebody("9990000018", "Ashworth", "Ann", "19610504", "F", {"REM": "1001", "RBQ": "501"})
BEN = Somebody("9990000026", "Brandreth", "Ben", "19500102", "M", {"RBL": "111"})
CYD = Somebody("9990000034", "Clegg", "Cyd", "20150719", "F", {"RBS": "31"})
DAN = Somebody("9990000042", "Dodd", "Dan", "19800311", "M", {"RBL": "333"})
EVE = Somebody("9990000050", "Eccles", "Eve", "19810812", "F", {"RBL": "444"})
FAY = Somebody("9990000069", "Fearon", "Fay", "19700130", "F", {"RJN": "71"})

#: CYD's number once it was found that she had two.
CYDS_NEW_NUMBER = "9990000077"

#: Who dies during the day, and every fifth time the supervisor, which is started again on the same data.
CHILDREN = ("router", "api", "worker", "hl7", "postgres")

HEAD, KNEE, WRIST = "2.25.1001", "2.25.1002", "2.25.1003"


class DoneOrChanged(Exception):
    """What was asked for is done already, by who was killed before they answered; or things have changed."""


@dataclass
class Region:
    """The day, who is told of its studies, a co-ordinator and somebody who reads."""

    day: Day
    record: RecordServer  # by FHIR
    engine: Receiver  # by HL7 v2
    tokens: Mapping[str, str]  # by role

    def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, role: str = "coordinator"
    ) -> Any:
        """Somebody asks, until there is an answer. Raises DoneOrChanged."""

        def asked() -> Any:
            answer = httpx.request(
                method, f"{self.day.service.url}{path}", json=body, timeout=60,
                headers={"Authorization": f"Bearer {self.tokens[role]}"},
            )  # fmt: skip
            if answer.status_code >= 500:
                return None
            if answer.status_code == 409:
                raise DoneOrChanged
            assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
            return answer.json()

        return again(asked)

    def person(self, identifier: Identifier) -> Person:
        """Once the directory knows them."""

        def known() -> Person | None:
            with self.day.database() as pool, pool.connection() as connection:
                return person_known_as(connection, identifier)

        return again(known)

    def links(self, studies: Mapping[str, str]) -> Mapping[str, str]:
        """The NHS number of whom each study is linked to, "" for nobody."""
        found: dict[str, str] = {}
        with self.day.database() as pool, pool.connection() as connection:
            for uid in studies:
                link = link_of(connection, uid)
                person_id = link.decided.person_id if link else None
                found[uid] = people(connection, [person_id])[person_id].nhs_number if person_id else ""
        return found

    def told(self, studies: Mapping[str, str]) -> Mapping[str, str]:
        """The NHS number of whose the care record says that each study is."""
        return {uid: self.subject(uid) for uid in studies}

    def subject(self, study_uid: str) -> str:
        """Of one study, "" where the record has none."""
        studies = self.record.store.find("ImagingStudy", identifier=f"urn:dicom:uid|urn:oid:{study_uid}")
        assert len(studies) <= 1
        for each in studies:
            address = each["subject"]["reference"]
            patient = self.record.store.current[address]
            numbers = [
                number["value"]
                for number in patient["identifier"]
                if number["system"] == "https://fhir.nhs.uk/Id/nhs-number"
            ]
            return str(numbers[0])
        return ""

    def heard(self, studies: Mapping[str, str]) -> Mapping[str, str]:
        """The NHS number under which the engine heard of each study last."""
        found = dict.fromkeys(studies, "")
        for message in list(self.engine.took):
            [number] = texts(message, "PID", (3, 1))
            uid, status = texts(message, "OBR", (3, 1), (25, 1))
            if uid in found:
                found[uid] = "" if status == "X" else number
        return found

    def comes_to(self, studies: Mapping[str, str]) -> None:
        """All agree with what is true, in the end."""
        said = {
            "linked to": self.links, "told the record": self.told, "told the engine": self.heard,
        }  # fmt: skip
        agree = {name: dict(studies) for name in said}

        def agreed() -> bool | None:
            return True if {name: say(studies) for name, say in said.items()} == agree else None

        try:
            again(agreed)
        except OutOfPatience:
            assert {name: say(studies) for name, say in said.items()} == agree


@pytest.fixture
def region() -> Iterator[Region]:
    with (
        tempfile.TemporaryDirectory(prefix="imx-day-") as folder,
        RecordServer().serving() as record,
        Receiver().listening() as engine,
    ):
        Path(folder).chmod(0o711)
        with a_day(Path(folder)) as day:
            yield Region(day, record, engine, day.open(record.url, engine.port))


def test_the_record_the_store_and_the_links_agree(region: Region) -> None:
    play(region)


@pytest.mark.peers
def test_they_agree_although_every_process_is_killed(region: Region) -> None:
    print(f"SEED={SEED}")  # shown when it fails
    with killing(region, random.Random(SEED)):
        play(region)


def play(region: Region) -> None:
    """The day, in the order of the clock."""
    day = region.day
    # Morning: people are admitted and registered; orders are placed.
    day.says("REM", ANN, "A01")
    day.says("RBQ", ANN)
    day.says("RBL", BEN, "A04")
    day.orders("RBL", BEN, "B1", KNEE)
    day.says("RBS", CYD)
    for somebody in (DAN, EVE):
        day.says("RBL", somebody, "A01")
    day.says("RJN", FAY, security="R")

    # Pictures come: radiology, cardiology, dermatology, pathology.
    day.scans("REM", ANN, HEAD, "A1")
    ecg = day.wraps("RBQ", ANN, "cardiology-ecg", "E1")
    day.scans("RBL", BEN, KNEE, "B1")
    skin = day.wraps("RBS", CYD, "dermatology-photograph", "P1")
    slide = day.wraps("RJN", FAY, "pathology-slide", "S1")
    day.scans("RBL", EVE, WRIST)  # who was scanned is DAN, under EVE's wristband
    truth = {
        HEAD: ANN.nhs_number, ecg: ANN.nhs_number, KNEE: BEN.nhs_number, skin: CYD.nhs_number,
        slide: FAY.nhs_number, WRIST: EVE.nhs_number,
    }  # fmt: skip
    region.comes_to(truth)

    # Noon: a report; BEN was registered twice; CYD's number is superseded; the wristband comes to light.
    day.reports("REM", ANN, "A1", "No fracture.")
    ben = BEN.known_as("RBL", "222")
    day.says("RBL", ben)
    day.merges("RBL", ben, gone="111")
    day.supersedes(CYD.nhs_number, CYDS_NEW_NUMBER)
    truth |= {skin: CYDS_NEW_NUMBER}
    number = correct(region, WRIST, region.person(Identifier.nhs(DAN.nhs_number)))
    region.comes_to({**truth, WRIST: DAN.nhs_number})
    assert shown(region, WRIST)["00100020"]["Value"] == ["333"]

    # Evening: it was EVE after all.
    with suppress(DoneOrChanged):  # what comes of it says which
        region.ask("POST", f"/links/{WRIST}/decisions/{number}/undo", {"reason": "the porter was wrong"})
    region.comes_to(truth)
    assert shown(region, WRIST)["00100020"]["Value"] == ["444"]
    again(lambda: True if shown(region, KNEE)["00100020"]["Value"] == ["222"] else None)
    again(lambda: True if reported(region, ANN) == ["final"] else None)


def correct(region: Region, study_uid: str, to: Person) -> int:
    """The co-ordinator looks at what a correction would do, and has it done; its number."""

    def done() -> int | None:
        preview = region.ask("GET", f"/links/{study_uid}/correction?person={to.uid}")
        said = {"person": str(to.uid), "token": preview["token"], "reason": "the wrong wristband"}
        try:
            return int(region.ask("POST", f"/links/{study_uid}/correction", said)["decision"])
        except DoneOrChanged:
            decided = region.ask("GET", f"/links/{study_uid}")["decisions"]
            return next((int(each["decision"]) for each in decided if each["verb"] == "correct"), None)

    return again(done)


def shown(region: Region, study_uid: str) -> Any:
    """What QIDO-RS says of a study."""
    [found] = region.ask("GET", f"/dicom-web/studies?StudyInstanceUID={study_uid}", role="reader")
    return found


def reported(region: Region, who: Somebody) -> list[str]:
    """How the reports stand that the care record has of somebody."""
    number = f"https://fhir.nhs.uk/Id/nhs-number|{who.nhs_number}"
    found = region.record.store.find("DiagnosticReport", subject__identifier=number)
    return [each["status"] for each in found]


@contextmanager
def killing(region: Region, chance: random.Random) -> Iterator[None]:
    """Some process of the service is killed soon after it came back, or before, until the day is over."""
    over = threading.Event()

    def kill_some() -> None:
        for number in count(1):
            if over.wait(chance.uniform(0.5, 4.0)):
                return
            part = "supervisor" if number % 5 == 0 else chance.choice(CHILDREN)
            kill(region.day.service, part, chance)
            if chance.random() < 0.7:
                region.day.service.wait_ready(120)

    killer = threading.Thread(target=kill_some)
    killer.start()
    try:
        yield
    finally:
        over.set()
        killer.join()
        region.day.service.wait_ready(120)
