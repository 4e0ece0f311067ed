"""A certificate authority with revocation lists, and files as a service has them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from dicom_router.tls.profile import TlsFiles


@dataclass(frozen=True)
class Authority:
    """It signs, and takes back."""

    ca: trustme.CA

    def revocations(
        self, revoked: Sequence[trustme.LeafCert] = (), ends_in: timedelta = timedelta(days=7)
    ) -> bytes:
        """A list of these, in PEM, made a week before it ends."""
        authority = x509.load_pem_x509_certificate(self.ca.cert_pem.bytes())
        key = serialization.load_pem_private_key(self.ca.private_key_pem.bytes(), None)
        ends_at = datetime.now(UTC) + ends_in
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(authority.subject)
            .last_update(ends_at - timedelta(days=8))
            .next_update(ends_at)
        )
        for each in revoked:
            certificate = x509.load_pem_x509_certificate(each.cert_chain_pems[0].bytes())
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(certificate.serial_number)
                .revocation_date(ends_at - timedelta(days=8))
                .build()
            )
        assert isinstance(key, EllipticCurvePrivateKey)
        return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def lay_out(folder: Path, authority: Authority, *, with_list: bool = True) -> TlsFiles:
    """Our certificate, its key, the authority and its list, each a file in `folder`."""
    revocations = folder / "crl.pem" if with_list else None
    files = TlsFiles(folder / "cert.pem", folder / "key.pem", folder / "ca.pem", revocations)
    show(files, authority.ca.issue_cert("127.0.0.1"))
    authority.ca.cert_pem.write_to_path(folder / "ca.pem")
    if revocations:
        revocations.write_bytes(authority.revocations())
    return files


def show(files: TlsFiles, certificate: trustme.LeafCert) -> None:
    """From now on the files hold this one."""
    certificate.private_key_pem.write_to_path(files.key)
    files.certificate.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
