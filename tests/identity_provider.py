"""A small OpenID provider over HTTP, as strict as a real one: what a client gets wrong, it refuses.

Discovery, authorisation code with PKCE (S256 wanted), client authentication, JWKS, and keys that change.
Whoever comes to it is signed in as `person`, without being asked.
"""

import hashlib
import secrets
import socket
import threading
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode

import uvicorn
from fastapi import FastAPI, Request
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from starlette.responses import JSONResponse, RedirectResponse, Response

CLIENT, SECRET = "imaging-exchange", "a secret of the client: 100% so"
AUDIENCE = "https://imaging.example/api"


@cache
def first_key() -> RSAKey:
    """One for all tests: it takes long to make."""
    return RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})


@dataclass
class IdentityProvider:
    """Its state, which tests change."""

    issuer: str
    redirect_uri: str = ""  # the one that is registered
    person: dict[str, Any] = field(
        default_factory=lambda: {"sub": "s-1", "preferred_username": "jo", "roles": ["imaging-readers"]}
    )
    says: dict[str, Any] = field(default_factory=dict)  # claims of ID tokens that are otherwise than true
    key: RSAKey | ECKey = field(default_factory=first_key)
    asked: list[str] = field(default_factory=list)  # paths
    is_away: bool = False
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def rotate(self) -> None:
        """Another key, of another kind, under another name. The old one is published no more."""
        self.key = ECKey.generate_key("P-256", {"kid": secrets.token_hex(4), "use": "sig"})

    @property
    def algorithm(self) -> str:
        return "ES256" if isinstance(self.key, ECKey) else "RS256"

    def token(self, header: dict[str, Any] | None = None, **otherwise: Any) -> str:
        """An access token for a program; claims that are None are left out."""
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": AUDIENCE, "exp": now + 300, "iat": now, "nbf": now, **self.person,
            **otherwise,
        }  # fmt: skip
        head = {"alg": self.algorithm, "kid": self.key.kid, "typ": "at+jwt", **(header or {})}
        said = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({name: value for name, value in head.items() if value is not None}, said, self.key)

    def id_token(self, nonce: str) -> str:
        """What a browser's sign-in ends in."""
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": nonce, **self.person,
            **self.says,
        }  # fmt: skip
        return jwt.encode({"alg": self.algorithm, "kid": self.key.kid}, claims, self.key)


def application(provider: IdentityProvider) -> FastAPI:
    """Its endpoints."""
    app = FastAPI()

    @app.middleware("http")
    async def note(request: Request, call_next: Any) -> Any:
        provider.asked.append(request.url.path)
        return Response(status_code=503) if provider.is_away else await call_next(request)

    @app.get("/.well-known/openid-configuration")
    async def discovery() -> dict[str, Any]:
        return {
            "issuer": provider.issuer,
            "authorization_endpoint": f"{provider.issuer}/authorize",
            "token_endpoint": f"{provider.issuer}/token",
            "jwks_uri": f"{provider.issuer}/jwks",
            "end_session_endpoint": f"{provider.issuer}/end",
            "authorization_response_iss_parameter_supported": True,
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        }

    @app.get("/jwks")
    async def jwks() -> dict[str, Any]:
        return {"keys": [provider.key.as_dict(private=False)]}

    @app.get("/authorize")
    async def authorize(request: Request) -> Response:
        asked = dict(request.query_params)
        if asked.get("client_id") != CLIENT or asked.get("redirect_uri") != provider.redirect_uri:
            return Response("no such client, or not its address", 400)
        wanted = asked.get("response_type") == "code" and asked.get("code_challenge_method") == "S256"
        if not wanted or not asked.get("code_challenge") or "openid" not in asked.get("scope", "").split():
            answer = {"error": "invalid_request"}
        else:
            code = secrets.token_urlsafe(16)
            provider.codes[code] = asked
            answer = {"code": code}
        answer |= {"state": asked["state"], "iss": provider.issuer}
        return RedirectResponse(f"{provider.redirect_uri}?{urlencode(answer)}", 303)

    @app.post("/token")
    async def token(request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        scheme, _, said = request.headers.get("authorization", "").partition(" ")
        name, _, secret = b64decode(said).decode().partition(":") if scheme == "Basic" else ("", "", "")
        # RFC 6749 §2.3.1: both are form-encoded before they become Basic.
        if (unquote_plus(name), unquote_plus(secret)) != (CLIENT, SECRET):
            return JSONResponse({"error": "invalid_client"}, 401)
        asked = provider.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = urlsafe_b64encode(digest).decode().rstrip("=")
        is_good = (
            asked is not None
            and form.get("grant_type") == "authorization_code"
            and form.get("redirect_uri") == asked["redirect_uri"]
            and challenge == asked["code_challenge"]
        )
        if asked is None or not is_good:
            return JSONResponse({"error": "invalid_grant"}, 400)
        answer = {"access_token": secrets.token_urlsafe(), "token_type": "Bearer", "expires_in": 300}
        return JSONResponse(answer | {"id_token": provider.id_token(asked["nonce"])})

    return app


@contextmanager
def running() -> Iterator[IdentityProvider]:
    """The provider on a loopback port of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        provider = IdentityProvider(f"http://127.0.0.1:{listener.getsockname()[1]}")
        server = uvicorn.Server(uvicorn.Config(application(provider), log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError("the provider did not start")
            time.sleep(0.01)
        try:
            yield provider
        finally:
            server.should_exit = True
            thread.join(10)
