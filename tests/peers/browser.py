"""A real browser, and what it noticed: Debian's Chromium, which draws without a graphics card."""

import io
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from PIL import Image
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    sync_playwright,
)

from tests.service import Service

PASSWORD = "heron teapot quarry"
CHROMIUM = "/usr/bin/chromium"
#: WebGL by the processor; root's Chromium has no sandbox of its own.
_ARGUMENTS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
#: On a busy machine; nothing waits that long where it works.
PATIENCE_S = 120.0
SCREENSHOTS = Path(__file__).parents[2] / ".peers" / "browser"

#: OHIF's parser knows no 64-bit offsets (PS3.5 §6.2, OV), complains and goes on.
_HARMLESS = "Invalid vr type OV"

#: A page that is left breaks off what it still loads.
_BROKEN_OFF = "net::ERR_ABORTED"


@contextmanager
def chromium() -> Iterator[Browser]:
    """One browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def signed_in(
    browser: Browser, service: Service, name: str, role: str = "reader"
) -> Iterator[BrowserContext]:
    """The browser of somebody new who has signed in, and stands before the list of studies."""
    [made] = json.loads(service.imx("account", "create", name, "--role", role, "--json"))
    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, base_url=service.url, locale="en-GB", service_workers="block"
    )
    with watched(context, service.url) as page:
        page.goto("/studies")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password", exact=True).fill(made["password"])
        keep(page, "sign-in")
        page.get_by_role("button", name="Sign in").click()
        page.locator("#old").fill(made["password"])
        page.locator("#new").fill(PASSWORD)
        keep(page, "first-password")
        page.locator("main button[type=submit]").click()
        page.wait_for_url("**/studies")
        keep(page, "studies")
    yield context
    context.close()


@dataclass
class Noticed:
    """What went wrong in a page, and whom it talked to."""

    host: str
    wrong: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Listen to everything that happens in it."""
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.wrong.append(f"uncaught: {error}"))
        page.on("request", self._asked)
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(_HARMLESS):
            self.wrong.append(f"console: {message.text}")

    def _asked(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme not in ("blob", "data") and url.netloc != self.host:
            self.elsewhere.append(request.url)

    def _failed(self, request: Request) -> None:
        if request.failure != _BROKEN_OFF:
            self.wrong.append(f"failed: {request.method} {request.url}: {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.wrong.append(f"{response.status}: {response.url}")


@contextmanager
def watched(context: BrowserContext, url: str) -> Iterator[Page]:
    """A page in which nothing goes wrong, and which talks to us alone: that is asserted at its end."""
    page = context.new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    noticed = Noticed(urlsplit(url).netloc)
    noticed.watch(page)
    try:
        yield page
        assert not noticed.wrong, noticed.wrong
        assert not noticed.elsewhere, noticed.elsewhere
    except BaseException:
        keep(page, f"failed-{os.getpid()}-{time.monotonic():.0f}")
        raise
    finally:
        page.close()


def keep(page: Page, name: str) -> None:
    """A screenshot, for people to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


def wait_for_picture(page: Page, selector: str) -> tuple[float, ...]:
    """Return when a picture is drawn there: in its middle, beside any overlay, are many shades.

    The mean colour of the middle.
    """
    page.wait_for_selector(selector)
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        drawn = Image.open(io.BytesIO(page.locator(selector).first.screenshot())).convert("RGB")
        width, height = drawn.size
        middle = drawn.crop((width // 4, height // 4, width * 3 // 4, height * 3 // 4))
        shades = np.asarray(middle.convert("L"))
        if shades.std() > 5 and len(np.unique(shades)) > 16:
            return tuple(np.asarray(middle).reshape(-1, 3).mean(0))
        page.wait_for_timeout(250)
    raise AssertionError(f"nothing is drawn at {selector}")
