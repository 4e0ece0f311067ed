"""Files to send, and a DICOM peer to send them to: pynetdicom's own acceptor, on loopback."""

import hashlib
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.transport import ThreadedAssociationServer

from imx.demo.people import crowd
from imx.demo.phantoms import phantoms
from imx.demo.region import MODALITIES, TRUSTS
from imx.demo.stamp import Visit
from imx.destination import Destination
from imx.part10 import Part10, head_of

#: What the peer says to a C-STORE; its argument is pynetdicom's event.
Answer = Callable[[Any], int | Dataset]


@dataclass
class Listening:
    """A peer that notes what it gets."""

    destination: Destination
    server: ThreadedAssociationServer
    digests: dict[str, str] = field(default_factory=dict)  # by SOP Instance UID


@pytest.fixture(scope="session")
def mr_files(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, Part10]]:
    """Five slices of a head, RLE, 70 KB each."""
    folder = tmp_path_factory.mktemp("mr")
    made = phantoms("MR head", Visit(crowd(3, TRUSTS)[2], MODALITIES[2], "send"))
    paths = []
    for number, ds in zip(range(5), made, strict=False):
        paths.append(folder / f"{number}.dcm")
        ds.save_as(paths[-1], enforce_file_format=True)
    return [(path, head_of(path)) for path in paths]


@pytest.fixture
def listen(mr_files: list[tuple[Path, Part10]]) -> Iterator[Callable[..., Listening]]:
    """Start a peer that takes the files above and answers as told; it is gone after the test."""
    servers: list[ThreadedAssociationServer] = []

    def start(
        answer: Answer = lambda event: 0x0000,
        ae: AE | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> Listening:
        ae = ae or AE(ae_title="PEER")
        for kind in {(head.sop_class_uid, head.transfer_syntax_uid) for _, head in mr_files}:
            ae.add_supported_context(*kind)
        digests: dict[str, str] = {}

        def on_store(event: Any) -> int | Dataset:
            uid = str(event.request.AffectedSOPInstanceUID)
            digests[uid] = hashlib.sha256(event.request.DataSet.getvalue()).hexdigest()
            return answer(event)

        server = ae.start_server(
            ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, on_store)], ssl_context=ssl_context
        )
        assert server is not None
        servers.append(server)
        port = server.server_address[1]
        return Listening(Destination("PEER", "127.0.0.1", port), server, digests)

    yield start
    for server in servers:
        server.shutdown()
