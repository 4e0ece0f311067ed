"""What surrounds every page, and what a browser is told about it."""

import re

import httpx
import pytest
from jinja2 import UndefinedError
from starlette.requests import Request

from exchange.policy import Actor, ActorKind, Role
from tests.viewer_api.conftest import Place, bearer
from viewer_api import assets
from viewer_api.pages import NAVIGATION, Pages, first_page

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_a_browser_is_shown_an_error_as_a_page_and_a_program_as_a_problem(closed_api: httpx.Client) -> None:
    page = closed_api.get("/no-such-place", headers=BROWSER)
    body = closed_api.get("/no-such-place")

    assert page.status_code == body.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "Not found" in page.text
    assert body.headers["content-type"] == "application/problem+json"


def test_no_page_takes_anything_from_elsewhere_or_runs_what_is_written_into_it(
    closed_api: httpx.Client,
) -> None:
    page = closed_api.get("/no-such-place", headers=BROWSER)

    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["cache-control"] == "no-store"
    assert "<style" not in page.text
    assert not re.search(r"<script(?![^>]*\bsrc=)", page.text)
    assert not re.search(r"(src|href)=\"(https?:)?//", page.text)


def test_what_a_page_needs_is_there_and_is_kept_for_as_long_as_it_is_the_same(
    closed_api: httpx.Client,
) -> None:
    page = closed_api.get("/no-such-place", headers=BROWSER)
    needed = re.findall(r"(?:src|href)=\"(/static/[^\"]+)\"", page.text)

    assert len(needed) >= 4
    for url in needed:
        answer = closed_api.get(url)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-encoding"] == "gzip"
    plain = closed_api.get(needed[0], headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == closed_api.get(needed[0]).content


def test_the_file_of_another_version_is_not_kept(closed_api: httpx.Client) -> None:
    answer = closed_api.get("/static/000000000000/pages.css")

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path", ["..%2fpages.py", "%2e%2e/pages.py", "/etc/passwd", "nhsuk-frontend-10.6.1", ""]
)
def test_no_path_leads_out_of_the_folder(closed_api: httpx.Client, path: str) -> None:
    assert closed_api.get(f"/static/{assets.load().version}/{path}").status_code in (400, 404)


def test_no_style_sheet_asks_another_host() -> None:
    for path, file in assets.load().found.items():
        if path.endswith(".css"):
            assert b"://" not in file.content
            assert b"@import" not in file.content


def test_what_a_template_is_not_given_is_an_error_and_what_it_is_given_is_no_markup() -> None:
    pages = Pages(assets.load())
    request = Request({"type": "http", "path": "/", "headers": []})

    with pytest.raises(UndefinedError):
        pages.answer(request, "problem.html")
    text = bytes(
        pages.answer(request, "problem.html", heading="<script>", why="", what_next="", is_sign_in=False).body
    ).decode()
    assert "&lt;script&gt;" in text


def test_the_navigation_is_for_those_who_are_signed_in() -> None:
    pages = Pages(assets.load())
    request = Request({"type": "http", "path": NAVIGATION[0].url, "headers": []})

    def text(signed_in: str, actor: Actor | None) -> str:
        answer = pages.answer(
            request, "problem.html", signed_in=signed_in, actor=actor, heading="Here", why="", what_next="",
            is_sign_in=False,
        )  # fmt: skip
        return bytes(answer.body).decode()

    stranger = text("", None)
    known = text("Dr Owl", Actor(ActorKind.ACCOUNT, "Dr Owl", "", Role.READER))
    assert "Sign out" not in stranger + known  # a token's holder, or of an open service
    assert "Dr Owl" not in stranger
    assert 'aria-label="Menu"' not in stranger
    assert "Dr Owl" in known
    assert 'aria-current="page"' in known
    assert "/review" not in known  # a reader decides nothing


def test_everybody_begins_where_they_may() -> None:
    def begins(role: Role) -> str:
        return first_page(Actor(ActorKind.ACCOUNT, "somebody", "", role))

    assert begins(Role.READER) == begins(Role.ADMINISTRATOR) == "/studies"
    assert begins(Role.AUDITOR) == "/account"


def test_who_has_signed_in_is_led_on_from_an_error(place: Place, closed_api: httpx.Client) -> None:
    auditor = bearer(place, Role.AUDITOR)
    refused = closed_api.get("/studies", headers=BROWSER | auditor)
    lost = closed_api.get("/no-such-place", headers=BROWSER | bearer(place, Role.READER, "ann"))

    assert (refused.status_code, lost.status_code) == (403, 404)
    assert 'href="/"' in refused.text
    assert 'href="/studies"' not in refused.text  # which would refuse them again
    assert 'href="/studies"' in lost.text
    sent = closed_api.post("/studies", headers=BROWSER, data={"name": "a"})
    assert sent.status_code == 401
    assert 'href="/sign-in"' in sent.text
