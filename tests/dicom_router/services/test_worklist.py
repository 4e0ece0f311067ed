"""Modality Worklist on real orders, by pynetdicom's SCU (PS3.4 §K)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pynetdicom import AE

from dicom_router.services.worklist import WORKLIST, services
from dicom_router.services.worklist_items import asked_of, knows, worklist_items
from exchange.order import Code, Order, Patient, Said, Status, Step
from exchange.orders import Placed, PostgresOrders, Told
from exchange.registry import Peer, PostgresRegistry, Trust
from storage.matching import is_answer
from storage.query import Exactly, Path, parse_match, vr_of
from tests.dicom_router.conftest import Running, Serve
from tests.dicom_router.holdings import Holdings

WIRRAL = Trust("RBL", "Wirral", "RBL")
MERSEY = Trust("REM", "Mersey", "REM")
PEERS = (
    Peer("CT1", WIRRAL, may_query_worklist=True),
    Peer("CT2", MERSEY, may_query_worklist=True),
    Peer("WARD", WIRRAL, may_read=True),
)


def an_order(number: str, trust: str = "RBL", *steps: Step, **others: Any) -> Order:
    values: dict[str, Any] = {
        "trust": trust, "number": number, "filler": number, "accession": "A1", "study_uid": f"1.2.{number}",
        "patient": Patient(identifier="123", name="Müller^Zoë", birth_date="19500102", sex="F",
                           nhs_number="9990000018"),
        "codes": (Code("CHEAD", "NICIP", "CT Head"),), "description": "CT Head", "referring": "Smith^Jo",
        "steps": steps or (a_step(),),
        **others,
    }  # fmt: skip
    return Order(**values)


def a_step(date: str = "20260303", time: str = "1030", **others: Any) -> Step:
    values: dict[str, Any] = {"modality": "CT", "station_ae_title": "CT1", **others}
    return Step(date=date, time=time, **values)


@dataclass
class Lists:
    """A router with a worklist."""

    running: Running
    orders: PostgresOrders
    holdings: Holdings

    def place(self, order: Order, status: Status = Status.SCHEDULED) -> None:
        self.orders.tell(Told(order, status, Said(datetime.now(UTC), "test")), "test")

    def ask(
        self, calling: str = "CT1", step: dict[str, Any] | None = None, **keys: Any
    ) -> tuple[int, list[Dataset]]:
        asked = Dataset()
        asked.ScheduledProcedureStepSequence = Sequence([Dataset()])
        for keyword, value in (step or {}).items():
            setattr(asked.ScheduledProcedureStepSequence[0], keyword, value)
        for keyword, value in {
            "PatientID": "",
            "AccessionNumber": "",
            "StudyInstanceUID": "",
            **keys,
        }.items():
            setattr(asked, keyword, value)
        return self.ask_by(asked, calling)

    def ask_by(self, asked: Dataset, calling: str = "CT1") -> tuple[int, list[Dataset]]:
        scu = AE(calling)
        scu.add_requested_context(WORKLIST)
        association = scu.associate("127.0.0.1", self.running.port, ae_title="IMX")
        assert association.is_established
        try:
            *pending, (final, _none) = association.send_c_find(asked, WORKLIST)
        finally:
            association.release()
        self.statuses = [int(status.Status) for status, _found in pending]
        return int(final.Status), [found for _status, found in pending if found is not None]

    def studies(self, calling: str = "CT1", step: dict[str, Any] | None = None, **keys: Any) -> list[str]:
        status, found = self.ask(calling, step, **keys)
        assert status == 0x0000
        return [item.StudyInstanceUID for item in found]


@pytest.fixture
def lists(serve: Serve, holdings: Holdings) -> Lists:
    registry, orders = PostgresRegistry(holdings.shelf.pool), PostgresOrders(holdings.shelf.pool)
    for trust in (WIRRAL, MERSEY):
        registry.add_trust(trust)
    return Lists(serve(peers=PEERS, services=services(holdings.reading, orders)), orders, holdings)


def test_the_same_identifiers_of_two_trusts_stay_apart(lists: Lists) -> None:
    lists.place(an_order("1"))
    lists.place(an_order("2", "REM"))
    lists.place(an_order("3", "REM", shared_with=frozenset({"RBL"}), accession="A3",
                         patient=Patient(identifier="777")))  # fmt: skip

    assert lists.studies("CT1", PatientID="123", AccessionNumber="A1") == ["1.2.1"]
    assert lists.studies("CT2", PatientID="123", AccessionNumber="A1") == ["1.2.2"]
    assert lists.studies("CT1") == ["1.2.1", "1.2.3"]
    assert lists.studies("CT1", PatientID="777") == []
    assert lists.studies("CT1", PatientID="777", IssuerOfPatientID="REM") == ["1.2.3"]
    assert lists.studies("CT1", PatientID="123", IssuerOfPatientID="REM") == []


def test_steps_are_matched_by_date_time_station_and_modality(lists: Lists) -> None:
    lists.place(an_order("1"))
    lists.place(an_order("2", "RBL", a_step("20260304", "0900", modality="MR", station_ae_title="MR1")))
    lists.place(an_order("3", "RBL", a_step("20260305", "1800"), a_step("20260306", "0800", modality="MR")))

    def found(**step: str) -> list[str]:
        return lists.studies(step=step)

    start, at, modality = "ScheduledProcedureStepStartDate", "ScheduledProcedureStepStartTime", "Modality"
    assert found(**{start: "20260303"}) == ["1.2.1"]
    assert found(**{start: "20260304-20260305"}) == ["1.2.2", "1.2.3"]
    assert found(**{start: "-20260304"}) == ["1.2.1", "1.2.2"]
    assert found(**{start: "20260303-20260304", at: "1000-0930"}) == ["1.2.1", "1.2.2"]
    assert found(**{start: "20260303-20260304", at: "1100-0930"}) == ["1.2.2"]
    assert found(**{start: "20260303", at: "0900-1029"}) == []
    assert found(**{modality: "MR"}) == ["1.2.2", "1.2.3"]
    assert found(ScheduledStationAETitle="MR1") == ["1.2.2"]
    assert found(**{modality: "MR", start: "20260305"}) == []
    assert lists.studies(PatientName="mull*") == []
    assert lists.studies(SpecificCharacterSet="ISO_IR 100", PatientName="MÜL*") == [
        "1.2.1",
        "1.2.2",
        "1.2.3",
        "1.2.3",
    ]


def test_an_item_holds_what_is_asked_for_and_its_issuer_always(lists: Lists) -> None:
    lists.place(an_order("1", "RBL", a_step(id="S1", description="Head", protocol=(Code("C", "L", "M"),))))
    asked = Dataset()
    asked.SpecificCharacterSet = "ISO_IR 100"
    for keyword in ("PatientName", "PatientID", "RequestedProcedureID", "PatientWeight"):
        setattr(asked, keyword, None)
    for name in ("OtherPatientIDs", "IssuerOfAccessionNumber", "RequestedProcedureCode"):
        setattr(asked, f"{name}Sequence", Sequence())
    asked.ScheduledProcedureStepSequence = Sequence([Dataset()])
    for keyword in (
        "ScheduledProcedureStepID",
        "ScheduledProtocolCodeSequence",
        "ScheduledProcedureStepStatus",
    ):
        setattr(
            asked.ScheduledProcedureStepSequence[0],
            keyword,
            Sequence() if keyword.endswith("Sequence") else None,
        )

    status, (item,) = lists.ask_by(asked)

    (step,) = item.ScheduledProcedureStepSequence
    assert (status, lists.statuses) == (0x0000, [0xFF00])
    assert (item.PatientName, item.SpecificCharacterSet) == ("Müller^Zoë", "ISO_IR 100")
    assert (item.IssuerOfPatientID, item.RequestedProcedureID, item.PatientWeight) == ("RBL", "A1", None)
    assert item.IssuerOfAccessionNumberSequence[0].LocalNamespaceEntityID == "RBL"
    assert item.RequestedProcedureCodeSequence[0].CodeValue == "CHEAD"
    assert item.OtherPatientIDsSequence[0].PatientID == "9990000018"
    assert (step.ScheduledProcedureStepID, step.ScheduledProcedureStepStatus) == ("S1", "SCHEDULED")
    assert step.ScheduledProtocolCodeSequence[0].CodeMeaning == "M"
    assert "AccessionNumber" not in item
    assert "Modality" not in step


def test_what_is_done_or_cancelled_is_no_longer_shown(lists: Lists) -> None:
    for number, status in enumerate(Status):
        lists.place(an_order(str(number)), status)

    assert lists.studies() == ["1.2.0", "1.2.1"]


def test_a_key_that_no_item_has_is_said_not_to_be_supported(lists: Lists) -> None:
    lists.place(an_order("1"))

    assert lists.studies(StudyDescription="x") == ["1.2.1"]
    assert lists.statuses == [0xFF01]


def test_a_peer_that_may_not_is_refused_and_all_is_written_down(lists: Lists) -> None:
    lists.place(an_order("1"))
    assert lists.ask("WARD") == (0x0124, [])
    assert lists.studies() == ["1.2.1"]

    rows = lists.holdings.shelf.rows("select actor, action, outcome from audit order by id")
    assert rows == [("WARD", "query the worklist", "refused"), ("CT1", "query the worklist", "allowed")]


def test_a_key_that_means_nothing_is_named(lists: Lists) -> None:
    status, _ = lists.ask(step={"ScheduledProcedureStepStartDate": "20260303-20260230"})
    assert status == 0xC001


_ITEMS = [
    item
    for order in (an_order("1"), an_order("2", "RBL", a_step("20260304", "0900.5"[:4], modality="MR")))
    for item in worklist_items(Placed(1, order, Status.SCHEDULED, True, "x", datetime.now(UTC)))
]
_PATHS: list[Path] = [(0x00100020,), (0x00100010,), (0x00100030,), (0x00080050,), (0x00400100, 0x00080060),
                      (0x00400100, 0x00400002), (0x00321064, 0x00080100)]  # fmt: skip


@given(st.sampled_from(_ITEMS), st.lists(st.sampled_from(_PATHS), unique=True))
def test_an_item_answers_a_query_for_its_own_values(item: Any, paths: list[Path]) -> None:
    keys = {}
    for path in paths:
        values = item
        for tag in path[:-1]:
            values = values[f"{tag:08X}"]["Value"][0]
        value = values.get(f"{path[-1]:08X}", {}).get("Value", [""])[0]
        text = value["Alphabetic"] if isinstance(value, dict) else value
        keys[path] = parse_match(vr_of(path), text)
    assert is_answer(item, keys)
    assert not is_answer(item, {**keys, (0x0020000D,): Exactly("1.9")})
    assert asked_of(item, keys).keys() == {f"{path[0]:08X}" for path in paths}
    assert all(knows(path) for path in paths)
