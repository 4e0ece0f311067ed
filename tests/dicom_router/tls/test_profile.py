"""TLS by PS3.15 §B.12, with certificates made for the test."""

import hashlib
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from pynetdicom import AE

from dicom_router.errors import Ending, Rejection
from dicom_router.tls.profile import TLS_1_2_SUITES, TlsFiles, TlsSettingsWrong, server_context
from dicom_router.tls.reload import ReloadedContext
from exchange.refusals import Reason
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
    rejected,
    store_command,
)


@dataclass(frozen=True)
class Papers:
    """Files as a service would have them, and what a peer needs."""

    certificate: Path
    key: Path
    ca: Path
    authority: trustme.CA

    @property
    def files(self) -> TlsFiles:
        return TlsFiles(self.certificate, self.key, self.ca)

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
    settings.setdefault("peers", (Peer("MODALITY", TRUST, certificate_name="modality.example"),))
    return serve(tls=ReloadedContext(papers.files), **settings)


def connect(running: Running, context: ssl.SSLContext) -> RawPeer:
    plain = socket.create_connection(("127.0.0.1", running.port), timeout=60)
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
    assert "an authority that we do not know" in running.logged[-1]["because"]
    (refusal,) = running.peers.refusals
    assert (refusal.reason, refusal.is_tls, refusal.calling) == (Reason.TLS, True, "")
    assert "add that one to tls.authorities" in refusal.because


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


def test_a_probe_that_says_nothing_is_no_refusal(serve: Serve, papers: Papers) -> None:
    running = served(serve, papers)
    with running.call() as peer:
        peer.connection.shutdown(socket.SHUT_WR)
        assert peer.read() == (0, b"")

    assert running.endings() == [Ending.PEER_VANISHED.value]
    assert running.peers.refusals == []


def test_a_peer_that_offers_no_cipher_suite_of_ours_is_explained(serve: Serve, papers: Papers) -> None:
    running = served(serve, papers)
    context = papers.peer_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-RSA-AES128-SHA256")
    with pytest.raises(ssl.SSLError):
        connect(running, context)

    running.until_quiet()
    (refusal,) = running.peers.refusals
    assert "share no cipher suite" in refusal.because


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"fingerprint": "00" * 32}, "shows another certificate than its entry names"),
        ({"certificate_name": "ct2.example"}, "a certificate of modality.example, not of ct2.example"),
        ({"host": "ct1.example"}, "a certificate of modality.example, not of its host or AE title"),
    ],
)
def test_a_certificate_of_another_peer_is_refused_with_the_command_that_admits_it(
    serve: Serve, papers: Papers, entry: dict[str, Any], words: str
) -> None:
    running = served(serve, papers, peers=(Peer("MODALITY", TRUST, **entry),))
    with connect(running, papers.peer_context()) as peer:
        peer.send(association_request())
        assert peer.read() == rejected(Rejection.NO_REASON_GIVEN)

    running.until_quiet()
    (refusal,) = running.peers.refusals
    assert words in refusal.because
    assert f"imx peer change MODALITY --fingerprint {refusal.fingerprint}" in refusal.because
    assert (refusal.reason, refusal.is_tls) == (Reason.CERTIFICATE, True)


@pytest.mark.parametrize(
    "entry",
    [{"certificate_name": "MODALITY.example"}, {"host": "modality.example"}, {"fingerprint": "its own"}],
)
def test_a_peer_shows_that_it_is_the_one(serve: Serve, papers: Papers, entry: dict[str, Any]) -> None:
    certificate = papers.authority.issue_cert("modality.example")
    if "fingerprint" in entry:
        der = ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())
        entry = {"fingerprint": hashlib.sha256(der).hexdigest()}
    running = served(serve, papers, peers=(Peer("MODALITY", TRUST, **entry),))
    context = papers.peer_context(shows_certificate=False)
    certificate.configure_cert(context)
    with connect(running, context) as peer:
        peer.associate()
        assert peer.store(b"data") == 0x0000


def test_without_authorities_nobody_can_show_who_they_are(serve: Serve, papers: Papers) -> None:
    listener = ReloadedContext(TlsFiles(papers.certificate, papers.key))
    running = serve(tls=listener, peers=(Peer("MODALITY", TRUST), Peer("OLD", TRUST, plain_allowed=True)))
    with connect(running, papers.peer_context()) as peer:
        peer.send(association_request())
        assert peer.read() == rejected(Rejection.NO_REASON_GIVEN)
    with connect(running, papers.peer_context()) as peer:
        peer.associate(calling="OLD")

    assert "shows no certificate" in running.peers.refusals[0].because


def test_a_peer_that_must_come_over_tls_is_told_so_over_plain(serve: Serve) -> None:
    running = serve(plain_allowed=False)
    with running.call() as peer:
        peer.send(association_request())
        assert peer.read() == rejected(Rejection.NO_REASON_GIVEN)

    running.until_quiet()
    (refusal,) = running.peers.refusals
    assert (refusal.reason, refusal.calling, refusal.is_tls) == (Reason.PLAIN, "MODALITY", False)
    assert "turn TLS on at the peer, or allow it (imx peer change MODALITY --plain)" in refusal.because


def test_silence_over_tls_is_aborted(serve: Serve, papers: Papers) -> None:
    running = served(serve, papers, idle_s=0.2)
    with connect(running, papers.peer_context()) as peer:
        peer.associate()
        assert peer.read() == (7, bytes(4))


def test_only_suites_of_the_profile_are_offered(papers: Papers) -> None:
    context = server_context(papers.files)
    names = {suite["name"] for suite in context.get_ciphers() if suite["protocol"] == "TLSv1.2"}

    assert names == set(TLS_1_2_SUITES)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert server_context(TlsFiles(papers.certificate, papers.key)).verify_mode is ssl.CERT_NONE


def test_files_that_do_not_fit_are_named(papers: Papers, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()

    with pytest.raises(TlsSettingsWrong, match=r"empty\.pem"):
        server_context(TlsFiles(empty, papers.key))
    with pytest.raises(TlsSettingsWrong, match=r"nowhere\.pem"):
        server_context(TlsFiles(tmp_path / "nowhere.pem", papers.key))
    with pytest.raises(TlsSettingsWrong, match="authorities"):
        server_context(TlsFiles(papers.certificate, papers.key, empty))
    with pytest.raises(TlsSettingsWrong, match=r"revocation lists .*empty\.pem"):
        server_context(TlsFiles(papers.certificate, papers.key, papers.ca, empty))
    with pytest.raises(TlsSettingsWrong, match="there is none in it"):
        server_context(TlsFiles(papers.certificate, papers.key, papers.ca, papers.ca))


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
