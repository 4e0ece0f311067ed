"""Who should not come in does not, and it is written down."""

from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_router.rules.desk import RuleDesk
from exchange import believed
from exchange.policy import Role
from exchange.sessions import Stage
from tests.viewer_api.conftest import PASSWORD, Place, an_account, bearer, open_page, serving, sign_in
from viewer_api.parts import ApiParts
from viewer_api.settings import ApiSettings
from viewer_api.signing_in.next_page import HOME, safe_next

OURS = {"Sec-Fetch-Site": "same-origin"}
ORDER = "/orders"


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(believed, "BELIEVED_S", 0.0)


def refusals(place: Place) -> list[str]:
    """Why somebody was refused, as it is written down."""
    with psycopg.connect(place.database) as connection:
        rows = connection.execute("select because from audit where outcome = 'refused' order by id")
        return [because for (because,) in rows.fetchall()]


# Where a request comes from -----------------------------------------------------------------------


FROM_ELSEWHERE: list[dict[str, str]] = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
    {"Origin": "https://pictures.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://127.0.0.1.pictures.example"},
    {"Origin": "http://127.0.0.1"},  # another port
    {"Referer": "http://127.0.0.1/"},
    {},
]


def test_another_sites_page_changes_nothing_with_a_readers_cookie(
    place: Place, closed_api: httpx.Client
) -> None:
    an_account(place, Role.ADMINISTRATOR, trust="")
    sign_in(closed_api)

    for headers in FROM_ELSEWHERE:
        assert closed_api.put("/rules", content=b"", headers=headers).status_code == 403, headers
        assert closed_api.post("/dicom-web/studies", headers=headers).status_code == 403, headers
    assert set(refusals(place)) == {"the request does not come from a page of ours"}
    own = f"http://127.0.0.1:{closed_api.base_url.port}"
    assert closed_api.put("/rules", content=b"", headers={"Origin": own}).status_code != 403
    assert closed_api.put("/rules", content=b"", headers=OURS).status_code != 403


FETCHED: list[tuple[dict[str, str], int]] = [
    ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}, 403),
    ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, 403),
    ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}, 403),
    ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 403),
    ({"Origin": "https://pictures.example"}, 403),
    ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200),
    ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}, 200),
    ({"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200),
    ({}, 200),
]


def test_another_sites_page_reads_nothing_with_a_readers_cookie(
    place: Place, closed_api: httpx.Client
) -> None:
    an_account(place)
    sign_in(closed_api)

    for headers, status in FETCHED:
        assert closed_api.get("/dicom-web/studies", headers=headers).status_code == status, headers
    assert refusals(place) == ["the request does not come from a page of ours"]


def test_a_token_needs_no_such_proof(place: Place, closed_api: httpx.Client) -> None:
    headers = bearer(place, Role.ADMINISTRATOR, trust="") | {"Origin": "https://pictures.example"}
    assert closed_api.put("/rules", content=b"", headers=headers).status_code == 200


def test_a_form_that_we_did_not_show_is_refused(place: Place, closed_api: httpx.Client) -> None:
    an_account(place)
    sign_in(closed_api)

    for token in (None, "", "0" * 64, "x", "ünï"):
        fields = {"another": "field"} if token is None else {"form_token": token}
        for path in (
            "/sign-out",
            "/account/sessions/end",
            "/account/tokens",
            "/account/password",
            "/sign-in",
        ):
            assert closed_api.post(path, data=fields, headers=OURS).status_code == 403, (path, token)
    assert "the form is not one of ours" in refusals(place)[-1]
    assert closed_api.get("/dicom-web/studies").status_code == 200


def test_nobody_is_signed_in_by_another_sites_form(place: Place, closed_api: httpx.Client) -> None:
    """Login CSRF: the victim would work in the attacker's account."""
    an_account(place)
    form = {"name": "reader", "password": PASSWORD, "form_token": open_page(closed_api, "/sign-in")}

    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://pictures.example"}, {}):
        assert closed_api.post("/sign-in", data=form, headers=headers).status_code == 403
    closed_api.cookies.clear()
    assert closed_api.post("/sign-in", data=form, headers=OURS).status_code == 403
    assert "imx" not in closed_api.cookies


# Sessions -----------------------------------------------------------------------------------------


def test_a_session_that_was_planted_is_not_the_one_that_opens(place: Place, closed_api: httpx.Client) -> None:
    an_account(place)
    closed_api.cookies.set("imx", "planted-by-somebody")
    sign_in(closed_api)

    mine = {each.value for each in closed_api.cookies.jar if each.name == "imx"}
    assert "planted-by-somebody" not in mine or len(mine) == 2
    with httpx.Client(base_url=closed_api.base_url, cookies={"imx": "planted-by-somebody"}) as attacker:
        assert attacker.get("/dicom-web/studies").status_code == 401


def test_half_a_sign_in_opens_nothing(place: Place, closed_api: httpx.Client) -> None:
    an_account(place)
    sign_in(closed_api)

    for stage in (Stage.CODE, Stage.PASSWORD, Stage.ENROL):
        with psycopg.connect(place.database) as connection:
            connection.execute("update session set stage = %s", (stage.value,))
        for path in ("/dicom-web/studies", "/account", "/metrics"):
            assert closed_api.get(path).status_code == 401, (stage, path)
    assert set(refusals(place)) == {"signing in was not finished"}


def test_a_session_that_has_ended_opens_nothing(place: Place, closed_api: httpx.Client) -> None:
    an_account(place)
    for change in (
        "update session set ends_at = now()",
        "update session set seen_at = now() - interval '2 h'",
        "update session set ended_at = now()",
        "update account set disabled_at = now()",
        "delete from account",
    ):
        closed_api.cookies.clear()
        with psycopg.connect(place.database) as connection:
            connection.execute("update account set disabled_at = null")
        assert sign_in(closed_api).status_code == 303
        with psycopg.connect(place.database) as connection:
            connection.execute(change)
        assert closed_api.get("/dicom-web/studies").status_code == 401, change
    assert refusals(place) == ["the session has ended"]
    assert closed_api.get("/sign-in").status_code == 200


def test_over_tls_cookies_are_this_hosts_alone(place: Place) -> None:
    an_account(place)
    parts = ApiParts(
        settings=ApiSettings(public_url="https://imaging.example"),
        objects=place.objects,
        door=place.ingest,
        database=place.database,
        pool=place.ingest.index.pool,
        rules=RuleDesk(place.ingest.index.pool),
    )
    with serving(parts) as url, httpx.Client(base_url=url) as client:
        shown = client.get("/sign-in").headers["set-cookie"]
        assert shown.startswith("__Host-imx-form=")
        assert "; Secure" in shown
        held = shown.split(";")[0]
        token = client.get("/sign-in", headers={"Cookie": held}).text.split('form_token" value="')[1][:64]
        form = {"name": "reader", "password": PASSWORD, "form_token": token}
        headers = {"Cookie": held, "Origin": "https://imaging.example"}
        entered = client.post("/sign-in", data=form, headers=headers)
        assert entered.status_code == 303
        session = next(
            each for each in entered.headers.get_list("set-cookie") if each.startswith("__Host-imx=")
        )
        assert "; Secure" in session
        assert "Domain" not in session
        value = session.split(";")[0]
        assert client.get("/dicom-web/studies", headers={"Cookie": value}).status_code == 200
        planted = value.removeprefix("__Host-")  # as a neighbouring host could set it
        assert client.get("/dicom-web/studies", headers={"Cookie": planted}).status_code == 401


# Guessing -----------------------------------------------------------------------------------------


def test_guessing_is_made_to_wait_and_the_owner_is_not(place: Place, closed_api: httpx.Client) -> None:
    an_account(place)
    sign_in(closed_api)  # the owner's browser is known from now on
    with httpx.Client(base_url=closed_api.base_url) as attacker:
        statuses = [sign_in(attacker, "reader", f"guess {number}").status_code for number in range(7)]
        assert statuses == [403] * 5 + [429] * 2
        waits = sign_in(attacker, "reader", PASSWORD)  # right, and too early
        assert waits.status_code == 429
        assert 0 < int(waits.headers["retry-after"]) <= 30
        assert [sign_in(attacker, "nobody", "a guess").status_code for _ in range(7)] == [403] * 5 + [429] * 2
    token = open_page(closed_api, "/account")
    closed_api.post("/sign-out", data={"form_token": token}, headers=OURS)
    assert sign_in(closed_api).status_code == 303

    with psycopg.connect(place.database) as connection:
        rows = connection.execute(
            "select actor, because, 1 + coalesce(times, 0) from audit left join audit_count on audit = id"
            " where outcome = 'refused' order by id"
        ).fetchall()
    assert [row[:2] for row in rows] == [
        ("reader", "wrong password"), ("reader", "too many attempts"),
        ("anonymous", "no account of that name"), ("anonymous", "too many attempts"),
    ]  # fmt: skip


def test_codes_are_not_guessed_either(place: Place, closed_api: httpx.Client) -> None:
    an_account(place)
    with psycopg.connect(place.database) as connection:
        connection.execute("update account set totp_secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'")
    sign_in(closed_api)
    token = open_page(closed_api, "/sign-in/code")

    def guess(code: str) -> int:
        form = {"code": code, "form_token": token}
        return closed_api.post("/sign-in/code", data=form, headers=OURS).status_code

    assert [guess(f"00000{number}") for number in range(7)] == [403] * 5 + [429] * 2
    assert refusals(place)[:1] == ["wrong or used code"]


# What a request says of itself --------------------------------------------------------------------


def test_two_authorization_headers_are_none(place: Place, closed_api: httpx.Client) -> None:
    good = bearer(place)["Authorization"]
    two = [("Authorization", "Bearer imx_nonsense"), ("Authorization", good)]

    for headers in (two, two[::-1]):
        assert closed_api.get("/dicom-web/studies", headers=headers).status_code == 400
    [because] = refusals(place)
    assert because == "a header twice that may stand once"


def test_what_is_no_token_opens_nothing(place: Place, closed_api: httpx.Client) -> None:
    for shown in ("Bearer", "bearer x", "Bearer a b", "Basic cmVhZGVyOng=", "imx_x", ",", "Bearer a.b.c"):
        answer = closed_api.get("/dicom-web/studies", headers={"Authorization": shown})
        assert answer.status_code == 401, shown
    assert len(refusals(place)) == 2  # no token, and none that we know


def test_a_bad_token_is_not_made_good_by_a_cookie(place: Place, closed_api: httpx.Client) -> None:
    an_account(place)
    sign_in(closed_api)
    headers = {"Authorization": "Bearer imx_nonsense"}
    assert closed_api.get("/dicom-web/studies", headers=headers).status_code == 401


def test_what_is_forwarded_is_believed_of_proxies_alone(place: Place, closed_api: httpx.Client) -> None:
    forged = {
        "X-Forwarded-Host": "pictures.example",
        "X-Forwarded-User": "administrator",
        "X-Remote-User": "administrator",
        "X-Forwarded-For": "<script>, Smith^Jo",
        "Forwarded": "for=10.9.9.9;host=pictures.example",
        "X-Original-URL": "/health/live",
        "X-HTTP-Method-Override": "GET",
    }
    assert closed_api.get("/dicom-web/studies", headers=forged).status_code == 401
    sent = closed_api.get("/account?a=b", headers=forged | {"Accept": "text/html"})
    assert sent.headers["location"] == "/sign-in?next=%2Faccount%3Fa%3Db"
    with psycopg.connect(place.database) as connection:
        found = str(connection.execute("select address, actor from audit").fetchall())
    assert "Smith" not in found
    assert "script" not in found
    assert "10.9.9.9" not in found


def test_a_form_of_another_shape_is_refused(closed_api: httpx.Client) -> None:
    headers = OURS | {"Content-Type": "application/x-www-form-urlencoded"}
    many = b"&".join(b"a%d=1" % number for number in range(50))
    for body in (b"name=" + b"x" * 20_000, many, b"name=%ff%fe", b"\xff\xfe"):
        assert closed_api.post("/sign-in", content=body, headers=headers).status_code == 400
    assert closed_api.post("/sign-in", json={"name": "reader"}, headers=OURS).status_code == 400


# Where it leads -----------------------------------------------------------------------------------

ELSEWHERE = [
    "https://pictures.example/", "//pictures.example", "///pictures.example", "/\\pictures.example",
    "\\\\pictures.example", "/\t/pictures.example", "/\n/pictures.example", " //pictures.example",
    "javascript:alert(1)", "http:pictures.example", "pictures.example", "", "/sign-in", "/sign-in/code?x",
    "/sign-out", "/%0d%0aSet-Cookie: a=b\r\n", "/" + "x" * 5000,
]  # fmt: skip


def test_signing_in_leads_to_no_other_host(place: Place, closed_api: httpx.Client) -> None:
    an_account(place)
    for following in ELSEWHERE:
        closed_api.cookies.clear()
        token = open_page(closed_api, "/sign-in")
        form = {"name": "reader", "password": PASSWORD, "form_token": token, "next": following}
        entered = closed_api.post("/sign-in", data=form, headers=OURS)
        assert (entered.status_code, entered.headers["location"]) == (303, HOME), following


@given(st.one_of(st.text(), st.sampled_from(ELSEWHERE), st.from_regex(r"/[/\\.\w?#&=%:@-]*", fullmatch=True)))
def test_whatever_is_asked_for_is_a_path_of_ours(text: str) -> None:
    found = safe_next(text)
    parts = urlsplit(f"https://imaging.example{found}")
    assert found.startswith("/")
    assert not found.startswith(("//", "/\\"))
    assert parts.netloc == "imaging.example"
    assert found in (text, HOME)
