"""Subscribers are told over TLS, and shown who we are."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from exchange.hl7.listener import Secured
from exchange.telling.subscriber import Kind, Manner, Subscriber
from imx.demo.record.server import RecordServer
from tests.exchange.telling.material import studies_of
from tests.exchange.telling.region import RUTH, Region
from tests.exchange.telling.test_hl7 import Receiver


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secured(authority: trustme.CA) -> Iterator[RecordServer]:
    """A record that lets in whoever shows a certificate of that authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    with RecordServer().serving(context) as server:
        yield server


@pytest.fixture
def manner(authority: trustme.CA, tmp_path: Path) -> Manner:
    ours = authority.issue_cert("imx.example")
    certificate, key, others = tmp_path / "us.pem", tmp_path / "us.key", tmp_path / "them.pem"
    certificate.write_bytes(b"".join(each.bytes() for each in ours.cert_chain_pems))
    key.write_bytes(ours.private_key_pem.bytes())
    authority.cert_pem.write_to_path(str(others))
    return Manner(certificate_file=certificate, key_file=key, authority_file=others)


def test_both_ends_show_who_they_are(region: Region, secured: RecordServer, manner: Manner) -> None:
    region.subscribe(Subscriber(name="record", kind=Kind.FHIR, address=secured.url, manner=manner))
    region.study()
    region.link("1.2.1", RUTH)
    region.tell()
    assert studies_of(secured, RUTH) == ["1.2.1"]


def test_messages_go_over_tls(region: Region, authority: trustme.CA, manner: Manner) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)

    secured = []

    def secure(connection: socket.socket) -> Secured:
        secured.append(connection)
        return Secured(context.wrap_socket(connection, server_side=True), "")

    with Receiver().listening(secure) as receiver:
        address = f"mllps://localhost:{receiver.port}"
        region.subscribe(Subscriber(name="engine", kind=Kind.HL7, address=address, manner=manner))
        for uid in ("1.2.1", "1.2.2"):
            region.study(uid)
            region.link(uid, RUTH)
        region.tell()
        assert receiver.types == ["ORU^R01", "ORU^R01"]
    assert len(secured) == 1, "a connection is kept between messages"


def test_whoever_is_not_known_is_told_nothing(region: Region, secured: RecordServer, manner: Manner) -> None:
    stranger = Manner(certificate_file=manner.certificate_file, key_file=manner.key_file)
    region.subscribe(Subscriber(name="record", kind=Kind.FHIR, address=secured.url, manner=stranger))
    region.study()
    region.link("1.2.1", RUTH)
    region.tell()
    assert region.states == [("1.2.1", "waiting", "no answer from its address (ConnectError)")]
    assert not secured.seen


def test_files_that_are_not_there_are_named_as_what_is_wrong(
    region: Region, secured: RecordServer, tmp_path: Path
) -> None:
    lost = Manner(certificate_file=tmp_path / "no.pem")
    for kind, address in ((Kind.FHIR, secured.url), (Kind.HL7, "mllps://localhost:1")):
        region.subscribe(Subscriber(name=kind.value, kind=kind, address=address, manner=lost))
    region.study()
    region.link("1.2.1", RUTH)
    region.tell()
    said = region.rows("select last_error from subscriber order by name")
    assert said[0] == ("its certificate files cannot be used (FileNotFoundError)",)
    assert str(said[1][0]).startswith("no answer from its address (")
