"""The provider's words and keys, as it publishes them (OpenID Connect Discovery; RFC 7517)."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from urllib.parse import quote_plus

import httpx
import orjson
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

from storage.errors import Unavailable
from viewer_api.oidc.claims import BadToken, Header, Key
from viewer_api.oidc.settings import ProviderSettings, is_safe

log = structlog.get_logger(__name__)

#: What it published is asked for anew after this time, and used for no longer than that while it is away.
FRESH_S = 3600.0
KEPT_S = 24 * 3600.0

#: A key that we do not know is asked for, but not more often: strangers name as many as they like.
ASK_AGAIN_S = 30.0

_PATIENCE_S = 5.0
_LONGEST_BYTES = 256 * 1024
_WELL_KNOWN = "/.well-known/openid-configuration"
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class ProviderUnavailable(Unavailable):
    """The identity provider does not answer, or not as it should."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """Where it answers."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str
    names_itself: bool  # in its answers to a browser (RFC 9207)


@dataclass(slots=True)
class _Published:
    """Something it published, and when we heard it."""

    metadata: Metadata
    keys: Mapping[str | None, Key]
    at: float


@dataclass(slots=True)
class Provider:
    """Asks it, and remembers. Many who ask at once wait for one answer."""

    settings: ProviderSettings
    _published: _Published | None = None
    _asked_at: float = -ASK_AGAIN_S
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def metadata(self) -> Metadata:
        """Raises ProviderUnavailable."""
        return (await self._known(FRESH_S)).metadata

    async def key(self, header: Header) -> Key:
        """The key that a token names. Raises BadToken where there is none, and ProviderUnavailable."""
        published = await self._known(FRESH_S)
        found = published.keys.get(header.key)
        if found is None:
            found = (await self._known(ASK_AGAIN_S)).keys.get(header.key)
        if found is None:
            raise BadToken("the token is signed by a key that the provider does not have")
        return found

    async def exchange(self, code: str, verifier: str, redirect_uri: str) -> str:
        """The ID token for a code (OpenID Connect Core §3.1.3). Raises BadToken, ProviderUnavailable."""
        settings = self.settings
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
            "client_id": settings.client_id,
        }
        # Form-encoded first (RFC 6749 §2.3.1).
        basic = httpx.BasicAuth(quote_plus(settings.client_id), quote_plus(settings.client_secret))
        endpoint = (await self.metadata()).token_endpoint
        status, said = await _ask("POST", endpoint, data=form, auth=basic if settings.client_secret else None)
        if status != httpx.codes.OK:
            if status >= httpx.codes.INTERNAL_SERVER_ERROR:
                raise ProviderUnavailable(f"the identity provider answers {status}")
            raise BadToken("the provider does not take the code")
        token = said.get("id_token")
        if not isinstance(token, str):
            raise BadToken("the provider gives no ID token")
        return token

    async def _known(self, younger_than_s: float) -> _Published:
        """What it published, at most so old where it answers."""
        known = self._published
        if known is not None and (monotonic() - known.at < younger_than_s or self._is_enough(known)):
            return known
        async with self._lock:
            known, now = self._published, monotonic()
            if known is not None and now - known.at < younger_than_s:
                return known
            if now - self._asked_at >= ASK_AGAIN_S:
                self._asked_at = now
                try:
                    self._published = known = await self._ask_all()
                except ProviderUnavailable as error:
                    log.warning("oidc.away", because=str(error))
            if known is None or now - known.at > KEPT_S:
                raise ProviderUnavailable("the identity provider does not answer")
            return known

    def _is_enough(self, known: _Published) -> bool:
        """Somebody asks already: while that lasts, what we have will do."""
        return self._lock.locked() and monotonic() - known.at < KEPT_S

    async def _ask_all(self) -> _Published:
        issuer = self.settings.issuer
        status, said = await _ask("GET", issuer.rstrip("/") + _WELL_KNOWN)
        if status != httpx.codes.OK or said.get("issuer") != issuer:
            raise ProviderUnavailable("what the identity provider publishes is not of that issuer")
        if not all(isinstance(said.get(each), str) and is_safe(said[each]) for each in _ENDPOINTS):
            raise ProviderUnavailable("what the identity provider publishes lacks an address")
        ends = said.get("end_session_endpoint")
        metadata = Metadata(
            authorization_endpoint=said["authorization_endpoint"],
            token_endpoint=said["token_endpoint"],
            jwks_uri=said["jwks_uri"],
            end_session_endpoint=ends if isinstance(ends, str) and is_safe(ends) else "",
            names_itself=said.get("authorization_response_iss_parameter_supported") is True,
        )
        status, found = await _ask("GET", metadata.jwks_uri)
        if status != httpx.codes.OK or not isinstance(found.get("keys"), list):
            raise ProviderUnavailable("the identity provider publishes no keys")
        return _Published(metadata, _keys(found["keys"]), monotonic())


def _keys(said: list[Any]) -> dict[str | None, Key]:
    """Those that sign, by their names; under None the only one. A shared secret is none."""
    found: list[tuple[str | None, Key]] = []
    for each in said:
        if not isinstance(each, dict) or each.get("use", "sig") != "sig":
            continue
        try:
            key = import_key(each)
        except (JoseError, ValueError, TypeError):
            continue  # of a kind that we do not know
        if isinstance(key, RSAKey | ECKey | OKPKey):
            found.append((each.get("kid") if isinstance(each.get("kid"), str) else None, key))
    named: dict[str | None, Key] = dict(found)
    if len(found) == 1:
        named[None] = found[0][1]
    else:
        named.pop(None, None)
    return named


async def _ask(
    method: str, url: str, data: Mapping[str, str] | None = None, auth: httpx.BasicAuth | None = None
) -> tuple[int, dict[str, Any]]:
    """Status and JSON object, {} where it is none. Raises ProviderUnavailable."""
    body = b""
    try:
        async with (
            httpx.AsyncClient(timeout=_PATIENCE_S, follow_redirects=False) as client,
            client.stream(
                method, url, data=data, auth=auth or httpx.USE_CLIENT_DEFAULT,
                headers={"Accept": "application/json"},
            ) as answer,
        ):  # fmt: skip
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > _LONGEST_BYTES:
                    raise ProviderUnavailable("the identity provider says too much")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ProviderUnavailable(f"the identity provider does not answer: {type(error).__name__}") from error
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        said = None
    return answer.status_code, said if isinstance(said, dict) else {}
