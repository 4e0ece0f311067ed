"""An access token for the PDS: a client that signs a JWT with its own key (RFC 7523 §2.2, NHS API platform
"application-restricted, signed JWT").
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import time
from uuid import uuid4

import httpx
import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from exchange.answers import whole_answer
from exchange.people.pds.errors import PdsRefused, PdsUnavailable

#: The platform takes no other, and none that lasts longer than five minutes.
ALGORITHM = "RS512"
_LASTS_S = 240
#: A token is not used in its last moments.
_MARGIN_S = 30

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """Who we are to the PDS."""

    token_url: str
    api_key: str  # of the application, as the platform names it
    key: Path  # PEM, private; its public half is with the platform, under `key_id`
    key_id: str


@dataclass(slots=True)
class AccessTokens:
    """Asks for a token, and keeps it while it lasts."""

    application: Application
    http: httpx.Client
    clock: Callable[[], float] = time
    _token: str = ""
    _until: float = 0.0

    def token(self) -> str:
        """Raises PdsRefused, PdsUnavailable."""
        now = self.clock()
        if now >= self._until:
            self._token, lasts_s = self._ask(now)
            self._until = now + lasts_s - _MARGIN_S
        return self._token

    def forget(self) -> None:
        """It is not taken any more."""
        self._until = 0.0

    def _ask(self, now: float) -> tuple[str, float]:
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": _ASSERTION,
            "client_assertion": self._assertion(now),
        }
        try:
            request = self.http.build_request("POST", self.application.token_url, data=form)
            answer = whole_answer(self.http, request)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise PdsUnavailable(f"gives no token: {type(error).__name__}") from error
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR or answer.status_code == 429:
            raise PdsUnavailable(f"gives no token: {answer.status_code}")
        try:
            said = orjson.loads(answer.content)
            if answer.status_code != httpx.codes.OK:
                raise PdsRefused(answer.status_code, str(said.get("error", ""))[:64])
            return str(said["access_token"]), float(said["expires_in"])
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise PdsUnavailable("gives no token that we understand") from error

    def _assertion(self, now: float) -> str:
        application = self.application
        claims = {
            "iss": application.api_key, "sub": application.api_key, "aud": application.token_url,
            "jti": str(uuid4()), "exp": int(now) + _LASTS_S,
        }  # fmt: skip
        try:
            key = RSAKey.import_key(application.key.read_text())
            header = {"alg": ALGORITHM, "typ": "JWT", "kid": application.key_id}
            return jwt.encode(header, claims, key, algorithms=[ALGORITHM])
        except (OSError, ValueError, JoseError) as error:
            raise PdsRefused(0, f"our own key cannot be used: {type(error).__name__}") from error
