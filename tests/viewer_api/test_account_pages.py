"""Somebody sees to their own account: password, second factor, sessions, tokens."""

import re

import httpx
import psycopg
import pyotp
import pytest

from exchange import believed
from exchange.policy import Role
from tests.viewer_api.conftest import PASSWORD, Place, an_account, open_page, sign_in
from viewer_api.signing_in.next_page import HOME

OURS = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(believed, "BELIEVED_S", 0.0)


def send(api: httpx.Client, path: str, page: str = "/account", **fields: str) -> httpx.Response:
    """A form of that page."""
    return api.post(path, data={"form_token": open_page(api, page), **fields}, headers=OURS)


def done(place: Place) -> list[tuple[str, str]]:
    """What was done to accounts, and by whom."""
    with psycopg.connect(place.database) as connection:
        return connection.execute("select by, did from account_change order by id").fetchall()


def enrol(api: httpx.Client) -> tuple[str, httpx.Response]:
    """Set up an authenticator app; its secret, and the page of recovery codes."""
    page = api.get("/account/second-factor").text
    found = re.search(r'name="secret" value="([A-Z2-7]{32})"', page)
    assert found
    code = pyotp.TOTP(found[1]).now()
    fields = {"secret": found[1], "code": code, "password": PASSWORD, "next": "/account"}
    return found[1], send(api, "/account/second-factor", "/account/second-factor", **fields)


def test_the_page_says_who_somebody_is_and_where_they_are_signed_in(
    place: Place, closed_api: httpx.Client
) -> None:
    an_account(place, Role.CONTRIBUTOR)
    sign_in(closed_api)
    page = closed_api.get("/account").text

    for said in ("reader", "Contributor", "RBS", "python-httpx", "127.0.0.1", "This one"):
        assert said in page


def test_an_authenticator_app_is_set_up_by_its_first_code(place: Place, closed_api: httpx.Client) -> None:
    an_account(place)
    sign_in(closed_api)
    before = closed_api.cookies["imx"]
    wrong = send(
        closed_api, "/account/second-factor", "/account/second-factor", code="000000", password=PASSWORD
    )
    assert (wrong.status_code, "That code is wrong" in wrong.text) == (400, True)
    stolen = send(closed_api, "/account/second-factor", "/account/second-factor", code="1", password="no")
    assert (stolen.status_code, "That is not your password" in stolen.text) == (403, True)

    secret, codes = enrol(closed_api)
    assert codes.status_code == 200
    assert len(re.findall(r"<code>[a-z2-9]{5}-[a-z2-9]{5}</code>", codes.text)) == 10
    assert closed_api.cookies["imx"] != before
    assert closed_api.get("/dicom-web/studies").status_code == 200
    assert ("reader", "second factor set") in done(place)
    closed_api.cookies.clear()
    assert sign_in(closed_api).headers["location"] == "/sign-in/code"
    assert secret not in closed_api.get("/sign-in/code").text


def test_a_second_factor_is_removed_by_whoever_knows_the_password(
    place: Place, closed_api: httpx.Client
) -> None:
    an_account(place)
    sign_in(closed_api)
    enrol(closed_api)
    here = "/account/second-factor"

    assert send(closed_api, f"{here}/remove", here, password="no").status_code == 403
    renewed = send(closed_api, f"{here}/recovery", here, password=PASSWORD)
    assert len(re.findall(r"<code>[a-z2-9]{5}-[a-z2-9]{5}</code>", renewed.text)) == 10
    removed = send(closed_api, f"{here}/remove", here, password=PASSWORD)
    assert removed.status_code == 303
    assert closed_api.get("/dicom-web/studies").status_code == 200
    closed_api.cookies.clear()
    assert sign_in(closed_api).headers["location"] == HOME
    assert [did for _, did in done(place)][-3:] == [
        "second factor set", "recovery codes made", "second factor removed",
    ]  # fmt: skip


def test_a_changed_password_signs_out_everywhere_else(place: Place, closed_api: httpx.Client) -> None:
    an_account(place)
    sign_in(closed_api)
    with httpx.Client(base_url=closed_api.base_url) as elsewhere:
        sign_in(elsewhere)
        assert elsewhere.get("/dicom-web/studies").status_code == 200
        page = "/account/password"
        same = send(closed_api, page, page, old=PASSWORD, new=PASSWORD)
        assert "the old one" in same.text
        assert send(closed_api, page, page, old=PASSWORD, new="eight purple kettles").status_code == 303

        assert elsewhere.get("/dicom-web/studies").status_code == 401
    assert closed_api.get("/dicom-web/studies").status_code == 200
    closed_api.cookies.clear()
    assert sign_in(closed_api).status_code == 403
    assert sign_in(closed_api, password="eight purple kettles").status_code == 303


def test_another_session_is_ended_and_all_are(place: Place, closed_api: httpx.Client) -> None:
    an_account(place)
    sign_in(closed_api)
    with httpx.Client(base_url=closed_api.base_url) as elsewhere:
        sign_in(elsewhere)
        other = re.search(r"/account/sessions/(\d+)/end", closed_api.get("/account").text)
        assert other
        assert send(closed_api, other[0]).status_code == 303
        assert elsewhere.get("/dicom-web/studies").status_code == 401
    assert send(closed_api, "/account/sessions/end").headers["location"] == "/sign-in?out=here"
    assert closed_api.get("/dicom-web/studies").status_code == 401
    assert [did for _, did in done(place)][-2:] == ["a session ended", "signed out everywhere"]


def test_a_token_of_ones_own_may_what_its_owner_may(place: Place, closed_api: httpx.Client) -> None:
    an_account(place)
    sign_in(closed_api)
    for label, days in (("", "30"), ("my script", "0"), ("my script", "x"), ("my script", "366")):
        assert send(closed_api, "/account/tokens", label=label, days=days).status_code == 400
    made = re.search(
        r"imx_[A-Za-z0-9_-]{43}", send(closed_api, "/account/tokens", label="my script", days="30").text
    )
    assert made
    assert send(closed_api, "/account/tokens", label="my script", days="30").status_code == 400

    def read() -> int:
        header = {"Authorization": f"Bearer {made[0]}"}
        return httpx.get(f"{closed_api.base_url}/dicom-web/studies", headers=header).status_code

    assert read() == 200
    assert made[0] not in closed_api.get("/account").text
    with psycopg.connect(place.database) as connection:
        connection.execute("update account set role = 'auditor'")
    assert read() == 403
    with psycopg.connect(place.database) as connection:
        connection.execute("update account set role = 'reader', disabled_at = now()")
    assert read() == 401
    with psycopg.connect(place.database) as connection:
        connection.execute("update account set disabled_at = null")
    revoke = re.search(r"/account/tokens/(\d+)/revoke", closed_api.get("/account").text)
    assert revoke
    assert send(closed_api, revoke[0]).status_code == 303
    assert read() == 401
    assert [did for _, did in done(place)][-2:] == ["token made", "token revoked"]


def test_nobody_revokes_anothers_token_or_ends_anothers_session(
    place: Place, closed_api: httpx.Client
) -> None:
    an_account(place)
    an_account(place, name="other")
    with httpx.Client(base_url=closed_api.base_url) as other:
        sign_in(other, "other")
        send(other, "/account/tokens", label="a", days="1")
        sign_in(closed_api)
        for number in range(1, 5):
            send(closed_api, f"/account/tokens/{number}/revoke")
            if number != 2:
                send(closed_api, f"/account/sessions/{number}/end")
        assert other.get("/dicom-web/studies").status_code == 200
        assert "other/a" in other.get("/account").text


def test_a_token_has_no_account_to_see_to(place: Place, closed_api: httpx.Client) -> None:
    from tests.viewer_api.conftest import bearer

    assert closed_api.get("/account", headers=bearer(place)).status_code == 404
    assert closed_api.get("/account").status_code == 401
