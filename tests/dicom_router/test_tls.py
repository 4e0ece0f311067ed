"""TLS by PS3.15 §B.12, with certificates made for the test."""

import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from pynetdicom import AE

from dicom_router.errors import Ending
from dicom_router.tls import TLS_1_2_SUITES, TlsSettingsWrong, server_context
from exchange.registry import Peer
from tests.dicom_router.conftest import TRUST, Running, Serve
from tests.dicom_router.raw_peer import (
    VERIFICATION,
    RawPeer,
    association_request,
    last_command,
    last_data,
    p_data,
    pdv,
    store_command,
)


@dataclass(frozen=True)
class Papers:
    """Files as a service would have them, and what a peer needs."""

    certificate: Path
    key: Path
    ca: Path
    authority: trustme.CA

    def peer_context(self, *, shows_certificate: bool = True) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.authority.configure_trust(context)
        if shows_certificate:
            self.authority.issue_cert("modality.example").configure_cert(context)
        return context


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    ours = authority.issue_cert("127.0.0.1")
    papers = Papers(folder / "cert.pem", folder / "key.pem", folder / "ca.pem", authority)
    ours.private_key_pem.write_to_path(papers.key)
    for blob in ours.cert_chain_pems:
        blob.write_to_path(papers.certificate, append=True)
    authority.cert_pem.write_to_path(papers.ca)
    return papers


def served(serve: Serve, papers: Papers, **settings: Any) -> Running:
    modality = Peer("MODALITY", TRUST, certificate_name="modality.example")
    context = server_context(papers.certificate, papers.key, papers.ca)
    return serve(tls=context, peers=(modality,), **settings)


def connect(running: Running, context: ssl.SSLContext) -> RawPeer:
    plain = socket.create_connection(("127.0.0.1", running.port), timeout=10)
    return RawPeer(context.wrap_socket(plain, server_hostname="127.0.0.1"))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_peer_with_a_certificate_stores(serve: Serve, papers: Papers, version: ssl.TLSVersion) -> None:
    running = served(serve, papers)
    context = papers.peer_context()
    context.minimum_version = context.maximum_version = version
    data = bytes(range(256)) * 4000
    with connect(running, context) as peer:
        peer.associate()
        for number in range(3):
            wire = data[number:]
            peer.send(*_in_pdus(wire, f"1.{number}"))
            assert peer.status() == 0x0000
        peer.release()

    assert running.door.kept == {f"1.{number}": data[number:] for number in range(3)}
    assert running.endings() == [Ending.RELEASED.value]
    assert running.logged[-1]["tls"]


def test_a_real_scu_echoes_over_tls(serve: Serve, papers: Papers) -> None:
    running = served(serve, papers)
    scu = AE("MODALITY")
    scu.add_requested_context(VERIFICATION)
    association = scu.associate(
        "127.0.0.1", running.port, ae_title="IMX", tls_args=(papers.peer_context(), "127.0.0.1")
    )
    assert association.is_established
    assert association.send_c_echo().Status == 0x0000
    association.release()


def test_a_peer_without_a_certificate_is_told_and_logged(serve: Serve, papers: Papers) -> None:
    running = served(serve, papers)
    _ask(running, papers.peer_context(shows_certificate=False))

    assert running.endings() == [Ending.TLS_FAILED.value]
    assert "shows no certificate" in running.logged[-1]["because"]


def test_a_certificate_of_somebody_else_is_refused(serve: Serve, papers: Papers) -> None:
    running = served(serve, papers)
    context = papers.peer_context(shows_certificate=False)
    trustme.CA().issue_cert("modality.example").configure_cert(context)
    _ask(running, context)

    assert running.endings() == [Ending.TLS_FAILED.value]
    assert "our CA does not vouch for" in running.logged[-1]["because"]


def test_a_peer_that_does_not_trust_us_is_explained(serve: Serve, papers: Papers) -> None:
    running = served(serve, papers)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trustme.CA().configure_trust(context)
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(running, context)

    assert running.endings() == [Ending.TLS_FAILED.value]
    assert "install its issuer at the peer" in running.logged[-1]["because"]


def test_plain_dicom_on_the_tls_port_is_explained(serve: Serve, papers: Papers) -> None:
    running = served(serve, papers)
    with running.call() as peer:
        peer.send(association_request())
        with suppress(ConnectionError):
            assert peer.connection.recv(100)[:1] in (b"", b"\x15")  # nothing, or a TLS alert

    assert running.endings() == [Ending.TLS_FAILED.value]
    assert "plain DICOM to the TLS port" in running.logged[-1]["because"]


def test_a_handshake_that_does_not_end_is_hung_up_on(serve: Serve, papers: Papers) -> None:
    running = served(serve, papers, artim_s=0.2)
    with running.call() as peer:
        assert peer.read() == (0, b"")

    assert running.endings() == [Ending.TLS_FAILED.value]
    assert "did not finish the TLS handshake" in running.logged[-1]["because"]


def test_silence_over_tls_is_aborted(serve: Serve, papers: Papers) -> None:
    running = served(serve, papers, idle_s=0.2)
    with connect(running, papers.peer_context()) as peer:
        peer.associate()
        assert peer.read() == (7, bytes(4))


def test_only_suites_of_the_profile_are_offered(papers: Papers) -> None:
    context = server_context(papers.certificate, papers.key, papers.ca)
    names = {suite["name"] for suite in context.get_ciphers() if suite["protocol"] == "TLSv1.2"}

    assert names == set(TLS_1_2_SUITES)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert server_context(papers.certificate, papers.key).verify_mode is ssl.CERT_NONE


def test_files_that_do_not_fit_are_named(papers: Papers, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()

    with pytest.raises(TlsSettingsWrong, match=r"empty\.pem"):
        server_context(empty, papers.key)
    with pytest.raises(TlsSettingsWrong, match=r"nowhere\.pem"):
        server_context(tmp_path / "nowhere.pem", papers.key)
    with pytest.raises(TlsSettingsWrong, match="CA file"):
        server_context(papers.certificate, papers.key, empty)


def _ask(running: Running, context: ssl.SSLContext) -> None:
    """For an association, in vain. In TLS 1.3 the peer learns of a refusal only when it reads."""
    with suppress(ssl.SSLError, ConnectionError), connect(running, context) as peer:
        peer.send(association_request())
        assert peer.connection.recv(1) == b""


def _in_pdus(data: bytes, instance: str) -> list[bytes]:
    pieces = [data[start : start + 60_000] for start in range(0, len(data), 60_000)]
    return [
        p_data(last_command(store_command(instance))),
        *(p_data(pdv(1, 0, piece)) for piece in pieces[:-1]),
        p_data(last_data(pieces[-1])),
    ]
