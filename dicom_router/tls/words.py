"""TLS trouble in words for whoever runs the service, and what mends it, here or at the peer."""

import ssl
from collections.abc import Mapping

_PLAIN = "the peer speaks plain DICOM to the TLS port: turn TLS on at the peer, or use the plain port"
_NOT_TRUSTED = "the peer does not trust our certificate: install its issuer at the peer"
_NO_COMMON_SUITE = "the peer and we share no cipher suite (PS3.15 §B.12): update the peer"
_TOO_OLD = "the peer and we share no version: it offers nothing newer than TLS 1.1, update it"

#: By what OpenSSL calls the trouble.
MENDING: Mapping[str, str] = {
    "WRONG_VERSION_NUMBER": _PLAIN,
    "UNKNOWN_PROTOCOL": _PLAIN,
    "HTTP_REQUEST": "a browser called the DICOM port: use the HTTP address",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": (
        "the peer shows no certificate: give it one signed by one of tls.authorities"
    ),
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the peer asks for our certificate: set tls.certificate, tls.key",
    "TLSV1_ALERT_UNKNOWN_CA": _NOT_TRUSTED,
    "TLSV1_ALERT_DECRYPT_ERROR": _NOT_TRUSTED,
    "SSLV3_ALERT_BAD_CERTIFICATE": _NOT_TRUSTED,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _NOT_TRUSTED,
    "TLSV1_ALERT_ACCESS_DENIED": _NOT_TRUSTED,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "our certificate has expired: renew it (tls.certificate)",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": "our certificate was revoked: have a new one made (tls.certificate)",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": (
        "the peer cannot use our certificate: have one with an RSA key made (tls.certificate)"
    ),
    "NO_SHARED_CIPHER": _NO_COMMON_SUITE,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": _NO_COMMON_SUITE,
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": _NO_COMMON_SUITE,
    "UNSUPPORTED_PROTOCOL": _TOO_OLD,
    "TLSV1_ALERT_PROTOCOL_VERSION": _TOO_OLD,
    "UNEXPECTED_EOF_WHILE_READING": (
        "the peer hung up during the TLS handshake: it may not trust our certificate, its own log says why"
    ),
}

_UNKNOWN_ISSUER = (
    "an authority that we do not know signed the peer's certificate: add that one to tls.authorities"
)
_OTHER_NAME = "the peer's certificate is of another host: correct its entry (imx peer change)"
_TOO_WEAK = "the peer's certificate is too weak (its key or digest): have a new one made"

#: By OpenSSL's code of what is wrong with a certificate (X509_V_ERR_…).
VERIFYING: Mapping[int, str] = {
    2: _UNKNOWN_ISSUER,
    3: "tls.revocations holds no list of the authority that signed the peer's certificate: add it",
    9: "the peer's certificate is not valid yet: look at the clocks of both",
    10: "the peer's certificate has expired: renew it at the peer",
    11: "the revocation list of the peer's authority is not valid yet: look at our clock",
    12: "the revocation list of the peer's authority has ended: fetch the new one (tls.revocations)",
    18: "the peer signed its certificate itself: add the certificate to tls.authorities, or have it signed",
    19: _UNKNOWN_ISSUER,
    20: _UNKNOWN_ISSUER,
    21: _UNKNOWN_ISSUER,
    23: "the peer's certificate was revoked by its authority: have a new one made",
    26: "the peer's certificate is not for this use (Extended Key Usage): have one made for TLS clients",
    62: _OTHER_NAME,
    64: _OTHER_NAME,
    66: _TOO_WEAK,
    67: _TOO_WEAK,
    68: _TOO_WEAK,
}


def what_to_mend(error: Exception) -> str:
    """In words for whoever runs the service."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return VERIFYING.get(error.verify_code, f"the peer's certificate is wrong: {error.verify_message}")
    reason = getattr(error, "reason", None) or type(error).__name__
    return MENDING.get(reason, f"the TLS handshake failed ({reason})")
