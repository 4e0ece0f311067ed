"""Signing in with a name and a password, as a browser does it."""

import re
from datetime import UTC, datetime, timedelta

import httpx
import psycopg
import pyotp

from exchange.accounts import PostgresAccounts
from exchange.policy import Role
from tests.viewer_api.conftest import Place, an_account, open_page, sign_in
from tests.viewer_api.test_access import audited
from viewer_api.signing_in.next_page import HOME

PAGE = {"Accept": "text/html,application/xhtml+xml"}


def test_a_page_asks_who_reads_it_and_leads_back(place: Place, closed_api: httpx.Client) -> None:
    an_account(place)
    asked = closed_api.get("/account?x=1%2F", headers=PAGE)

    assert asked.status_code == 303
    assert asked.headers["location"] == "/sign-in?next=%2Faccount%3Fx%3D1%252F"
    entered = sign_in(closed_api, page=asked.headers["location"])
    assert (entered.status_code, entered.headers["location"]) == (303, "/account?x=1%2F")


def test_a_reader_who_signed_in_reads_over_dicomweb(place: Place, closed_api: httpx.Client) -> None:
    an_account(place)
    assert closed_api.get("/dicom-web/studies").status_code == 401
    sign_in(closed_api)

    assert closed_api.get("/dicom-web/studies").status_code == 200
    assert closed_api.get("/metrics").status_code == 403
    assert ("reader", "sign in", "", "allowed") in [row[:4] for row in audited(place)]
    assert ("reader", "query", "", "allowed") in [row[:4] for row in audited(place)]


def test_the_web_services_answer_401_to_browsers_too(closed_api: httpx.Client) -> None:
    assert closed_api.get("/dicom-web/studies", headers=PAGE).status_code == 401
    assert closed_api.get("/wado?requestType=WADO&studyUID=1&seriesUID=1&objectUID=1").status_code == 401


def test_cookies_are_for_nobody_else(place: Place, closed_api: httpx.Client) -> None:
    an_account(place)
    entered = sign_in(closed_api)

    set_cookies = entered.headers.get_list("set-cookie")
    [session] = [each for each in set_cookies if each.startswith("imx=")]
    assert "httponly" in session.lower()
    assert "samesite=lax" in session.lower()
    assert "path=/" in session.lower()
    assert "domain" not in session.lower()
    with psycopg.connect(place.database) as connection:
        held = str(connection.execute("select * from session").fetchall())
    assert closed_api.cookies["imx"] not in held


def test_a_wrong_password_says_no_more_than_that(place: Place, closed_api: httpx.Client) -> None:
    an_account(place)

    for name in ("reader", "nobody", "reader@elsewhere", "x" * 3000, "", "ünïcode", "a\0b"):
        refused = sign_in(closed_api, name, "not the password")
        assert refused.status_code == (403 if name else 400), name
        assert "There is a problem" in refused.text
        assert "not the password" not in refused.text
    assert closed_api.get("/dicom-web/studies").status_code == 401


def test_what_is_typed_for_a_name_is_written_down_nowhere(place: Place, closed_api: httpx.Client) -> None:
    sign_in(closed_api, "my-secret-password", "reader")

    with psycopg.connect(place.database) as connection:
        for table in ("audit", "sign_in_attempt", "account_change"):
            found = str(connection.execute(f"select * from {table}").fetchall())
            assert "my-secret-password" not in found
            assert "reader" not in found


def test_a_first_password_opens_the_page_that_changes_it_alone(
    place: Place, closed_api: httpx.Client
) -> None:
    first = PostgresAccounts(place.ingest.index.pool).create("alice", Role.READER, "", "test")

    entered = sign_in(closed_api, "alice", first, page="/sign-in?next=/account")
    assert entered.headers["location"] == "/account/password?next=%2Faccount"
    assert closed_api.get("/dicom-web/studies").status_code == 401
    token = open_page(closed_api, "/account/password?next=%2Faccount")

    def change(old: str, new: str) -> httpx.Response:
        form = {"old": old, "new": new, "form_token": token, "next": "/account"}
        return closed_api.post("/account/password", data=form, headers={"Sec-Fetch-Site": "same-origin"})

    assert change(first, "short").status_code == 400
    assert change(first, "password1234!").status_code == 400
    assert change("not it", "seven green bicycles").status_code == 403
    changed = change(first, "seven green bicycles")
    assert (changed.status_code, changed.headers["location"]) == (303, "/account")
    assert closed_api.get("/dicom-web/studies").status_code == 200


def test_the_second_factor_is_asked_for_and_opens_once(place: Place, closed_api: httpx.Client) -> None:
    account, password = an_account(place)
    accounts = PostgresAccounts(place.ingest.index.pool)
    secret = pyotp.random_base32()
    now = datetime.now(UTC)
    before = pyotp.TOTP(secret).at(now - timedelta(seconds=30))
    codes = accounts.set_second_factor(account, secret, before, now)
    assert codes is not None

    def enter(code: str) -> httpx.Response:
        closed_api.cookies.clear()
        assert sign_in(closed_api, "reader", password).headers["location"] == "/sign-in/code"
        assert closed_api.get("/dicom-web/studies").status_code == 401
        form = {"code": code, "form_token": open_page(closed_api, "/sign-in/code")}
        return closed_api.post("/sign-in/code", data=form, headers={"Sec-Fetch-Site": "same-origin"})

    assert enter("000000").status_code == 403
    code = pyotp.TOTP(secret).now()
    assert enter(code).headers["location"] == HOME
    assert closed_api.get("/dicom-web/studies").status_code == 200
    assert enter(code).status_code == 403  # replayed
    assert enter(codes[0].upper()).status_code == 303
    assert enter(codes[0]).status_code == 403


def test_signing_out_ends_the_session_for_good(place: Place, closed_api: httpx.Client) -> None:
    an_account(place)
    sign_in(closed_api)
    kept = closed_api.cookies["imx"]
    token = open_page(closed_api, "/account/password")

    out = closed_api.post("/sign-out", data={"form_token": token}, headers={"Sec-Fetch-Site": "same-origin"})
    assert (out.status_code, out.headers["location"]) == (303, "/sign-in?out=here")
    assert "imx" not in closed_api.cookies
    assert "You have signed out" in closed_api.get("/sign-in?out=here").text
    closed_api.cookies.set("imx", kept)
    assert closed_api.get("/dicom-web/studies").status_code == 401


def test_the_field_names_are_labelled(closed_api: httpx.Client) -> None:
    page = closed_api.get("/sign-in").text

    for field in re.findall(r'<input[^>]* id="([^"]+)"', page):
        assert f'for="{field}"' in page
