"""DCMTK over TLS: the right certificate stores; a wrong one is refused, in words, to who can mend it."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydicom.data import get_testdata_file

from tests.dicom_router.authorities import Authority, lay_out, show
from tests.ports import free_port
from tests.service import Service

pytestmark = pytest.mark.peers

#: No peer's fault: a hospital's own authority, and one that nobody here knows.
OURS, THEIRS = Authority(trustme.CA()), Authority(trustme.CA())


@dataclass(frozen=True)
class Secured:
    """The service with a TLS port, and the papers of a modality."""

    service: Service
    folder: Path
    port: int

    def papers(self, name: str, certificate: trustme.LeafCert) -> tuple[str, str]:
        """Key and certificate as DCMTK takes them."""
        key, shown = self.folder / f"{name}.key", self.folder / f"{name}.pem"
        certificate.private_key_pem.write_to_path(key)
        shown.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
        return str(key), str(shown)

    def storescu(self, *options: str, port: int | None = None, title: str = "CT1") -> str:
        """What it printed; "" when all was well."""
        command = [
            "env", "TCP_NODELAY=1", "storescu", *options, "-aet", title, "-aec", "IMX",
            "127.0.0.1", str(port or self.port), str(get_testdata_file("CT_small.dcm")),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return "" if done.returncode == 0 else done.stdout + done.stderr

    def tls(self, name: str, certificate: trustme.LeafCert) -> str:
        """Send with this certificate."""
        return self.storescu("+tls", *self.papers(name, certificate), "+cf", str(self.folder / "ca.pem"))

    def refused(self) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = json.loads(self.service.imx("peer", "refused", "--json"))
        return found


@pytest.fixture(scope="module")
def secured(peers_folder: Path) -> Iterator[Secured]:
    folder = peers_folder / "papers"
    folder.mkdir()
    files = lay_out(folder, OURS)
    port = free_port()
    settings = {
        "IMX_TLS_CERTIFICATE": files.certificate,
        "IMX_TLS_KEY": files.key,
        "IMX_TLS_AUTHORITIES": files.authorities,
        "IMX_TLS_REVOCATIONS": files.revocations,
        "IMX_TLS_PORT": port,
    }
    service = Service(
        peers_folder / "tls", environment=[f"{name}={value}" for name, value in settings.items()]
    )
    try:
        service.start()
        service.imx("trust", "add", "RBL", "Wirral")
        service.imx("peer", "add", "CT1", "--trust", "RBL", "--certificate-name", "ct1.example")
        yield Secured(service, folder, port)
    finally:
        service.stop()


def test_the_right_certificate_stores(secured: Secured) -> None:
    assert secured.tls("right", OURS.ca.issue_cert("ct1.example")) == ""


@pytest.mark.parametrize(
    ("name", "authority", "words"),
    [
        ("stranger", THEIRS, "an authority that we do not know signed the peer's certificate"),
        ("ct2.example", OURS, "shows a certificate of ct2.example, not of ct1.example"),
    ],
)
def test_a_wrong_certificate_is_refused_with_words(
    secured: Secured, name: str, authority: Authority, words: str
) -> None:
    assert secured.tls(name, authority.ca.issue_cert(name)) != ""

    last = secured.refused()[0]
    assert words in last["because"]
    assert last["over"] == "TLS"


def test_a_certificate_of_another_name_is_admitted_by_one_command(secured: Secured) -> None:
    renamed = OURS.ca.issue_cert("ct1-new.example")
    assert "Rejected" in secured.tls("renamed", renamed)
    admit = secured.refused()[0]["admit"]

    assert admit.startswith("imx peer admit ")
    secured.service.imx(*admit.split()[1:])
    assert secured.tls("renamed", renamed) == ""
    secured.service.imx("peer", "change", "CT1", "--fingerprint", "")


def test_a_revoked_certificate_is_refused_without_a_restart(secured: Secured) -> None:
    lost = OURS.ca.issue_cert("ct1.example")
    assert secured.tls("lost", lost) == ""

    (secured.folder / "crl.pem").write_bytes(OURS.revocations([lost]))

    assert secured.tls("lost", lost) != ""
    assert "was revoked by its authority" in secured.refused()[0]["because"]
    (secured.folder / "crl.pem").write_bytes(OURS.revocations())


def test_our_certificate_is_renewed_without_a_restart(secured: Secured) -> None:
    files = lay_out(secured.folder, OURS)
    show(files, OURS.ca.issue_cert("127.0.0.1", "imx.example"))

    assert secured.tls("right", OURS.ca.issue_cert("ct1.example")) == ""


def test_who_shows_no_certificate_or_comes_in_plain_is_told_so(secured: Secured) -> None:
    assert secured.storescu("+tla", "+cf", str(secured.folder / "ca.pem")) != ""
    assert "shows no certificate" in secured.refused()[0]["because"]

    assert "Rejected" in secured.storescu(port=secured.service.dicom_port)
    last = secured.refused()[0]
    assert last["reason"] == "plain"
    secured.service.imx(*last["admit"].split()[1:])
    assert secured.storescu(port=secured.service.dicom_port) == ""


def test_plain_dicom_on_the_tls_port_is_told_so(secured: Secured) -> None:
    assert secured.storescu() != ""
    assert "speaks plain DICOM to the TLS port" in secured.refused()[0]["because"]


def test_an_unknown_caller_is_admitted_by_one_command(secured: Secured) -> None:
    certificate = OURS.ca.issue_cert("us7.example")
    command = ("+tls", *secured.papers("us7", certificate), "+cf", str(secured.folder / "ca.pem"))
    assert "Calling AE Title Not Recognized" in secured.storescu(*command, title="US7")

    last = secured.refused()[0]
    assert (last["calling"], last["reason"]) == ("US7", "unknown peer")
    secured.service.imx(*last["admit"].replace("ODS_CODE", "RBL").split()[1:])
    assert secured.storescu(*command, title="US7") == ""
