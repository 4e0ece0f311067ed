"""The second factor: six figures of an authenticator app (TOTP, RFC 6238), or a recovery code, each once."""

import hashlib
import hmac
import secrets
from datetime import datetime

import pyotp

ISSUER = "Imaging Exchange"
STEP_S = 30
RECOVERY_CODES = 10

#: Steps that an authenticator's clock may be off (RFC 6238 §5.2).
_DRIFT = 1
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def new_secret() -> str:
    """160 bits, as RFC 4226 §4 recommends, in base32."""
    return pyotp.random_base32(32)


def address_for_app(secret: str, account: str) -> str:
    """The otpauth:// address that an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret, name=account, issuer=ISSUER).provisioning_uri()


def step_of(secret: str, code: str, now: datetime, used: int | None) -> int | None:
    """The time step that this code is of; None where it is of none, or of one no later than `used`."""
    totp = pyotp.TOTP(secret, interval=STEP_S)
    given = "".join(code.split())
    current = int(now.timestamp()) // STEP_S
    found = None
    for step in range(current - _DRIFT, current + _DRIFT + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), given.encode()):
            found = step
    return found if found is not None and (used is None or found > used) else None


def new_recovery_codes() -> list[str]:
    """For somebody without their telephone: each opens once. 50 bits."""
    return [f"{_five()}-{_five()}" for _ in range(RECOVERY_CODES)]


def recovery_digest(code: str) -> bytes:
    """What is kept of one: as it was shown, however it is typed."""
    return hashlib.sha256("".join(each for each in code.casefold() if each.isalnum()).encode()).digest()


def _five() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(5))
