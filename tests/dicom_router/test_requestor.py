"""Associations that we request: how a peer proves itself over TLS, and how each of them ends."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from dicom_router.contexts import STORAGE_CLASSES, TRANSFER_SYNTAXES, VERIFICATION, Context
from dicom_router.errors import AssociationError, PeerStalled, PeerVanished, ProtocolBroken, TlsFailed
from dicom_router.proposing import Proposal, context_for, proposals_for
from dicom_router.requestor import Callee, Calling, request_association
from dicom_router.settings import CallingSettings
from dicom_router.tls.client import Expected, TlsClient
from dicom_router.tls.reload import ReloadedContext
from exchange.peers import Peer
from storage.elements import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from storage.syntaxes import NATIVE
from tests.dicom_router.authorities import Authority, lay_out
from tests.dicom_router.conftest import TRUST, Serve
from tests.dicom_router.raw_peer import pdu

ECHO = [Proposal(VERIFICATION, (IMPLICIT_LITTLE,))]
QUICK = CallingSettings(connect_s=2, accept_s=0.3, release_s=0.3, tick_s=0.05)


@pytest.fixture
def authority() -> Authority:
    return Authority(trustme.CA())


@pytest.fixture
def secured(serve: Serve, authority: Authority, tmp_path: Path) -> tuple[Callee, TlsClient, str]:
    """A TLS peer that is called 127.0.0.1, what we show it, and its fingerprint."""
    files = lay_out(tmp_path, authority, with_list=False)
    ours = authority.ca.issue_cert("router.example")
    ours.private_key_pem.write_to_path(tmp_path / "our-key.pem")
    for blob in ours.cert_chain_pems:
        blob.write_to_path(tmp_path / "our-cert.pem", append=True)
    peers = (Peer("IMX", TRUST, certificate_name="router.example"),)
    running = serve(tls=ReloadedContext(files), peers=peers, ae_title="PEER")
    client = TlsClient(tmp_path / "our-cert.pem", tmp_path / "our-key.pem", files.authorities)
    der = _der(files.certificate)
    return Callee("PEER", "127.0.0.1", running.port), client, sha256(der).hexdigest()


def _der(certificate: Path) -> bytes:
    first = certificate.read_text().partition("-----END CERTIFICATE-----")
    return ssl.PEM_cert_to_DER_cert(first[0] + first[1])


def call(callee: Callee, client: TlsClient, expected: Expected) -> None:
    calling = Calling(settings=QUICK, tls=client)
    with request_association(replace(callee, tls=expected), "IMX", ECHO, calling) as association:
        assert [each.abstract_syntax for each in association.contexts.values()] == [VERIFICATION]


def test_a_peer_is_known_by_its_name_or_by_its_fingerprint(secured: tuple[Callee, TlsClient, str]) -> None:
    callee, client, fingerprint = secured

    call(callee, client, Expected(frozenset({"127.0.0.1"})))
    call(callee, client, Expected(frozenset(), fingerprint))
    call(callee, replace(client, authorities=None), Expected(frozenset(), fingerprint))


def test_a_peer_with_another_name_or_fingerprint_is_not(secured: tuple[Callee, TlsClient, str]) -> None:
    callee, client, _ = secured

    with pytest.raises(TlsFailed, match=r"none of the names pacs\.example"):
        call(callee, client, Expected(frozenset({"pacs.example"})))
    with pytest.raises(TlsFailed, match="another certificate than its entry names"):
        call(callee, client, Expected(frozenset(), "0" * 64))


def test_a_peer_of_another_authority_is_not(secured: tuple[Callee, TlsClient, str], tmp_path: Path) -> None:
    callee, client, _ = secured
    trustme.CA().cert_pem.write_to_path(tmp_path / "other-ca.pem")

    with pytest.raises(TlsFailed, match="an authority that we do not know"):
        call(
            callee, replace(client, authorities=tmp_path / "other-ca.pem"), Expected(frozenset({"127.0.0.1"}))
        )


def test_a_peer_that_asks_for_a_certificate_we_lack(secured: tuple[Callee, TlsClient, str]) -> None:
    callee, client, _ = secured

    with pytest.raises(AssociationError):
        call(callee, replace(client, certificate=None, key=None), Expected(frozenset({"127.0.0.1"})))


@contextmanager
def answering(talk: Callable[[socket.socket], None]) -> Iterator[Callee]:
    """A peer that does as told with its one connection."""

    def run() -> None:
        connection, _ = server.accept()
        with connection, suppress(OSError):
            talk(connection)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=run)
        thread.start()
        yield Callee("PEER", "127.0.0.1", server.getsockname()[1])
        thread.join(10)


def test_a_peer_that_says_nothing_is_not_waited_for() -> None:
    done = threading.Event()

    def wait(connection: socket.socket) -> None:
        done.wait(5)

    with answering(wait) as callee:
        with pytest.raises(PeerStalled, match="in time"):
            request_association(callee, "IMX", ECHO, Calling(settings=QUICK))
        done.set()


def test_a_peer_that_hangs_up() -> None:
    with answering(lambda connection: None) as callee, pytest.raises(PeerVanished):
        request_association(callee, "IMX", ECHO, Calling(settings=QUICK))


@pytest.mark.parametrize(
    "answer",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        pdu(0x02, b""),
        pdu(0x02, bytes(67)),
        pdu(0x04, bytes(8)),
        pdu(0x02, b"\xff" * 90),
    ],
    ids=["another protocol", "empty", "short", "data", "rubbish"],
)
def test_a_peer_that_answers_nonsense(answer: bytes) -> None:
    with (
        answering(lambda connection: connection.sendall(answer)) as callee,
        pytest.raises((ProtocolBroken, PeerVanished, PeerStalled)),
    ):
        request_association(callee, "IMX", ECHO, Calling(settings=QUICK))


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(STORAGE_CLASSES)), st.sampled_from(TRANSFER_SYNTAXES)), max_size=400
    )
)
def test_every_kind_is_proposed_alone_once_and_beside_both(kinds: list[tuple[str, str]]) -> None:
    associations = proposals_for(kinds)

    alone = [
        (each.abstract_syntax, each.transfer_syntaxes[0])
        for proposals in associations
        for each in proposals
        if len(each.transfer_syntaxes) == 1
    ]
    assert sorted(alone) == sorted(set(kinds))
    for proposals in associations:
        assert 0 < len(proposals) <= 128
        classes = {each.abstract_syntax for each in proposals}
        both = {each.abstract_syntax for each in proposals if len(each.transfer_syntaxes) == 2}
        assert both == classes


@given(st.sampled_from(TRANSFER_SYNTAXES), st.sets(st.sampled_from(TRANSFER_SYNTAXES)))
def test_nothing_is_compressed_that_nobody_asked_to_be(stored: str, taken: set[str]) -> None:
    contexts = [Context(2 * place + 1, "1.2", syntax) for place, syntax in enumerate(sorted(taken))]

    found = context_for(stored, stored, contexts)

    if stored in taken:
        assert found is not None
        assert found.transfer_syntax == stored
    elif found is not None:
        assert found.transfer_syntax in (EXPLICIT_LITTLE, IMPLICIT_LITTLE)
    else:
        assert stored not in NATIVE or not taken & {EXPLICIT_LITTLE, IMPLICIT_LITTLE}
