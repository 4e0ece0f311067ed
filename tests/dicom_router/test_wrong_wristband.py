"""A wrong wristband: a study of Ruth's bears Ann's details; corrected, asked for in four ways, undone."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE

from dicom_router.contexts import STUDY_ROOT_FIND
from dicom_router.requestor import Calling
from dicom_router.rules.desk import RuleDesk
from dicom_router.sender import Sender
from dicom_router.services import finding, moving
from dicom_router.services.retrieving import Retrieving
from dicom_router.settings import CallingSettings
from exchange.linking.corrected import apply, preview, undo
from exchange.linking.link import LINKER, LinkState
from exchange.linking.links import link_of
from exchange.linking.reviewing import DecidedMeanwhile
from exchange.linking.reviews import Decider
from exchange.people.directory import person_known_as
from exchange.people.person import (
    Demographics,
    Identifier,
    NumberStatus,
    PersonName,
    Record,
    Said,
    Sex,
)
from exchange.people.telling import tell
from storage.part10 import read_meta
from tests.dicom_router.conftest import Running, Serve
from tests.dicom_router.holdings import Destination, Holdings, destination
from tests.dicom_router.services.test_getting import keys
from tests.dicom_router.services.test_moving import CT, READER, Registry, entry, move
from tests.storage.material import instance
from tests.viewer_api.conftest import serving
from viewer_api.parts import ApiParts
from viewer_api.settings import ApiSettings

ANN, RUTH = "9990000018", "9990000026"
MARY = Decider("mary", "RBL", "the ward says that it was Ruth who was scanned")
STUDY = "1.2.826.0.1.1"


@dataclass
class Doors:
    """The four ways to ask for the study."""

    api: httpx.Client
    router: Running
    workstation: Destination
    uid: str

    def qido(self) -> dict[str, Any]:
        (found,) = self.api.get("/dicom-web/studies", params={"StudyInstanceUID": STUDY}).json()
        return dict(found)

    def wado(self) -> bytes:
        answer = self.api.get(
            f"/dicom-web/studies/{STUDY}/series/{STUDY}.1/instances/{self.uid}",
            headers={"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'},
        )
        answer.raise_for_status()
        boundary = answer.headers["content-type"].partition("boundary=")[2].partition(";")[0].strip('"')
        part = answer.content.split(b"--" + boundary.encode())[1]
        file = part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
        return file[read_meta(file).data_offset :]

    def find(self, **asked: str) -> list[Dataset]:
        ae = AE("READER")
        ae.add_requested_context(STUDY_ROOT_FIND)
        association = ae.associate("127.0.0.1", self.router.port, ae_title="IMX")
        assert association.is_established
        wanted = {
            "PatientName": "",
            "PatientID": "",
            "IssuerOfPatientID": "",
            "StudyInstanceUID": "",
            **asked,
        }
        found = [
            each for _, each in association.send_c_find(keys("STUDY", **wanted), STUDY_ROOT_FIND) if each
        ]
        association.release()
        return found

    def moved(self) -> bytes:
        assert move(self.router, keys("STUDY", StudyInstanceUID=STUDY)).status == 0
        return self.workstation.received[self.uid]


@pytest.fixture
def doors(holdings: Holdings, serve: Serve, tmp_path: Path) -> Iterator[Doors]:
    made = instance(
        StudyInstanceUID=STUDY, SeriesInstanceUID=f"{STUDY}.1", PatientID="111", PatientName="Grey^Ann",
        PatientBirthDate="19600101", PatientSex="F", PatientAge="066Y", Allergies="Latex",
        StudyDate="20260301", PatientAddress="1 High Street",
    )  # fmt: skip
    uid = holdings.keep(made)
    with _people(holdings), destination(CT) as workstation:
        registry = Registry({"DESTINATION": entry(workstation.callee)})
        settings = CallingSettings(connect_s=2, accept_s=2, idle_s=10, stall_s=10, tick_s=0.05)
        sender = Sender(reader=holdings.reader, calling=Calling(settings=settings))
        retrieving = Retrieving(holdings.reading, registry.trusts)
        services = {
            **finding.services(holdings.reading),
            **moving.services(retrieving, registry, sender),
        }
        router = serve(services=services, peers=(READER,))
        parts = ApiParts(
            settings=ApiSettings(is_open=True), objects=holdings.shelf.objects, door=holdings.shelf.ingest,
            database=str(holdings.shelf.pool.conninfo), pool=holdings.shelf.pool,
            rules=RuleDesk(holdings.shelf.pool),
        )  # fmt: skip
        with serving(parts) as url, httpx.Client(base_url=url, timeout=60) as api:
            yield Doors(api, router, workstation, uid)


@contextmanager
def _people(holdings: Holdings) -> Iterator[None]:
    with holdings.shelf.pool.connection() as connection:
        connection.execute("insert into trust (ods_code, name, issuer) values ('RBL', 'Wirral', 'RBL')")
        for number, given, born, local in (
            (ANN, "Ann", "19600101", "111"),
            (RUTH, "Ruth", "19710304", "222"),
        ):
            of = Demographics((PersonName("Grey", (given,)),), born, Sex.FEMALE)
            for identifier in (Identifier.nhs(number), Identifier(local, "RBL")):
                told = Record(identifier, of, number, NumberStatus.VERIFIED)
                tell(connection, told, Said(datetime(2026, 3, 1, tzinfo=UTC), "adt"))
    yield


def test_all_four_answer_with_the_corrected_details_and_the_same_bytes_once_it_is_undone(
    doors: Doors, holdings: Holdings
) -> None:
    sent = holdings.received[doors.uid]
    assert doors.wado() == doors.moved() == sent
    with holdings.shelf.pool.connection() as connection:
        ann = person_known_as(connection, Identifier.nhs(ANN))
        ruth = person_known_as(connection, Identifier.nhs(RUTH))
        assert ann is not None
        assert ruth is not None
        shown = preview(connection, STUDY, ruth.id)
        said = {each.name: (each.before, each.after) for each in shown.changes}
        assert said["Patient ID"] == (("111",), "222")
        assert said["Patient's Name"] == (("Grey, Ann",), "Grey, Ruth")
        assert said["Patient's Age"] == (("066Y",), "054Y")
        assert said["Allergies"] == (("Latex",), "")
        assert {each.action for each in shown.opened} == {"retrieve"}
        with pytest.raises(DecidedMeanwhile):
            apply(connection, STUDY, ruth.id, "another", MARY)
    with holdings.shelf.pool.connection() as connection:
        number = apply(connection, STUDY, ruth.id, shown.token, MARY)

    assert doors.qido()["00100020"]["Value"] == ["222"]
    assert doors.qido()["00100010"]["Value"] == [{"Alphabetic": "Grey^Ruth"}]
    assert [str(each.PatientID) for each in doors.find(PatientID="222")] == ["222"]
    assert doors.find(PatientID="111") == []
    for data_set in (doors.wado(), doors.moved()):
        read = dcmread(BytesIO(data_set), force=True)
        assert (read.PatientID, read.PatientName, read.IssuerOfPatientID) == ("222", "Grey^Ruth", "RBL")
        assert (read.PatientBirthDate, read.Allergies) == ("19710304", "")
        assert read.OtherPatientIDsSequence[0].PatientID == RUTH
        [original] = read.OriginalAttributesSequence
        assert original.ReasonForTheAttributeModification == "CORRECT"
        assert original.ModifiedAttributesSequence[0].PatientID == "111"
        assert original.ModifiedAttributesSequence[0].Allergies == "Latex"
    with holdings.shelf.pool.connection() as connection:
        link = link_of(connection, STUDY)
        assert link is not None
        assert (link.decided.state, link.decided.person_id, link.is_by_hand) == (
            LinkState.LINKED,
            ruth.id,
            True,
        )

        undo(connection, STUDY, number, MARY)

    assert doors.wado() == doors.moved() == sent
    assert [str(each.PatientName) for each in doors.find(PatientID="111")] == ["Grey^Ann"]
    assert doors.qido()["00100020"]["Value"] == ["111"]
    assert holdings.shelf.rows("select because from outbox order by id") == [
        ("linked",), ("corrected",), ("corrected",), ("unlinked",), ("linked",)
    ]  # fmt: skip
    with holdings.shelf.pool.connection() as connection:
        link = link_of(connection, STUDY)
        assert link is not None
        assert (link.decided.person_id, link.by) == (ann.id, LINKER)
