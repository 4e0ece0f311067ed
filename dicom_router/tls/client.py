"""TLS towards peers that we call (PS3.15 §B.12): what we show, and whom we trust."""

import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from dicom_router.errors import TlsFailed
from dicom_router.tls.profile import TlsSettingsWrong, believe, heed, no_password, profile_context, shown_by
from dicom_router.tls.words import what_to_mend


@dataclass(frozen=True, slots=True)
class TlsClient:
    """What we show, and whom we trust, where a peer that we call speaks TLS.

    The files are read anew for each association: what replaces them holds from the next on.
    """

    certificate: Path | None = None  # PEM, with the chain; shown where the peer asks for one
    key: Path | None = None
    authorities: Path | None = None  # PEM; None: the system's own
    revocations: Path | None = None  # PEM; what the authorities revoked

    def context(self, *, is_pinned: bool) -> ssl.SSLContext:
        """For one association. Raises TlsSettingsWrong.

        A peer whose entry has its fingerprint is known by it; without authorities of ours that alone counts.
        """
        context = profile_context(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False  # a certificate may name the AE: `_check_who` looks
        if is_pinned and self.authorities is None:
            context.verify_mode = ssl.CERT_NONE
        try:
            if self.authorities is None:
                context.load_default_certs()
            else:
                believe(context, self.authorities)
                if self.revocations is not None:
                    heed(context, self.revocations)
            if self.certificate is not None:
                context.load_cert_chain(self.certificate, self.key, password=no_password)
        except (OSError, ValueError) as error:
            raise TlsSettingsWrong(f"certificates for calling peers: {error}") from error
        return context


@dataclass(frozen=True, slots=True)
class Expected:
    """How a peer that we call proves who it is."""

    names: frozenset[str]  # one of which its certificate bears
    fingerprint: str | None = None  # SHA-256 of its certificate, in hex; then no name counts


def handshake_as_client(
    connection: socket.socket, client: TlsClient, expected: Expected, patience_s: float
) -> ssl.SSLSocket:
    """The secured connection to a peer that we called, or TlsFailed."""
    try:
        context = client.context(is_pinned=expected.fingerprint is not None)
        connection.settimeout(patience_s)
        secured = context.wrap_socket(connection, do_handshake_on_connect=False)
    except (OSError, ValueError, TlsSettingsWrong) as error:
        connection.close()
        raise TlsFailed(f"no TLS handshake could begin: {error}") from error
    try:
        secured.do_handshake()
        _check_who(secured, expected)
    except TimeoutError as error:
        secured.close()
        raise TlsFailed("the peer did not finish the TLS handshake in time") from error
    except (OSError, ValueError) as error:
        secured.close()
        raise TlsFailed(what_to_mend(error)) from error
    except TlsFailed:
        secured.close()
        raise
    return secured


def _check_who(secured: ssl.SSLSocket, expected: Expected) -> None:
    shown = shown_by(secured)
    if expected.fingerprint is None:
        if not shown.names & {name.lower() for name in expected.names}:
            raise TlsFailed(
                f"the peer's certificate bears none of the names {', '.join(sorted(expected.names))}:"
                " correct its entry (imx peer change), or its certificate"
            )
        return
    if shown.fingerprint != expected.fingerprint:
        raise TlsFailed(
            "the peer shows another certificate than its entry names: ask the peer, then correct the entry"
        )
    certificate = x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"")
    if not certificate.not_valid_before_utc <= datetime.now(UTC) <= certificate.not_valid_after_utc:
        raise TlsFailed("the peer's certificate has expired, or is not valid yet: renew it at the peer")
