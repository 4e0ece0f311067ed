"""What a token says, once it is certain whose word it is (RFC 7519, RFC 8725; OpenID Connect Core §3.1.3.7).

Pure: keys and the time come in as arguments.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import BadSignatureError, ClaimError, JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from exchange.policy import Role
from viewer_api.oidc.settings import ProviderSettings

Key = RSAKey | ECKey | OKPKey
Claims = Mapping[str, Any]

#: Signatures by a key that only the provider has. None that a shared secret could make, and not `none`.
ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA",
)  # fmt: skip

#: How far the provider's clock may be off.
LEEWAY_S = 30
_LONGEST = 16 * 1024

#: What only an ID token says. It is for the client that asked for it, and opens no service.
_OF_ID_TOKENS = ("nonce", "at_hash", "c_hash", "s_hash")
_REGISTRY = jws.JWSRegistry(algorithms=list(ALGORITHMS))

_ODS_CODE = re.compile(r"[A-Z0-9]{3,10}")
_NAME = re.compile(r"[^\s@\x00-\x1f\x7f]{1,100}(@[^\s@\x00-\x1f\x7f]{1,100})?")


class BadToken(Exception):
    """It opens nothing; the words say why, and hold nothing of what it says."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, or a program, for whom the provider vouches."""

    subject: str
    name: str  # always with "@": no local account has one
    role: Role
    trust: str


@dataclass(frozen=True, slots=True)
class Header:
    """What a token says of its signature, before that is looked at."""

    algorithm: str
    key: str | None


def header_of(token: str) -> Header:
    """Raises BadToken for what no key of ours could have signed."""
    if len(token) > _LONGEST:
        raise BadToken("the token is too long")
    try:
        said = jws.extract_compact(token.encode(), registry=_REGISTRY).headers()
    except (JoseError, ValueError, RecursionError) as error:
        raise BadToken("the token is no JWT") from error
    algorithm, key = said.get("alg"), said.get("kid")
    if algorithm not in ALGORITHMS:
        raise BadToken("the token is not signed as we want it")
    if key is not None and not isinstance(key, str):
        raise BadToken("the token names no key")
    return Header(str(algorithm), key)


def claims_of(token: str, key: Key, provider: ProviderSettings, audience: str, now: datetime) -> Claims:
    """What the issuer says to `audience`, in force `now`. Raises BadToken."""
    wanted = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=LEEWAY_S,
        iss={"essential": True, "value": provider.issuer},
        aud={"essential": True, "value": audience},
        exp={"essential": True},
        sub={"essential": True},
    )
    try:
        found = jwt.decode(token, key, algorithms=list(ALGORITHMS), registry=_REGISTRY).claims
        wanted.validate(found)
    except ClaimError as error:
        raise BadToken(_WORDS.get(error.claim, f"the token's claim {error.claim} does not hold")) from error
    except BadSignatureError as error:
        raise BadToken("the token's signature does not hold") from error
    except JoseError as error:
        raise BadToken("the token does not hold") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise BadToken("the token does not hold") from error
    return found


def of_access(claims: Claims) -> Claims:
    """The claims of a token that was made for a service. Raises BadToken for an ID token."""
    if any(each in claims for each in _OF_ID_TOKENS):
        raise BadToken("an ID token opens no service")
    return claims


def of_sign_in(claims: Claims, nonce: str, client_id: str) -> Claims:
    """The claims of an ID token that we asked for. Raises BadToken for another's."""
    if claims.get("nonce") != nonce:
        raise BadToken("the token is not the one that was asked for")
    if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != client_id:
        raise BadToken("the token was made for somebody else as well")
    return claims


def person_of(claims: Claims, provider: ProviderSettings) -> Person:
    """Who that is to us. Raises BadToken where it is nobody: no role, or no trust where one is wanted."""
    role = _role(claims, provider)
    if role is None:
        raise BadToken("the provider gives this person no role here")
    trust = ""
    if provider.trust_claim:
        trust = str(_at(claims, provider.trust_claim) or "").strip().upper()
        if not _ODS_CODE.fullmatch(trust):
            raise BadToken("the provider does not say of which trust this person is")
    return Person(str(claims["sub"]), _name(claims, provider), role, trust)


def _role(claims: Claims, provider: ProviderSettings) -> Role | None:
    said = _at(claims, provider.role_claim)
    if isinstance(said, str):
        said = [said, *said.split()]
    held = said if isinstance(said, list) else []
    return next((role for theirs, role in provider.roles.items() if theirs in held), None)


def _at(claims: Claims, path: str) -> Any:
    """A claim by its name; else one within others, by their names with dots between."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for name in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(name)
    return found


def _name(claims: Claims, provider: ProviderSettings) -> str:
    for said in (claims.get("preferred_username"), claims["sub"]):
        if isinstance(said, str) and _NAME.fullmatch(said):
            return said if "@" in said else f"{said}@{provider.host}"
    raise BadToken("the provider names nobody")


#: Where a claim does not hold.
_WORDS: Mapping[str, str] = {
    "exp": "the token has expired, or does not say when it does",
    "nbf": "the token is not good yet",
    "iss": "the token is of another issuer",
    "aud": "the token is for somebody else",
    "sub": "the token names nobody",
}
