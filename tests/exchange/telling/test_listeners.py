"""Every adapter keeps the promises of the port."""

from collections.abc import Iterator

import pytest

from exchange.telling.opening import open_listener
from exchange.telling.port import Listener
from exchange.telling.subscriber import Kind, Manner, Message, Subscriber
from imx.demo.record.pointers import Pointers
from imx.demo.record.server import RecordServer
from tests.contracts.listener import ListenerContract
from tests.exchange.telling.material import documents_of, studies_of
from tests.exchange.telling.region import HERE, Region
from tests.exchange.telling.test_hl7 import Receiver


class OfRecord(ListenerContract):
    """Those that are told by FHIR."""

    kind: Kind
    manner = Manner()
    record: RecordServer

    @pytest.fixture
    def listener(self, region: Region, record: RecordServer) -> Iterator[Listener]:
        self.record = record
        if self.kind is Kind.NRL:
            record.pointers = Pointers(record.store, "RBL")
        told = Subscriber(name="record", kind=self.kind, address=record.url, manner=self.manner)
        listener = open_listener(told, HERE)
        yield listener
        listener.close()

    def found(self, number: str) -> int:
        return len(documents_of(self.record, number))


class TestFhir(OfRecord):
    kind = Kind.FHIR

    def found(self, number: str) -> int:
        return len(studies_of(self.record, number))


class TestMhd(OfRecord):
    kind = Kind.MHD


class TestNrl(OfRecord):
    kind = Kind.NRL
    manner = Manner(custodian="RBL")


class TestHl7(ListenerContract):
    message = Message.ORU

    @pytest.fixture
    def listener(self, region: Region) -> Iterator[Listener]:
        with Receiver().listening() as self.receiver:
            manner = Manner(message=self.message)
            address = f"mllp://127.0.0.1:{self.receiver.port}"
            listener = open_listener(
                Subscriber(name="engine", kind=Kind.HL7, address=address, manner=manner), HERE
            )
            yield listener
            listener.close()

    def found(self, number: str) -> int:
        """Studies whose last message tells of them."""
        return sum(is_there for (_, whose), is_there in self.receiver.last.items() if whose == number)


class TestMdm(TestHl7):
    message = Message.MDM
