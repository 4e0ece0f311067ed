"""An archive with instances in it, and a destination that takes what it is sent."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import AE, evt
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import Event

from dicom_router.reading import Reading
from dicom_router.requestor import Callee
from dicom_router.storing import Reader
from storage.codecs.workers import Workers
from storage.elements import EXPLICIT_LITTLE
from storage.ingest import Incoming
from storage.leaving import Leaving
from storage.origin import Origin
from storage.part10 import read_meta
from storage.stored import Resource
from storage.transcoding import Transcoder
from tests.storage.material import instance
from tests.storage.shelf import Shelf, origin
from tests.storage.strategies import write


@dataclass
class Holdings:
    """An archive filled through its one door, and the data sets that went in."""

    shelf: Shelf
    reading: Reading
    trust: str = "RBL"  # whose is what goes in
    received: dict[str, bytes] = field(default_factory=dict)  # by SOP Instance UID

    @property
    def origin(self) -> Origin:
        return origin(self.trust)

    def keep(self, dataset: Dataset, syntax: str = EXPLICIT_LITTLE) -> str:
        """One instance; its UID."""
        return self.keep_bytes(
            Incoming(str(dataset.SOPClassUID), str(dataset.SOPInstanceUID), syntax),
            write(dataset, syntax).data,
        )

    def keep_bytes(self, incoming: Incoming, data_set: bytes) -> str:
        receipt = self.shelf.send_bytes(incoming, [data_set], self.origin)
        assert receipt.outcome.is_kept, receipt
        self.received[incoming.sop_instance_uid] = data_set
        return incoming.sop_instance_uid

    def keep_file(self, path: Path) -> str:
        raw = path.read_bytes()
        meta = read_meta(raw)
        return self.keep_bytes(
            Incoming(meta.sop_class_uid, meta.sop_instance_uid, meta.transfer_syntax_uid),
            raw[meta.data_offset :],
        )

    def study(self, count: int, **attributes: object) -> str:
        """A study of so many instances; its UID."""
        first = instance(**attributes)
        for number in range(count):
            self.keep(
                instance(
                    **{
                        "StudyInstanceUID": first.StudyInstanceUID,
                        "SeriesInstanceUID": first.SeriesInstanceUID,
                        "InstanceNumber": str(number + 1),
                        **attributes,
                    }
                )
            )
        return str(first.StudyInstanceUID)

    def leaving(self, *study_uids: str) -> list[Leaving]:
        """The instances of studies, as they are."""
        archive = self.reading.archive
        return [
            Leaving(stored)
            for uid in study_uids
            for stored in self.reading.wait_for(archive.stored(Resource(uid)))
        ]

    @cached_property
    def reader(self) -> Reader:
        return Reader(objects=self.shelf.objects, transcoder=Transcoder(Workers(2)))


@dataclass
class Destination:
    """A C-STORE SCP that remembers."""

    callee: Callee
    requests: list[C_STORE] = field(default_factory=list)
    syntaxes: dict[str, str] = field(default_factory=dict)  # by SOP Instance UID
    received: dict[str, bytes] = field(default_factory=dict)
    associations: list[Event] = field(default_factory=list)
    ae: AE = field(default_factory=lambda: AE("DESTINATION"))


Answer = Callable[[Event], int]


@contextmanager
def destination(
    contexts: Sequence[tuple[str, Sequence[str]]] = (), answer: Answer | None = None, max_pdu: int = 16382
) -> Iterator[Destination]:
    """One that takes these classes and syntaxes and answers as told; bytes as they came over the wire."""

    def on_store(event: Event) -> int:
        asked = event.request
        assert isinstance(asked, C_STORE)
        uid = str(asked.AffectedSOPInstanceUID)
        assert asked.DataSet is not None
        status = answer(event) if answer else 0
        found.requests.append(asked)
        found.syntaxes[uid] = str(event.context.transfer_syntax)
        found.received[uid] = asked.DataSet.getvalue()
        return status

    found = Destination(Callee("DESTINATION", "127.0.0.1", 0))
    ae = found.ae
    ae.maximum_pdu_size = max_pdu
    for abstract, transfer in contexts:
        ae.add_supported_context(UID(abstract), list(transfer))
    server = ae.start_server(
        ("127.0.0.1", 0),
        block=False,
        evt_handlers=[
            (evt.EVT_C_STORE, on_store),
            (evt.EVT_ACCEPTED, lambda event: found.associations.append(event)),
        ],
    )
    assert server is not None
    found.callee = Callee("DESTINATION", "127.0.0.1", server.server_address[1])
    try:
        yield found
    finally:
        server.shutdown()
