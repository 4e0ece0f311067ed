"""A C-STORE SCP that keeps what it is sent in memory, and how often it came."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pydicom.uid import ImplicitVRLittleEndian, MRImageStorage
from pynetdicom import AE, evt
from pynetdicom.dimse_primitives import C_STORE


@dataclass
class Collector:
    """What came."""

    title: str
    port: int = 0
    came: Counter[str] = field(default_factory=Counter)  # by SOP Instance UID


@contextmanager
def collecting(title: str) -> Iterator[Collector]:
    """One that answers success for each MR image."""
    found = Collector(title)

    def on_store(event: evt.Event) -> int:
        asked = event.request
        assert isinstance(asked, C_STORE)
        found.came[str(asked.AffectedSOPInstanceUID)] += 1
        return 0

    ae = AE(title)
    ae.maximum_associations = 20
    ae.add_supported_context(MRImageStorage, ["1.2.840.10008.1.2.1", ImplicitVRLittleEndian])
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, on_store)])
    assert server is not None
    found.port = server.server_address[1]
    try:
        yield found
    finally:
        server.shutdown()
