"""Sending: every byte as it is, every file accounted for once, whatever the peer does."""

import hashlib
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pynetdicom import AE, evt

from dicom_router.negotiation import CONTEXT_LIMIT
from dicom_router.settings import CallingSettings
from dicom_router.tls.client import TlsClient
from imx.destination import BadDestination, Destination
from imx.part10 import Part10
from imx.scu import batches, send
from tests.demo.conftest import Listening

Listen = Callable[..., Listening]
Files = list[tuple[Path, Part10]]

TITLES = st.text(
    st.characters(codec="ascii", categories=["L", "N", "P"], exclude_characters="@\\"),
    min_size=1,
    max_size=16,
)
HOSTS = st.one_of(st.from_regex(r"[a-z0-9.-]{1,20}", fullmatch=True), st.ip_addresses(v=6).map(str))


@given(TITLES, HOSTS, st.integers(1, 65535))
def test_a_destination_is_read_as_it_is_written(title: str, host: str, port: int) -> None:
    destination = Destination(title, host, port)
    assert Destination.parse(str(destination)) == destination


@pytest.mark.parametrize(
    "text", ["", "IMX", "IMX@host", "@host:104", "IMX@host:0", "IMX@host:70000", "A" * 17 + "@h:1"]
)
def test_what_is_no_destination_is_refused(text: str) -> None:
    with pytest.raises(BadDestination):
        Destination.parse(text)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 9)), max_size=300))
def test_batches_hold_every_file_once_and_at_most_128_kinds(kinds: list[tuple[int, int]]) -> None:
    files = [
        (Path(str(number)), Part10(f"1.2.{sop_class}", f"1.3.{number}", f"1.4.{syntax}", 0))
        for number, (sop_class, syntax) in enumerate(kinds)
    ]
    made = batches(files)
    assert sorted(path for batch in made for path, _ in batch) == sorted(path for path, _ in files)
    for batch in made:
        assert len({(head.sop_class_uid, head.transfer_syntax_uid) for _, head in batch}) <= CONTEXT_LIMIT
    assert len(made) == -(-len(set(kinds)) // CONTEXT_LIMIT)


def test_the_data_set_goes_out_as_it_lies_in_the_file(mr_files: Files, listen: Listen) -> None:
    peer = listen()
    sent = list(send(mr_files, peer.destination, "SENDER"))
    assert [one.path for one in sent] == [path for path, _ in mr_files]
    for one in sent:
        content = one.path.read_bytes()[one.head.data_set_at :]
        assert one.is_kept
        assert one.digest == hashlib.sha256(content).hexdigest() == peer.digests[one.head.sop_instance_uid]


def test_a_refusal_is_told_with_its_meaning_and_comment(mr_files: Files, listen: Listen) -> None:
    def answer(event: Any) -> Dataset:
        status = Dataset()
        status.Status = 0xA700
        status.ErrorComment = "no room: try again"
        return status

    sent = list(send(mr_files, listen(answer).destination, "SENDER"))
    assert {one.status for one in sent} == {0xA700}
    assert not any(one.is_kept for one in sent)
    assert {one.meaning for one in sent} == {"Failure: Refused: Out of Resources (no room: try again)"}


def test_a_warning_counts_as_kept(mr_files: Files, listen: Listen) -> None:
    (one,) = send(mr_files[:1], listen(lambda event: 0xB000).destination, "SENDER")
    assert one.is_kept
    assert one.meaning.startswith("Warning")


def test_a_kind_that_the_peer_does_not_take_is_told_and_the_rest_goes_out(
    mr_files: Files, listen: Listen
) -> None:
    head = mr_files[0][1]
    strange = Part10(
        "1.2.840.10008.5.1.4.1.1.2", head.sop_instance_uid, "1.2.840.10008.1.2", head.data_set_at
    )
    files = [(mr_files[0][0], strange), *mr_files[1:]]
    sent = list(send(files, listen().destination, "SENDER"))
    assert [one.status for one in sent] == [None, 0, 0, 0, 0]
    assert "does not take" in sent[0].meaning


def test_after_an_abort_the_others_go_in_another_association(mr_files: Files, listen: Listen) -> None:
    unwelcome = mr_files[1][1].sop_instance_uid

    def answer(event: Any) -> int:
        if event.request.AffectedSOPInstanceUID == unwelcome:
            event.assoc.abort()
        return 0x0000

    sent = list(send(mr_files, listen(answer).destination, "SENDER"))
    assert [one.status for one in sent] == [0, None, 0, 0, 0]


def test_nobody_there(mr_files: Files) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    sent = list(send(mr_files, Destination("NOBODY", "127.0.0.1", port), "SENDER"))
    assert len(sent) == len(mr_files)
    assert all("cannot reach" in one.meaning for one in sent)


def test_a_rejection_says_why(mr_files: Files, listen: Listen) -> None:
    ae = AE(ae_title="PEER")
    ae.require_called_aet = True
    peer = listen(ae=ae)
    other = Destination("OTHER", peer.destination.host, peer.destination.port)
    (one,) = send(mr_files[:1], other, "SENDER")
    assert "it is not called so" in one.meaning


def test_a_peer_that_stops_taking_bytes_is_given_up(mr_files: Files, tmp_path: Path) -> None:
    """The acceptor is real up to its A-ASSOCIATE-AC; then nothing reads its socket any more."""
    large = tmp_path / "large.dcm"
    large.write_bytes(mr_files[0][0].read_bytes())
    with large.open("r+b") as file:
        file.truncate(60_000_000)
    over = threading.Event()

    def hold(event: Any) -> None:
        over.wait(60)  # in the acceptor's network thread

    ae = AE(ae_title="PEER")
    head = mr_files[0][1]
    ae.add_supported_context(head.sop_class_uid, head.transfer_syntax_uid)
    server = ae.start_server(("127.0.0.1", 0), block=False)
    assert server is not None
    server.bind(evt.EVT_DATA_RECV, lambda event: hold(event) if len(event.data) > 5000 else None)
    try:
        port = server.server_address[1]
        timers = CallingSettings(stall_s=1.0)
        (one,) = send([(large, head)], Destination("PEER", "127.0.0.1", port), "SENDER", timers=timers)
    finally:
        over.set()
        server.shutdown()
    assert "does not read" in one.meaning


def test_over_tls_the_peer_is_verified(mr_files: Files, listen: Listen, tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    peer = listen(ssl_context=context)
    trusting = TlsClient(authorities=tmp_path / "ca.pem")
    assert [one.status for one in send(mr_files[:2], peer.destination, "SENDER", trusting)] == [0, 0]
    (one,) = send(mr_files[:1], peer.destination, "SENDER", TlsClient())
    assert "cannot reach" in one.meaning
