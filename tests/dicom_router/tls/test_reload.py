"""Certificates, authorities and revocation lists change while a router runs."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from dicom_router.tls.profile import TlsFiles
from dicom_router.tls.reload import ReloadedContext
from exchange.registry import Peer
from tests.dicom_router.authorities import Authority, lay_out, show
from tests.dicom_router.conftest import TRUST, Running, Serve
from tests.dicom_router.raw_peer import RawPeer, association_request


@pytest.fixture
def authority() -> Authority:
    return Authority(trustme.CA())


@pytest.fixture
def files(tmp_path: Path, authority: Authority) -> TlsFiles:
    return lay_out(tmp_path, authority)


def run(serve: Serve, files: TlsFiles) -> Running:
    return serve(tls=ReloadedContext(files), peers=(Peer("MODALITY", TRUST, host="ct1.example"),))


def context_of(trusted: Authority, certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusted.ca.configure_trust(context)
    certificate.configure_cert(context)
    return context


def is_let_in(running: Running, context: ssl.SSLContext) -> bool:
    """In TLS 1.3 the peer learns of a refusal only when it reads."""
    plain = running.call().connection
    try:
        with RawPeer(context.wrap_socket(plain, server_hostname="127.0.0.1")) as peer:
            peer.send(association_request())
            return peer.connection.recv(1) == b"\x02"
    except (ssl.SSLError, ConnectionError):
        plain.close()
        return False


def why(running: Running) -> str:
    """Of the last refusal."""
    running.until_quiet()
    return running.peers.refusals[-1].because


def test_a_revoked_certificate_is_refused_from_the_next_handshake_on(
    serve: Serve, files: TlsFiles, authority: Authority
) -> None:
    running = run(serve, files)
    lost, good = (authority.ca.issue_cert("ct1.example") for _ in range(2))
    assert is_let_in(running, context_of(authority, lost))

    assert files.revocations is not None
    files.revocations.write_bytes(authority.revocations([lost]))

    assert not is_let_in(running, context_of(authority, lost))
    assert "was revoked by its authority" in why(running)
    assert is_let_in(running, context_of(authority, good))


def test_a_list_that_has_ended_lets_nobody_in_and_says_so(
    serve: Serve, files: TlsFiles, authority: Authority
) -> None:
    assert files.revocations is not None
    files.revocations.write_bytes(authority.revocations(ends_in=-timedelta(hours=1)))
    running = run(serve, files)

    assert not is_let_in(running, context_of(authority, authority.ca.issue_cert("ct1.example")))
    assert "fetch the new one (tls.revocations)" in why(running)


def test_an_authority_without_a_list_is_named_as_the_trouble(
    serve: Serve, files: TlsFiles, authority: Authority
) -> None:
    other = Authority(trustme.CA())
    assert files.authorities is not None
    other.ca.cert_pem.write_to_path(files.authorities, append=True)
    running = run(serve, files)

    assert not is_let_in(running, context_of(authority, other.ca.issue_cert("ct1.example")))
    assert "holds no list of the authority" in why(running)


def test_an_expired_certificate_is_told_from_an_unknown_one(
    serve: Serve, files: TlsFiles, authority: Authority
) -> None:
    running = run(serve, files)
    ended = authority.ca.issue_cert("ct1.example", not_after=datetime(2020, 1, 1, tzinfo=UTC))

    assert not is_let_in(running, context_of(authority, ended))
    assert "has expired: renew it at the peer" in why(running)


def test_a_new_authority_is_believed_without_a_restart(
    serve: Serve, tmp_path: Path, authority: Authority
) -> None:
    files = lay_out(tmp_path, authority, with_list=False)
    running = run(serve, files)
    other = Authority(trustme.CA())
    theirs = context_of(authority, other.ca.issue_cert("ct1.example"))
    assert not is_let_in(running, theirs)

    assert files.authorities is not None
    other.ca.cert_pem.write_to_path(files.authorities, append=True)

    assert is_let_in(running, theirs)


def test_a_modality_that_signs_its_own_certificate_needs_that_one_only(
    serve: Serve, tmp_path: Path, authority: Authority
) -> None:
    files = lay_out(tmp_path, authority, with_list=False)
    running = run(serve, files)
    another = Authority(trustme.CA())
    own = another.ca.issue_cert("ct1.example")  # of an authority that is not among ours
    assert files.authorities is not None
    own.cert_chain_pems[0].write_to_path(files.authorities, append=True)

    assert is_let_in(running, context_of(authority, own))
    assert not is_let_in(running, context_of(authority, another.ca.issue_cert("ct1.example")))


def test_our_own_certificate_is_changed_without_a_restart(
    serve: Serve, files: TlsFiles, authority: Authority
) -> None:
    running = run(serve, files)
    other = Authority(trustme.CA())
    theirs = context_of(other, authority.ca.issue_cert("ct1.example"))
    assert not is_let_in(running, theirs)

    show(files, other.ca.issue_cert("127.0.0.1"))

    assert is_let_in(running, theirs)
    assert [e["event"] for e in running.logged if e["event"].startswith("tls.")] == ["tls.loaded"] * 2


@pytest.mark.parametrize("broken", ["certificate", "key", "authorities", "revocations"])
def test_a_broken_file_leaves_the_old_in_force_until_it_is_mended(
    serve: Serve, files: TlsFiles, authority: Authority, broken: str
) -> None:
    running = run(serve, files)
    theirs = context_of(authority, authority.ca.issue_cert("ct1.example"))
    path: Path = getattr(files, broken)
    good = path.read_bytes()

    path.write_bytes(b"half a file")
    assert is_let_in(running, theirs)
    assert is_let_in(running, theirs)
    path.unlink()
    assert is_let_in(running, theirs)
    path.write_bytes(good)
    assert is_let_in(running, theirs)

    running.until_quiet()
    events = [entry["event"] for entry in running.logged if entry["event"].startswith("tls.")]
    assert events == ["tls.loaded", "tls.kept_the_old", "tls.kept_the_old", "tls.loaded"]


def test_a_router_that_starts_with_broken_files_serves_when_they_are_mended(
    serve: Serve, files: TlsFiles, authority: Authority
) -> None:
    """It may be started again, after a crash, in the middle of a renewal."""
    good = files.key.read_bytes()
    files.key.write_bytes(good[:100])
    running = run(serve, files)
    theirs = context_of(authority, authority.ca.issue_cert("ct1.example"))
    assert not is_let_in(running, theirs)
    assert "our own TLS files cannot be used" in why(running)

    files.key.write_bytes(good)

    assert is_let_in(running, theirs)
