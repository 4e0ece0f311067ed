"""Signing in at a region's identity provider: browsers by code and PKCE, programs by JWT."""

import base64
import hashlib
import hmac
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from dicom_router.rules.desk import RuleDesk
from exchange import believed
from exchange.accounts import PostgresAccounts
from exchange.policy import Role
from tests import identity_provider
from tests.identity_provider import AUDIENCE, CLIENT, SECRET, IdentityProvider
from tests.viewer_api.conftest import Place, serving
from tests.viewer_api.test_access import audited
from viewer_api.oidc import provider as asking
from viewer_api.oidc.settings import ProviderSettings, is_safe, roles_of
from viewer_api.parts import ApiParts
from viewer_api.settings import ApiSettings

PAGE = {"Accept": "text/html"}


@dataclass
class Region:
    """Our service, and the provider that it believes."""

    api: httpx.Client
    provider: IdentityProvider
    place: Place

    def read(self, token: str) -> int:
        """What a program with that token hears."""
        answer = self.api.get("/dicom-web/studies", headers={"Authorization": f"Bearer {token}"})
        if answer.status_code == 401:
            assert 'error="invalid_token"' in answer.headers["www-authenticate"]
        return answer.status_code

    def refusals(self) -> list[str]:
        """Why somebody was refused, as it is written down."""
        with psycopg.connect(self.place.database) as connection:
            rows = connection.execute("select because from audit where outcome = 'refused' order by id")
            return [because for (because,) in rows.fetchall()]

    def go_out(self, page: str = "/sign-in/provider?next=%2Faccount") -> str:
        """To the provider; the address that it sends the browser back to."""
        there = self.api.get(page, headers=PAGE)
        assert there.status_code == 303
        back = httpx.get(there.headers["location"])
        assert back.status_code == 303, back.text
        return back.headers["location"]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(believed, "BELIEVED_S", 0.0)
    monkeypatch.setattr(asking, "ASK_AGAIN_S", 0.0)


@pytest.fixture
def region(place: Place) -> Iterator[Region]:
    with identity_provider.running() as provider, socket.create_server(("127.0.0.1", 0)) as listener:
        public_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        provider.redirect_uri = f"{public_url}/sign-in/provider/return"
        believes = ProviderSettings(
            issuer=provider.issuer,
            client_id=CLIENT,
            client_secret=SECRET,
            audience=AUDIENCE,
            roles=roles_of(("imaging-admins=administrator", "imaging-readers=reader")),
            trust_claim="ods",
            name="Region account",
        )
        provider.person["ods"] = "rbs"
        parts = ApiParts(
            settings=ApiSettings(public_url=public_url, provider=believes),
            objects=place.objects,
            door=place.ingest,
            database=place.database,
            pool=place.ingest.index.pool,
            rules=RuleDesk(place.ingest.index.pool),
        )
        with serving(parts, listener) as url, httpx.Client(base_url=url, timeout=60) as client:
            yield Region(client, provider, place)


# Browsers -----------------------------------------------------------------------------------------


def test_a_person_of_the_region_signs_in_and_reads(region: Region) -> None:
    assert "Continue with Region account" in region.api.get("/sign-in").text
    entered = region.api.get(region.go_out(), headers=PAGE)

    assert (entered.status_code, entered.headers["location"]) == (303, "/account")
    assert region.api.get("/dicom-web/studies").status_code == 200
    name = f"jo@{region.provider.issuer.removeprefix('http://')}"
    assert (name, "query", "", "allowed") in [row[:4] for row in audited(region.place)]
    account = PostgresAccounts(region.place.ingest.index.pool).named(name)
    assert (account.role, account.trust, account.password_hash) == ("reader", "RBS", None)
    assert name in region.api.get("/account").text


def test_what_the_provider_says_anew_holds_anew(region: Region) -> None:
    region.api.get(region.go_out())
    region.provider.person |= {"roles": ["imaging-readers", "imaging-admins"], "ods": "REM"}
    region.api.get(region.go_out())

    [account] = PostgresAccounts(region.place.ingest.index.pool).all()
    assert (account.role, account.trust) == ("administrator", "REM")


def test_two_people_of_one_name_are_two_accounts(region: Region) -> None:
    region.api.get(region.go_out())
    region.provider.person["sub"] = "s-2"
    region.api.get(region.go_out())

    host = region.provider.issuer.removeprefix("http://")
    names = [each.name for each in PostgresAccounts(region.place.ingest.index.pool).all()]
    assert names == [f"jo@{host}", f"s-2@{host}"]


SAYS: list[tuple[dict[str, Any], str]] = [
    ({"nonce": "another"}, "not the one that was asked for"),
    ({"aud": "somebody-else"}, "for somebody else"),
    ({"aud": [CLIENT, "somebody-else"]}, "somebody else as well"),
    ({"iss": "https://elsewhere.example"}, "of another issuer"),
    ({"exp": 1_000_000}, "expired"),
    ({"roles": ["cleaners"]}, "no role"),
    ({"roles": {"imaging-readers": True}}, "no role"),
    ({"ods": None}, "which trust"),
    ({"sub": ""}, "names nobody"),
]


def test_a_person_of_whom_the_provider_says_otherwise_is_refused(region: Region) -> None:
    for says, because in SAYS:
        region.provider.says = says
        refused = region.api.get(region.go_out())
        assert refused.status_code == 403, says
        assert "could not be signed in" in refused.text
        assert because in region.refusals()[-1]
    assert region.api.get("/dicom-web/studies").status_code == 401


def test_only_the_browser_that_was_sent_out_comes_back(region: Region) -> None:
    back = region.go_out()
    stranger = httpx.Client(base_url=region.api.base_url)
    assert stranger.get(back).status_code == 403
    changed = httpx.URL(back).copy_set_param("state", "x" * 43)
    assert region.api.get(changed).status_code == 403
    assert region.api.get(back).status_code == 403  # one way out, one way back
    assert {"nobody of this browser was sent to the provider"} == set(region.refusals())
    stranger.close()


def test_a_code_is_good_for_its_own_errand_alone(region: Region) -> None:
    """An attacker's code, planted into the victim's way back: the verifier is the victim's."""
    theirs = httpx.URL(region.go_out()).params["code"]
    region.api.cookies.clear()
    ours = httpx.URL(region.go_out())
    assert region.api.get(ours.copy_set_param("code", theirs)).status_code == 403
    assert region.refusals()[-1] == "the provider does not take the code"


def test_an_answer_that_is_not_the_providers_is_refused(region: Region) -> None:
    changes: list[dict[str, str | None]] = [
        {"iss": "https://elsewhere.example"}, {"iss": None}, {"error": "no"}, {"code": ""},
    ]  # fmt: skip
    for change in changes:
        back = httpx.URL(region.go_out())
        for name, value in change.items():
            back = back.copy_remove_param(name) if value is None else back.copy_set_param(name, value)
        assert region.api.get(back).status_code == 403, change


def test_a_disabled_person_stays_out(region: Region) -> None:
    accounts = PostgresAccounts(region.place.ingest.index.pool)
    region.api.get(region.go_out())
    [account] = accounts.all()
    accounts.disable(account.name, "test")

    assert region.api.get("/dicom-web/studies").status_code == 401
    assert "disabled" in region.api.get(region.go_out()).text
    assert region.read(region.provider.token()) == 401
    accounts.enable(account.name, "test")
    assert region.read(region.provider.token()) == 200


def test_a_provider_that_is_away_is_told_and_local_sign_in_goes_on(region: Region) -> None:
    region.provider.is_away = True

    away = region.api.get("/sign-in/provider")
    assert (away.status_code, "does not answer" in away.text) == (503, True)
    assert region.read(region.provider.token()) == 503
    assert region.api.get("/sign-in").status_code == 200


def test_signing_out_leads_to_the_providers_end(region: Region) -> None:
    region.api.get(region.go_out())
    page = region.api.get("/account").text
    token = page.split('name="form_token" value="')[1].split('"')[0]
    out = region.api.post("/sign-out", data={"form_token": token}, headers={"Sec-Fetch-Site": "same-origin"})

    assert out.headers["location"] == "/sign-in?out=provider"
    assert (
        f'href="{region.provider.issuer}/end?client_id={CLIENT}&amp;'
        in region.api.get(out.headers["location"]).text
    )
    assert region.api.get("/dicom-web/studies").status_code == 401


# Programs -----------------------------------------------------------------------------------------


def test_a_program_reads_with_a_token_of_the_provider(region: Region) -> None:
    assert region.read(region.provider.token()) == 200
    assert region.read(region.provider.token(aud=["other", AUDIENCE])) == 200
    assert region.read(region.provider.token(sub="svc", preferred_username=None)) == 200
    host = region.provider.issuer.removeprefix("http://")
    assert {row[0] for row in audited(region.place)} == {f"jo@{host}", f"svc@{host}"}


def test_keys_that_change_are_asked_for_once(region: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    old = region.provider.token()
    assert region.read(old) == 200
    region.provider.rotate()
    assert region.read(region.provider.token()) == 200
    assert region.read(old) == 401
    monkeypatch.setattr(asking, "ASK_AGAIN_S", 3600.0)
    before = region.provider.asked.count("/jwks")
    for number in range(20):
        assert region.read(region.provider.token({"kid": f"stranger-{number}"})) == 401
    assert region.provider.asked.count("/jwks") == before
    region.provider.is_away = True
    assert region.read(region.provider.token()) == 200


OTHERWISE: list[dict[str, Any]] = [
    {"exp": 1_000_000},
    {"exp": None},
    {"exp": "tomorrow"},
    {"nbf": 32_000_000_000},
    {"aud": "https://elsewhere.example"},
    {"aud": CLIENT},
    {"aud": None},
    {"aud": []},
    {"iss": "https://elsewhere.example"},
    {"iss": None},
    {"sub": None},
    {"sub": 5},
    {"nonce": "of an ID token"},
    {"roles": []},
    {"roles": "reader"},
    {"ods": "not a code"},
]


def test_a_token_that_says_otherwise_opens_nothing(region: Region) -> None:
    for otherwise in OTHERWISE:
        assert region.read(region.provider.token(**otherwise)) == 401, otherwise
    assert {"the token has expired, or does not say when it does", "an ID token opens no service"} < set(
        region.refusals()
    )


def unsigned(provider: IdentityProvider, header: dict[str, Any]) -> str:
    """The claims of a good token under that header, without a signature."""
    parts = provider.token().split(".")
    return f"{encoded(json.dumps(header).encode())}.{parts[1]}."


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def test_no_signature_but_the_providers_opens(region: Region) -> None:
    provider = region.provider
    good = provider.token()
    stranger = RSAKey.generate_key(2048, {"kid": "first"})
    public = provider.key.as_pem(private=False)
    by_secret = f"{encoded(json.dumps({'alg': 'HS256', 'kid': 'first'}).encode())}.{good.split('.')[1]}"
    confused = f"{by_secret}.{encoded(hmac.digest(public, by_secret.encode(), hashlib.sha256))}"
    claims = {"iss": provider.issuer, "aud": AUDIENCE, "exp": int(time.time()) + 300, **provider.person}
    own = ECKey.generate_key("P-256")
    for token in (
        unsigned(provider, {"alg": "none"}),
        unsigned(provider, {"alg": "None", "kid": "first"}),
        unsigned(provider, {"alg": "RS256", "kid": "first"}),
        confused,
        jwt.encode({"alg": "HS256", "kid": "first"}, claims, OctKey.generate_key(256), algorithms=["HS256"]),
        jwt.encode({"alg": "RS256", "kid": "first"}, claims, stranger),
        jwt.encode({"alg": "RS256", "kid": "unknown"}, claims, stranger),
        jwt.encode({"alg": "ES256", "jwk": own.as_dict(private=False)}, claims, own),
        jwt.encode({"alg": "ES256", "kid": "first"}, claims, own),
        good[:-4] + ("AAAA" if not good.endswith("AAAA") else "BBBB"),
        f"{good}.{good}",
        "..",
        f"{'[' * 9000}.e30.e30",
        f"{encoded(b'[' * 9000)}.e30.e30",
        f"{encoded(json.dumps({'alg': 'RS256', 'kid': ['first']}).encode())}.e30.e30",
    ):
        assert region.read(token) == 401, token
    assert region.read(good) == 200


def test_without_an_audience_no_token_of_the_provider_opens_anything(place: Place) -> None:
    with identity_provider.running() as provider:
        believes = ProviderSettings(
            issuer=provider.issuer, client_id=CLIENT, roles={"imaging-readers": Role.READER}
        )
        parts = ApiParts(
            settings=ApiSettings(public_url="http://127.0.0.1", provider=believes),
            objects=place.objects,
            door=place.ingest,
            database=place.database,
            pool=place.ingest.index.pool,
            rules=RuleDesk(place.ingest.index.pool),
        )
        with serving(parts) as url:
            header = {"Authorization": f"Bearer {provider.token(aud=CLIENT)}"}
            assert httpx.get(f"{url}/dicom-web/studies", headers=header).status_code == 401
        assert provider.asked == []


def test_a_provider_is_believed_over_tls_or_on_this_machine() -> None:
    assert all(map(is_safe, ("https://id.example/realms/x", "http://127.0.0.1:8080", "http://localhost")))
    assert not any(
        map(is_safe, ("http://id.example", "ftp://id.example", "https://", "", "id.example", "http://["))
    )
    with pytest.raises(ValueError, match="https"):
        ProviderSettings(issuer="http://id.example", client_id=CLIENT)
    with pytest.raises(ValueError, match="no role of ours"):
        roles_of(("theirs=owner",))
    with pytest.raises(ValueError, match="theirs=ours"):
        roles_of(("reader",))
