"""Whether a certificate and its key would serve a TLS listener: a handshake with ourselves, in memory."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

from imx.errors import SetupError

#: X509_V_FLAG_NO_CHECK_TIME of OpenSSL: an ended certificate must still say when it ended.
_NO_CHECK_TIME = 0x200000


class BadCertificate(SetupError):
    """A certificate, its key or an authorities file cannot be used."""


def ends_at(certificate: Path, key: Path | None) -> datetime:
    """When the certificate ends, once it and its key have been used. Raises BadCertificate."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    # The certificate is its own anchor here: whether peers trust who signed it is for them to say.
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
    try:
        server.load_cert_chain(certificate, key)
        client.load_verify_locations(certificate)
        found = _handshake(server, client)
    except ssl.SSLCertVerificationError as error:
        raise BadCertificate(f"{certificate} is not valid: {error.verify_message}") from error
    except ssl.SSLError as error:
        why = "does not belong to" if error.reason == "KEY_VALUES_MISMATCH" else "cannot be read with"
        raise BadCertificate(f"the key {key} {why} the certificate {certificate}") from error
    except OSError as error:
        missing = next((each for each in (certificate, key) if each and not each.is_file()), certificate)
        raise BadCertificate(f"cannot read {missing}: {error.strerror}") from error
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(found), UTC)


def check_authorities(path: Path) -> int:
    """How many authorities a file holds. Raises BadCertificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_verify_locations(path)
    except (OSError, ssl.SSLError) as error:
        raise BadCertificate(f"{path} holds no certificates that can be read (tls.authorities)") from error
    return int(context.cert_store_stats()["x509"])


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> str:
    """The notAfter of the certificate that the server shows."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname="imx"),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    waiting = list(ends)
    while waiting:
        for end in list(waiting):
            try:
                end.do_handshake()
                waiting.remove(end)
            except ssl.SSLWantReadError:
                continue
    shown = ends[0].getpeercert() or {}
    return str(shown["notAfter"])
