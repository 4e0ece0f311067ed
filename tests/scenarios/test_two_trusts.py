"""Two trusts use the same Patient ID and accession number: two people, apart at every door.

The whole service as an operator would start it; the trusts' modalities and workstations are pynetdicom's.
"""

import copy
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, generate_uid
from pynetdicom import AE, evt

from dicom_router.contexts import STUDY_ROOT_FIND, STUDY_ROOT_MOVE
from dicom_router.services.worklist import WORKLIST
from tests.ports import free_port
from tests.service import Service

PATIENT_ID, ACCESSION = "123456", "A1"
TRUSTS = ("RBL", "RBT")


@dataclass
class Workstation:
    """A storage SCP: what a reading room of a trust receives."""

    title: str
    port: int = field(default_factory=free_port)
    received: list[Dataset] = field(default_factory=list)

    def waited_for(self, study_uid: str, patience_s: float = 60) -> Dataset:
        """The first instance of a study, once it has come."""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            for each in list(self.received):
                if each.StudyInstanceUID == study_uid:
                    return each
            time.sleep(0.05)
        raise TimeoutError("the study did not come")

    def on_store(self, event: evt.Event) -> int:
        self.received.append(event.dataset)
        return 0x0000


@dataclass
class Region:
    """Two trusts on one service, a study of each."""

    service: Service
    studies: dict[str, str] = field(default_factory=dict)  # Study Instance UID by trust
    workstations: dict[str, Workstation] = field(default_factory=dict)

    @contextmanager
    def called_as(self, title: str, *classes: str) -> Iterator[Any]:
        ae = AE(ae_title=title)
        for each in classes:
            ae.add_requested_context(each)
        association = ae.associate("127.0.0.1", self.service.dicom_port, ae_title="IMX")
        assert association.is_established
        try:
            yield association
        finally:
            association.release()

    def find(self, title: str, **keys: str) -> list[Dataset]:
        """What a peer finds at the study level."""
        identifier = Dataset()
        identifier.QueryRetrieveLevel = "STUDY"
        for keyword in ("StudyInstanceUID", "PatientID", "IssuerOfPatientID", "AccessionNumber"):
            setattr(identifier, keyword, keys.get(keyword, ""))
        with self.called_as(title, STUDY_ROOT_FIND) as association:
            answers = list(association.send_c_find(identifier, STUDY_ROOT_FIND))
        assert answers[-1][0].Status == 0x0000
        return [found for _, found in answers[:-1]]

    def move(self, title: str, to: str, **keys: str) -> list[tuple[int, Dataset]]:
        identifier = Dataset()
        identifier.QueryRetrieveLevel = "STUDY"
        for keyword, value in keys.items():
            setattr(identifier, keyword, value)
        with self.called_as(title, STUDY_ROOT_MOVE) as association:
            return [
                (status.Status, status)
                for status, _ in association.send_c_move(identifier, to, STUDY_ROOT_MOVE)
            ]


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    folder = tmp_path_factory.mktemp("region")
    folder.chmod(0o755)
    found = Region(Service(folder / "data"))
    servers: list[Any] = []
    try:
        found.service.start()
        for trust in TRUSTS:
            _connect(found, trust, servers)
        yield found
    finally:
        for server in servers:
            server.shutdown()
        found.service.stop()


def _connect(region: Region, trust: str, servers: list[Any]) -> None:
    """A modality that has sent one study, and a workstation that reads."""
    service = region.service
    service.imx("trust", "add", trust, f"Trust {trust}")
    service.imx("peer", "add", f"CT_{trust}", "--trust", trust, "--plain", "--worklist")
    station = region.workstations[trust] = Workstation(f"WS_{trust}")
    ae = AE(ae_title=station.title)
    ae.add_supported_context(CTImageStorage)
    handlers = [(evt.EVT_C_STORE, station.on_store)]
    servers.append(
        ae.start_server(("127.0.0.1", station.port), block=False, evt_handlers=handlers)  # type: ignore[arg-type]
    )
    service.imx(
        "peer", "add", station.title, "--trust", trust, "--plain", "--read", "--no-store",
        "--host", "127.0.0.1", "--port", str(station.port),
    )  # fmt: skip
    made = _study(trust)
    region.studies[trust] = str(made.StudyInstanceUID)
    with region.called_as(f"CT_{trust}", CTImageStorage) as association:
        assert association.send_c_store(made).Status == 0x0000


def _study(trust: str) -> Dataset:
    made = copy.deepcopy(pydicom.dcmread(str(get_testdata_file("CT_small.dcm"))))
    made.PatientID, made.AccessionNumber = PATIENT_ID, ACCESSION
    made.PatientName, made.PatientBirthDate = f"Of^{trust}", "19700101"
    if "IssuerOfPatientID" in made:
        del made.IssuerOfPatientID
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(), generate_uid()
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    return made


@pytest.mark.parametrize("trust", TRUSTS)
def test_a_bare_number_finds_the_askers_own_patient(region: Region, trust: str) -> None:
    for key in ({"PatientID": PATIENT_ID}, {"AccessionNumber": ACCESSION}, {"PatientID": "1234*"}):
        (found,) = region.find(f"WS_{trust}", **key)
        assert (found.StudyInstanceUID, found.IssuerOfPatientID) == (region.studies[trust], trust)


def test_an_issuer_or_a_uid_crosses_trusts(region: Region) -> None:
    (found,) = region.find("WS_RBL", PatientID=PATIENT_ID, IssuerOfPatientID="RBT")
    assert found.StudyInstanceUID == region.studies["RBT"]
    (found,) = region.find("WS_RBL", StudyInstanceUID=region.studies["RBT"])
    assert (found.PatientID, found.IssuerOfPatientID) == (PATIENT_ID, "RBT")


def test_what_is_moved_home_keeps_its_number(region: Region) -> None:
    station = region.workstations["RBL"]
    answers = region.move("WS_RBL", "WS_RBL", StudyInstanceUID=region.studies["RBL"])

    assert answers[-1][0] == 0x0000
    (received,) = [each for each in station.received if each.StudyInstanceUID == region.studies["RBL"]]
    assert received.PatientID == PATIENT_ID


def test_what_is_moved_to_another_trust_never_carries_a_bare_foreign_number(region: Region) -> None:
    station = region.workstations["RBL"]
    answers = region.move("WS_RBL", "WS_RBL", StudyInstanceUID=region.studies["RBT"])

    assert answers[-1][0] == 0x0000
    (received,) = [each for each in station.received if each.StudyInstanceUID == region.studies["RBT"]]
    assert (received.PatientID, received.IssuerOfPatientID) == ("RBT-123456", "RBT")
    assert received.AccessionNumber != ACCESSION
    original = received.OriginalAttributesSequence[0].ModifiedAttributesSequence[0]
    assert (original.PatientID, original.AccessionNumber) == (PATIENT_ID, ACCESSION)


def test_over_dicomweb_an_account_of_a_trust_finds_its_own(region: Region) -> None:
    for trust in TRUSTS:
        (made,) = json.loads(
            region.service.imx("token", "create", f"reader {trust}", "--trust", trust, "--json")
        )
        headers = {"Authorization": f"Bearer {made['token']}"}
        for key in ({"PatientID": PATIENT_ID}, {"AccessionNumber": ACCESSION}):
            (found,) = httpx.get(
                f"{region.service.url}/dicom-web/studies", params=key, headers=headers, timeout=60
            ).json()
            assert found["0020000D"]["Value"] == [region.studies[trust]]
            assert found["00100021"]["Value"] == [trust]


def test_the_same_study_uid_from_both_is_shown_as_inconsistent_to_both(region: Region) -> None:
    """A UID crosses trusts, so one UID under two identities must never look like one person's."""
    made = _study("RBT")
    made.StudyInstanceUID = region.studies["RBL"]
    with region.called_as("CT_RBT", CTImageStorage) as association:
        assert association.send_c_store(made).Status == 0x0000
    headers = {"Authorization": f"Bearer {region.service.token()}"}

    answer = httpx.get(
        f"{region.service.url}/dicom-web/studies",
        params={"StudyInstanceUID": region.studies["RBL"]},
        headers=headers,
        timeout=60,
    )

    assert "two identifiers" in answer.headers["Warning"]


def test_a_modality_sees_the_orders_of_its_own_trust(region: Region) -> None:
    for trust in TRUSTS:
        region.service.imx(
            "order", "add", f"{trust}-1", "--trust", trust, "--patient", PATIENT_ID, "--accession", ACCESSION,
            "--modality", "CT", "--name", f"Of^{trust}",
        )  # fmt: skip
    step, identifier = Dataset(), Dataset()
    step.ScheduledStationAETitle = step.Modality = ""
    identifier.PatientName = identifier.IssuerOfPatientID = ""
    identifier.PatientID, identifier.AccessionNumber = PATIENT_ID, ACCESSION
    identifier.ScheduledProcedureStepSequence = [step]

    for trust in TRUSTS:
        with region.called_as(f"CT_{trust}", WORKLIST) as association:
            answers = list(association.send_c_find(identifier, WORKLIST))
        (found,) = [item for status, item in answers if status.Status == 0xFF00]
        assert (found.PatientName, found.IssuerOfPatientID) == (f"Of^{trust}", trust)


def test_what_rules_send_to_another_trust_never_carries_a_bare_foreign_number(
    region: Region, tmp_path: Path
) -> None:
    station = region.workstations["RBL"]
    _load_rules(region, tmp_path, '[[rule]]\nname = "theirs to ours"\nmatch.trust = "RBT"\nsend = "WS_RBL"\n')
    made = _study("RBT")
    with region.called_as("CT_RBT", CTImageStorage) as association:
        assert association.send_c_store(made).Status == 0x0000

    received = station.waited_for(made.StudyInstanceUID)

    assert (received.PatientID, received.IssuerOfPatientID) == ("RBT-123456", "RBT")
    assert received.AccessionNumber != ACCESSION


def test_priors_are_the_patients_own(region: Region, tmp_path: Path) -> None:
    """Both trusts hold studies of "123456"; the workstation of one is brought its own alone."""
    station = region.workstations["RBL"]
    rule = '[[rule]]\nname = "priors"\nmatch.trust = "RBL"\nprefetch = { to = "WS_RBL", at_most = 10 }\n'
    _load_rules(region, tmp_path, rule)
    prior, made = _study("RBL"), _study("RBL")
    for each in (prior, made):
        with region.called_as("CT_RBL", CTImageStorage) as association:
            assert association.send_c_store(each).Status == 0x0000
    station.received.clear()
    today = _study("RBL")
    with region.called_as("CT_RBL", CTImageStorage) as association:
        assert association.send_c_store(today).Status == 0x0000

    station.waited_for(prior.StudyInstanceUID)
    station.waited_for(made.StudyInstanceUID)

    assert {each.PatientID for each in station.received} == {PATIENT_ID}
    assert {str(each.PatientName) for each in station.received} == {"Of^RBL"}


def _load_rules(region: Region, folder: Path, text: str) -> None:
    file = folder / "rules.toml"
    file.write_text(text)
    region.service.imx("rules", "load", str(file))


def test_the_log_names_no_patient(region: Region) -> None:
    text = Path(region.service.log).read_text(errors="replace")
    assert "Of^" not in text
    assert PATIENT_ID not in text
