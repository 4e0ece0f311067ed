"""TLS for DICOM: the BCP 195 RFC 8996, 9325 Secure Transport Connection Profile (PS3.15 §B.12)."""

import hashlib
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicom_router.errors import PeerVanished, TlsFailed
from dicom_router.tls.words import what_to_mend

#: TLS 1.2 suites with forward secrecy and authenticated encryption (RFC 9325 §4.2). TLS 1.3 brings its own.
TLS_1_2_SUITES = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)


class TlsSettingsWrong(Exception):
    """A certificate, key, authorities or revocation file cannot be used; the text says which and why."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What a TLS listener stands on, as PEM files."""

    certificate: Path  # with the chain
    key: Path
    authorities: Path | None = None  # who signs our peers' certificates; then they must show one
    revocations: Path | None = None  # their lists of what is revoked: one of each authority

    @property
    def all(self) -> tuple[Path, ...]:
        """Those that are set."""
        each = (self.certificate, self.key, self.authorities, self.revocations)
        return tuple(path for path in each if path is not None)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a peer proved of itself over TLS."""

    fingerprint: str = ""  # SHA-256 of its certificate, in hex; "" where it showed none
    names: frozenset[str] = frozenset()  # in lower case: its alternative names, and its common name


def shown_by(secured: ssl.SSLSocket) -> Shown:
    """Who is at the other end of a finished handshake."""
    certificate = secured.getpeercert(binary_form=True)
    if certificate is None:
        return Shown()
    return Shown(hashlib.sha256(certificate).hexdigest(), _names(secured.getpeercert() or {}))


def _names(certificate: Mapping[str, Any]) -> frozenset[str]:
    """SAN dNSName and iPAddress (RFC 5280 §4.2.1.6), and the subject's common name."""
    found = [value for kind, value in certificate.get("subjectAltName", ()) if kind in ("DNS", "IP Address")]
    found += [
        value for part in certificate.get("subject", ()) for kind, value in part if kind == "commonName"
    ]
    return frozenset(name.lower() for name in found)


def profile_context(protocol: int) -> ssl.SSLContext:
    """Versions and cipher suites of the profile, for either end."""
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(":".join(TLS_1_2_SUITES))
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    return context


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """What a TLS listener needs. With authorities, a peer must show a certificate that one of them signed.

    Raises TlsSettingsWrong.
    """
    context = profile_context(ssl.PROTOCOL_TLS_SERVER)
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    try:
        context.load_cert_chain(files.certificate, files.key, password=no_password)
    except (OSError, ValueError) as error:
        raise TlsSettingsWrong(_what_is_wrong(files, error)) from error
    if files.authorities is not None:
        believe(context, files.authorities)
        context.verify_mode = ssl.CERT_REQUIRED
        if files.revocations is not None:
            heed(context, files.revocations)
    return context


def _what_is_wrong(files: TlsFiles, error: OSError | ValueError) -> str:
    missing = next((path for path in (files.certificate, files.key) if not path.is_file()), None)
    if missing is not None:
        return f"cannot read {missing}: there is no such file"
    if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
        return f"the key {files.key} does not belong to the certificate {files.certificate}"
    return f"certificate {files.certificate} with key {files.key}: {error}"


def believe(context: ssl.SSLContext, authorities: Path) -> None:
    """A certificate counts when it is one of these, or one of these signed it. Raises TlsSettingsWrong.

    Many a modality signs its own: that certificate in the file is enough.
    """
    try:
        context.load_verify_locations(cafile=authorities)
    except (OSError, ValueError) as error:
        raise TlsSettingsWrong(f"authorities {authorities}: {error}") from error
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN


def heed(context: ssl.SSLContext, revocations: Path) -> None:
    """What is on these lists counts no longer, nor what no list speaks of (RFC 5280 §6.3).

    Raises TlsSettingsWrong.
    """
    try:
        context.load_verify_locations(cafile=revocations)
    except (OSError, ValueError) as error:
        raise TlsSettingsWrong(f"revocation lists {revocations}: {error}") from error
    if not context.cert_store_stats()["crl"]:
        raise TlsSettingsWrong(f"revocation lists {revocations}: there is none in it")
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF


def no_password() -> str:
    """Never ask at the terminal of a service."""
    raise ValueError("the key is encrypted: give one without a passphrase, in a file that only we can read")


def handshake(connection: socket.socket, context: ssl.SSLContext, patience_s: float) -> ssl.SSLSocket:
    """The secured connection, or TlsFailed; PeerVanished where it closes without a word, as probes do.

    The whole handshake must end within `patience_s`.
    """
    try:
        connection.settimeout(patience_s)
        if not connection.recv(1, socket.MSG_PEEK):
            raise PeerVanished("the connection was closed before the TLS handshake")
        secured = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
    except TimeoutError as error:
        raise TlsFailed("the peer did not finish the TLS handshake in time") from error
    except (OSError, ValueError) as error:
        raise PeerVanished(
            f"the connection broke before the TLS handshake ({type(error).__name__})"
        ) from error
    try:
        secured.do_handshake()
    except TimeoutError as error:
        secured.close()
        raise TlsFailed("the peer did not finish the TLS handshake in time") from error
    except (OSError, ValueError) as error:
        secured.close()
        raise TlsFailed(what_to_mend(error)) from error
    return secured
