"""A region's day, as its systems play it: each tries again until it hears that what it said is kept.

The trusts, people and studies here are invented; NHS numbers are of the range that is never issued.
"""

import contextlib
import copy
import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psycopg
import pydicom
from psycopg_pool import ConnectionPool
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.uid import UID, CTImageStorage
from pynetdicom import AE

from exchange.hl7.framing import Deframer, framed
from exchange.hl7.senders import PostgresSenders, Sender
from exchange.people.person import Identifier, Said
from exchange.people.statements import Merged
from exchange.people.telling import tell
from exchange.policy import Role
from exchange.registry import Peer, PostgresRegistry
from exchange.telling.subscriber import Kind, PostgresSubscribers, Subscriber
from exchange.tokens import create
from exchange.trusts import Trust
from imx.configuration import read
from imx.database import open_database
from imx.errors import SetupError
from storage.errors import ArchiveError
from tests.peers.specialties import SPECIALTIES, write_ecg
from tests.ports import free_port
from tests.service import NotReady, Service

T = TypeVar("T")

#: How long a system goes on trying: a service that was killed comes back within seconds.
PATIENCE_S = 90.0

TRUSTS: Mapping[str, str] = {
    "REM": "Liverpool University Hospitals", "RBQ": "Liverpool Heart and Chest", "RBL": "Wirral",
    "RBS": "Alder Hey", "RJN": "East Cheshire",
}  # fmt: skip
MODALITIES = {"REM": "REM_CT1", "RBL": "RBL_CT1"}


#: What a killed process makes of an attempt.
_PASSING = (
    OSError, httpx.TransportError, NotReady, RuntimeError, subprocess.TimeoutExpired, ArchiveError,
    SetupError, psycopg.Error,
)  # fmt: skip


class OutOfPatience(Exception):
    """What a system tried did not come about."""


@dataclass(frozen=True, slots=True)
class Somebody:
    """One person, and the number that each trust knows them by."""

    nhs_number: str
    family: str
    given: str
    birth_date: str  # YYYYMMDD
    sex: str
    numbers: Mapping[str, str]  # by trust

    def known_as(self, trust: str, number: str) -> "Somebody":
        """With another number there."""
        return replace(self, numbers={**self.numbers, trust: number})


@dataclass
class Day:
    """The service, and what has been said to it."""

    service: Service
    folder: Path
    hl7_port: int = field(default_factory=free_port)
    minute: int = 0  # of the day: what is said later stands
    messages: int = 0

    def open(self, record_url: str, engine_port: int) -> dict[str, str]:
        """Trusts, their modalities and administration systems, and who is told of studies are made known.

        Tokens by role, of people of no one trust.
        """
        with self.database() as pool:
            registry, senders = PostgresRegistry(pool), PostgresSenders(pool)
            for code, name in TRUSTS.items():
                registry.add_trust(Trust(code, name, code))
                senders.add(Sender("127.0.0.1", code, facility=code))
            for code, title in MODALITIES.items():
                registry.add_peer(Peer(title, registry.trust(code), plain_allowed=True))
            engine = f"mllp://127.0.0.1:{engine_port}"
            for name, kind, address in (("e-Xchange", Kind.FHIR, record_url), ("engine", Kind.HL7, engine)):
                PostgresSubscribers(pool).add(Subscriber(name=name, kind=kind, address=address))
            soon = datetime.now(UTC) + timedelta(days=1)
            assert isinstance(pool.conninfo, str)
            return {
                role.value: create(pool.conninfo, role.value, role, "", soon)
                for role in (Role.COORDINATOR, Role.READER)
            }

    @contextlib.contextmanager
    def database(self) -> Iterator[ConnectionPool]:
        """Beside the service."""
        with open_database(read({"data": self.service.data}, {})) as pool:
            yield pool

    # What administration systems say ------------------------------------------------------------

    def says(
        self, trust: str, who: Somebody, event: str = "A28", status: str = "01", security: str = ""
    ) -> None:
        """Who somebody is (ADT A01, A08, A28)."""
        protection = ["PD1|" + "|" * 11 + security] if security else []
        self._adt(trust, event, self._pid(trust, who, status), "PV1||I", *protection)

    def merges(self, trust: str, who: Somebody, gone: str) -> None:
        """A number of the trust gave way to the one that it knows somebody by (ADT A40)."""
        self._adt(trust, "A40", self._pid(trust, who, "01"), f"MRG|{gone}^^^{trust}^MR")

    def orders(self, trust: str, who: Somebody, accession: str, study_uid: str) -> None:
        """An imaging order (OMI^O23)."""
        at = self._next_minute()
        self._tell(
            trust, "OMI^O23^OMI_O23", at, self._pid(trust, who, "01"), "PV1|1|O",
            f"ORC|NW|P{accession}^ICE|F{accession}^CRIS||||||{at}", f"TQ1|1||||||{at}||R",
            f"OBR|1|P{accession}^ICE|F{accession}^CRIS|CHEAD^CT Head^NICIP||||||||||||||||||||CT",
            f"IPC|{accession}^{trust}|RP1|{study_uid}|SPS1|CT|CHEAD^CT Head^NICIP|CT|^Room 2|{trust}_CT1",
        )  # fmt: skip

    def reports(
        self, trust: str, who: Somebody, accession: str, text: str, status: str = "F", number: str = ""
    ) -> None:
        """What was reported of a study (ORU^R01); another number, another report of it."""
        at, filler = self._next_minute(), f"F{accession}{number}^CRIS"
        self._tell(
            trust, "ORU^R01^ORU_R01", at, self._pid(trust, who, "01"), "PV1|1|O",
            f"ORC|RE|P{accession}^ICE|{filler}",
            f"OBR|1|P{accession}^ICE|{filler}|CHEAD^CT Head^NICIP|||{at}|||||||||||{accession}"
            f"||||{at}||CT|{status}|||||||C1^Grey^Meg",
            f"OBX|1|TX|CHEAD^CT Head^NICIP||{text}||||||{status}",
        )  # fmt: skip

    def supersedes(self, gone: str, into: str) -> None:
        """Somebody had two NHS numbers; one of them stays."""
        merged = Merged(Identifier.nhs(gone), Identifier.nhs(into))

        def told() -> bool:
            with self.database() as pool, pool.connection() as connection:
                tell(connection, merged, Said(datetime.now(UTC), "the national index"))
            return True

        again(told)

    # What modalities and departments send -------------------------------------------------------

    def scans(self, trust: str, who: Somebody, study_uid: str, accession: str = "") -> None:
        """A CT of one image, by C-STORE."""
        made = copy.deepcopy(pydicom.dcmread(str(get_testdata_file("CT_small.dcm"))))
        made.PatientID, made.PatientName = who.numbers[trust], f"{who.family}^{who.given}"
        made.PatientBirthDate, made.PatientSex = who.birth_date, who.sex
        for keyword in ("IssuerOfPatientID", "OtherPatientIDs", "OtherPatientIDsSequence"):
            if keyword in made:
                del made[keyword]
        made.AccessionNumber, made.StudyDate, made.StudyTime = accession, "20260303", "100000"
        made.StudyInstanceUID, made.SeriesInstanceUID = UID(study_uid), UID(f"{study_uid}.1")
        made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = UID(f"{study_uid}.1.1")
        again(lambda: self._stored(MODALITIES[trust], made))

    def wraps(self, trust: str, who: Somebody, kind: str, number: str) -> str:
        """A department's file becomes DICOM and is kept; its study."""
        specialty = SPECIALTIES[kind]
        person = {
            "identifier": who.numbers[trust], "issuer": trust, "nhs_number": who.nhs_number, "sex": who.sex,
            "name": {"family": who.family, "given": who.given}, "birth_date": _dashed(who.birth_date),
        }  # fmt: skip
        folder = self.folder / number
        folder.mkdir()
        path = specialty.put(folder, number)
        if kind == "cardiology-ecg":  # which says itself whose it is
            write_ecg(path, who.family)
        said = json.loads((folder / f"{number}.json").read_text())
        said["encounter"]["issuer"] = trust
        (folder / f"{number}.json").write_text(json.dumps({**said, "person": person}))
        [row] = again(lambda: self._wrapped(path, trust))
        return str(row["study"])

    # Within -------------------------------------------------------------------------------------

    def _next_minute(self) -> str:
        self.minute += 1
        return f"20260303{7 + self.minute // 60:02}{self.minute % 60:02}00"

    def _pid(self, trust: str, who: Somebody, status: str) -> str:
        fields = {
            3: f"{who.numbers[trust]}^^^{trust}^MR~{who.nhs_number}^^^NHS^NH", 5: f"{who.family}^{who.given}",
            7: who.birth_date, 8: who.sex, 32: status,
        }  # fmt: skip
        return "PID|" + "|".join(fields.get(place, "") for place in range(1, 33))

    def _adt(self, trust: str, event: str, *segments: str) -> None:
        at = self._next_minute()
        self._tell(trust, f"ADT^{event}", at, f"EVN|{event}|{at}", *segments)

    def _tell(self, trust: str, kind: str, at: str, *segments: str) -> None:
        self.messages += 1
        header = (
            f"MSH|^~\\&|PAS|{trust}|IMX|REGION|{at}||{kind}|{trust}{self.messages}|P|2.5.1||||||UNICODE UTF-8"
        )
        message = "".join(f"{each}\r" for each in (header, *segments)).encode()
        again(lambda: self._taken(message))

    def _taken(self, message: bytes) -> bool | None:
        """True once it is acknowledged. A refusal is a fault of the test, and no time mends it; but for "send
        it again" (HL7 Table 0357, 207), said while the database is away."""
        with socket.create_connection(("127.0.0.1", self.hl7_port), 30) as door:
            door.sendall(framed(message))
            deframer = Deframer(1 << 20)
            while data := door.recv(1 << 16):
                for answer in deframer.feed(data):
                    assert b"\rMSA|AR|" not in answer or b"|207^" in answer, answer.decode()
                    return True if b"\rMSA|AA|" in answer else None
        return None

    def _stored(self, title: str, made: Dataset) -> bool | None:
        ae = AE(ae_title=title)
        ae.add_requested_context(CTImageStorage)
        association = ae.associate("127.0.0.1", self.service.dicom_port, ae_title="IMX")
        if not association.is_established:
            return None
        try:
            return True if association.send_c_store(made).get("Status") == 0x0000 else None
        finally:
            association.release()

    def _wrapped(self, path: Path, trust: str) -> list[dict[str, Any]]:
        printed = self.service.imx("wrap", str(path), "--store", "--trust", trust, "--json")
        return [json.loads(line) for line in printed.splitlines()]


def again(attempt: Callable[[], T | None]) -> T:
    """What it gives at last. Raises OutOfPatience."""
    deadline = time.monotonic() + PATIENCE_S
    why: Exception | None = None
    while time.monotonic() < deadline:
        try:
            found = attempt()
            if found is not None:
                return found
        except _PASSING as error:
            why = error
        time.sleep(0.2)
    raise OutOfPatience from why


def _dashed(day: str) -> str:
    return f"{day[:4]}-{day[4:6]}-{day[6:]}"


@contextlib.contextmanager
def a_day(folder: Path, *environment: str) -> Iterator[Day]:
    """A service of its own, with its door for HL7."""
    port = free_port()
    service = Service(folder / "data", environment=(f"IMX_HL7_PORT={port}", *environment))
    try:
        service.start()
        yield Day(service, folder, port)
    finally:
        service.stop()
