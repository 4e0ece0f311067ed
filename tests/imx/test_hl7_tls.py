"""HL7 over TLS, as a service puts it together: real certificates, a real socket, real rows."""

import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest
import trustme
from psycopg_pool import ConnectionPool

from exchange.hl7.framing import framed
from exchange.hl7.senders import PostgresSenders, Sender
from exchange.orders import PostgresOrders
from exchange.registry import PostgresRegistry
from exchange.trusts import Trust
from imx.settings import Settings, TlsSettings
from imx.wiring import build_hl7
from tests.dicom_router.authorities import Authority, lay_out
from tests.exchange.hl7.material import answer_of, omi


@dataclass
class Door:
    pool: ConnectionPool
    port: int
    authority: Authority

    def certificate(self) -> trustme.LeafCert:
        return self.authority.ca.issue_cert("engine.example")

    def send(self, raw: bytes, certificate: trustme.LeafCert | None) -> tuple[str, str, str] | None:
        """Its answer; None where the door closes without one. In TLS 1.3 a refusal is seen on reading."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.authority.ca.configure_trust(context)
        if certificate is not None:
            certificate.configure_cert(context)
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as plain:
            try:
                with context.wrap_socket(plain, server_hostname="127.0.0.1") as secured:
                    secured.sendall(framed(raw))
                    answer = secured.recv(65536)
            except (ssl.SSLError, ConnectionError):
                return None
        return answer_of(answer.strip(b"\x0b\x1c\r")) if answer else None


def fingerprint(certificate: trustme.LeafCert) -> str:
    pem = certificate.cert_chain_pems[0].bytes().decode()
    return sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


@pytest.fixture
def door(database: str, tmp_path: Path) -> Iterator[Door]:
    authority = Authority(trustme.CA())
    files = lay_out(tmp_path, authority)
    tls = TlsSettings(
        certificate=files.certificate,
        key=files.key,
        authorities=files.authorities,
        revocations=files.revocations,
    )
    settings = Settings(data=tmp_path, tls=tls)
    with (
        ConnectionPool(database, min_size=1, max_size=2) as pool,
        socket.create_server(("127.0.0.1", 0)) as server,
    ):
        PostgresRegistry(pool).add_trust(Trust("RBL", "Wirral", "RBL"))
        listener = build_hl7(settings, pool, None, server)
        thread = threading.Thread(target=listener.serve)
        thread.start()
        try:
            yield Door(pool, server.getsockname()[1], authority)
        finally:
            listener.drain()
            thread.join(20)


def test_who_shows_a_certificate_of_our_authority_is_heard(door: Door) -> None:
    PostgresSenders(door.pool).add(Sender("127.0.0.1", "RBL"))

    assert door.send(omi(), door.certificate()) == ("AA", "1", "")
    assert [each.order.number for each in PostgresOrders(door.pool).orders()] == ["F1"]


def test_who_shows_none_or_a_strangers_is_not(door: Door) -> None:
    PostgresSenders(door.pool).add(Sender("127.0.0.1", "RBL"))

    assert door.send(omi(), None) is None
    assert door.send(omi(), trustme.CA().issue_cert("engine.example")) is None
    assert PostgresOrders(door.pool).orders() == []


def test_a_sender_with_a_fingerprint_shows_that_certificate(door: Door) -> None:
    own, other = door.certificate(), door.certificate()
    PostgresSenders(door.pool).add(Sender("127.0.0.1", "RBL", fingerprint=fingerprint(own)))

    assert door.send(omi(), other) == ("AR", "1", "MSH^1^4^1")
    assert PostgresOrders(door.pool).orders() == []
    assert door.send(omi(control_id="2"), own) == ("AA", "2", "")
