"""TLS for DICOM: the BCP 195 RFC 8996, 9325 Secure Transport Connection Profile (PS3.15 §B.12)."""

import hashlib
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicom_router.errors import TlsFailed

#: TLS 1.2 suites with forward secrecy and authenticated encryption (RFC 9325 §4.2). TLS 1.3 brings its own.
TLS_1_2_SUITES = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)

_PLAIN = "the peer speaks plain DICOM to the TLS port: turn TLS on at the peer, or use the plain port"
_NOT_TRUSTED = "the peer does not trust our certificate: install its issuer at the peer"

#: What OpenSSL calls the trouble, and what mends it.
MENDING: Mapping[str, str] = {
    "WRONG_VERSION_NUMBER": _PLAIN,
    "UNKNOWN_PROTOCOL": _PLAIN,
    "HTTP_REQUEST": "a browser called the DICOM port: use the HTTP address",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "the peer shows no certificate: give it one that our CA vouches for",
    "CERTIFICATE_VERIFY_FAILED": "our CA does not vouch for the peer's certificate: renew it or add its CA",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the peer asks for our certificate: set tls.certificate, tls.key",
    "TLSV1_ALERT_UNKNOWN_CA": _NOT_TRUSTED,
    "TLSV1_ALERT_DECRYPT_ERROR": _NOT_TRUSTED,
    "SSLV3_ALERT_BAD_CERTIFICATE": _NOT_TRUSTED,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _NOT_TRUSTED,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "our certificate has expired: renew it",
    "NO_SHARED_CIPHER": "the peer offers no cipher suite of PS3.15 §B.12: update it",
    "UNSUPPORTED_PROTOCOL": "the peer offers nothing newer than TLS 1.1: update it",
}


class TlsSettingsWrong(Exception):
    """The certificate, key or CA file cannot be used; the text says which and why."""


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


def server_context(certificate: Path, key: Path, ca: Path | None = None) -> ssl.SSLContext:
    """What a TLS listener needs. With a CA file, a peer must show a certificate that it vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(":".join(TLS_1_2_SUITES))
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    try:
        context.load_cert_chain(certificate, key, password=no_password)
    except (OSError, ValueError) as error:
        raise TlsSettingsWrong(f"certificate {certificate} with key {key}: {error}") from error
    if ca is not None:
        try:
            context.load_verify_locations(cafile=ca)
        except (OSError, ValueError) as error:
            raise TlsSettingsWrong(f"CA file {ca}: {error}") from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def no_password() -> str:
    """Never ask at the terminal of a service."""
    raise ValueError("the key is encrypted: give one without a passphrase, in a file that only we can read")


def handshake(connection: socket.socket, context: ssl.SSLContext, patience_s: float) -> ssl.SSLSocket:
    """The secured connection, or TlsFailed. The whole handshake must end within `patience_s`."""
    try:
        connection.settimeout(patience_s)
        secured = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
    except (OSError, ValueError) as error:
        raise TlsFailed(f"the connection broke before the TLS handshake ({type(error).__name__})") from error
    try:
        secured.do_handshake()
    except TimeoutError as error:
        secured.close()
        raise TlsFailed("the peer did not finish the TLS handshake in time") from error
    except (OSError, ValueError) as error:
        secured.close()
        raise TlsFailed(what_to_mend(error)) from error
    return secured


def what_to_mend(error: Exception) -> str:
    """In words for whoever runs the service."""
    reason = getattr(error, "reason", None) or type(error).__name__
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{MENDING['CERTIFICATE_VERIFY_FAILED']} ({error.verify_message})"
    return MENDING.get(reason, f"the TLS handshake failed ({reason})")
