"""Annotations that were wrapped are drawn upon their slide, in the viewer."""

import io
import json
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

from imx.viewer import install
from tests.ologies.annotations.test_annotations import feature
from tests.peers.browser import PATIENCE_S, chromium, keep, signed_in, wait_for_picture, watched
from tests.peers.specialties import SPECIALTIES
from tests.service import Service

pytestmark = pytest.mark.peers

#: As far from the left as from the right, from above as from below: whichever way the viewer turns the slide.
RING = [[500, 500], [3500, 600], [3400, 2500], [600, 2400], [500, 500]]


def drawn_in_yellow(page: Page) -> tuple[int, int]:
    """Width and height of what the viewer draws annotations with, once it does."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        shot = Image.open(io.BytesIO(page.locator(".ol-viewport").first.screenshot())).convert("RGB")
        red, green, blue = np.moveaxis(np.asarray(shot, dtype=int), -1, 0)
        rows, columns = np.nonzero((red > 230) & (green > 200) & (blue < 60))
        if len(rows) > 500:
            return int(np.ptp(columns)), int(np.ptp(rows))
        page.wait_for_timeout(250)
    raise AssertionError("no annotation is drawn")


def test_annotations_are_seen_on_their_slide(service: Service, tmp_path: Path) -> None:
    slide = SPECIALTIES["pathology-slide"].put(tmp_path, "slide")
    [row] = map(
        json.loads, service.imx("wrap", str(slide), "--store", "--trust", "RBT", "--json").splitlines()
    )
    drawn = tmp_path / "drawn.geojson"
    tumour = feature("Polygon", [RING], classification={"name": "Tumor", "color": [0, 0, 255]})
    drawn.write_text(json.dumps({"type": "FeatureCollection", "features": [tumour]}))
    base = row["instances"][0]["instance"]
    said = service.imx("wrap", str(drawn), "--slide", base, "--store", "--trust", "RBT", "--json")
    assert json.loads(said)["study"] == row["study"]
    install()
    with (
        chromium() as browser,
        signed_in(browser, service, "egret") as context,
        watched(context, service.url) as page,
    ):
        page.goto("/studies")
        page.locator(f"a[href$='={row['study']}']").click()
        wait_for_picture(page, ".ol-viewport canvas")
        page.locator("[data-cy=side-panel-header-left]").click()
        page.locator("[data-cy=study-browser-thumbnail-no-image]").dblclick()
        width, height = drawn_in_yellow(page)
        page.wait_for_load_state("networkidle")
        keep(page, "annotations")
    assert width / height == pytest.approx(3000 / 2000, rel=0.05)
