"""Rendered and thumbnail resources, from a real server over pydicom's own files."""

import io
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import CTImageStorage

from storage.part10 import read_meta
from tests.storage.material import samples
from tests.viewer_api.conftest import Place, bearer
from tests.viewer_api.material import an_image, encoded, kept

#: pydicom's files of each kind of pixel: grey and colour, native and compressed, whole and in frames.
NAMES = (
    "CT_small.dcm", "MR_small_bigendian.dcm", "JPEG2000.dcm", "MR_small_RLE.dcm", "SC_rgb_jpeg_dcmtk.dcm",
    "SC_rgb_small_odd_jpeg.dcm", "examples_palette.dcm", "examples_ybr_color.dcm", "emri_small_RLE.dcm",
    "emri_small_jpeg_2k_lossless.dcm", "image_dfl.dcm", "liver.dcm",
    "color3d_jpeg_baseline.dcm", "JPEG-LL.dcm",
)  # fmt: skip


def path_of(name: str) -> Path:
    found = get_testdata_file(name)
    return Path(str(found)) if found else next(each.path for each in samples() if each.name == name)


def url_of(path: Path) -> str:
    found = dcmread(path, stop_before_pixels=True)
    return (
        f"/dicom-web/studies/{found.StudyInstanceUID}/series/{found.SeriesInstanceUID}"
        f"/instances/{found.SOPInstanceUID}"
    )


def picture(answer: httpx.Response) -> Image.Image:
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content))


@pytest.mark.parametrize("name", NAMES)
def test_pydicoms_files_are_rendered_by_frame(place: Place, open_api: httpx.Client, name: str) -> None:
    path = path_of(name)
    place.keep_file(path)
    found = dcmread(path)
    last = int(found.get("NumberOfFrames") or 1)
    url = url_of(path)

    first = picture(open_api.get(f"{url}/rendered", headers={"Accept": "image/png"}))
    other = picture(open_api.get(f"{url}/frames/{last}/rendered", headers={"Accept": "image/png"}))

    assert first.format == "PNG"
    assert first.size[0] == found.Columns
    assert other.size == first.size
    assert len(np.unique(np.asarray(first))) > 1
    if last > 1:
        assert not np.array_equal(np.asarray(first), np.asarray(other))
    assert open_api.get(f"{url}/frames/{last + 1}/rendered").status_code == 404


def test_a_reader_chooses_format_window_size_and_quality(place: Place, open_api: httpx.Client) -> None:
    path = path_of("CT_small.dcm")
    place.keep_file(path)
    url = url_of(path) + "/rendered"

    answer = open_api.get(url)
    assert (answer.headers["content-type"], picture(answer).format) == ("image/jpeg", "JPEG")
    assert "not for diagnosis" in answer.headers["warning"]
    assert picture(open_api.get(url, params={"viewport": "32,64"})).size == (32, 32)
    dark = picture(open_api.get(url, params={"window": "9000,100"}))
    assert np.asarray(dark).max() < 10
    coarse, fine = (len(open_api.get(url, params={"quality": each}).content) for each in ("5", "100"))
    assert coarse < fine
    assert open_api.get(url, params={"window": "wide"}).status_code == 400
    refused = open_api.get(url, headers={"Accept": "video/mp4"})
    offered = ["image/jpeg", "image/png", "image/gif", "image/jp2", "image/webp"]
    assert (refused.status_code, refused.json()["offered"][:5]) == (406, offered)


def test_thumbnails_stand_for_every_level(place: Place, open_api: httpx.Client) -> None:
    path = path_of("emri_small_RLE.dcm")
    place.keep_file(path)
    instance = url_of(path)
    series = instance.partition("/instances")[0]

    for url in (series.partition("/series")[0], series, instance, f"{instance}/frames/2"):
        assert max(picture(open_api.get(f"{url}/thumbnail")).size) == 128
    assert picture(open_api.get(f"{instance}/thumbnail", params={"viewport": "20,20"})).size == (20, 20)


def test_what_has_no_pixels_has_a_thumbnail_and_no_picture(place: Place, open_api: httpx.Client) -> None:
    made = an_image("1.2.3.4")
    del made.PixelData
    kept(place, made)
    for url in ("", "/series/1.2.3", "/series/1.2.3/instances/1.2.3.4"):
        assert open_api.get(f"/dicom-web/studies/1.2{url}/thumbnail").status_code == 200
    refused = open_api.get("/dicom-web/studies/1.2/series/1.2.3/instances/1.2.3.4/rendered")
    assert (refused.status_code, refused.json()["offered"]) == (406, ["application/dicom"])


def test_pixels_that_are_cut_short_fail_alone(place: Place, open_api: httpx.Client) -> None:
    made = an_image("1.2.3.4", Rows=64, Columns=64)
    data = encoded(made)
    place.keep(CTImageStorage, "1.2.3.4", "1.2.840.10008.1.2.1", data)

    answer = open_api.get("/dicom-web/studies/1.2/series/1.2.3/instances/1.2.3.4/rendered")

    assert (answer.status_code, answer.headers["content-type"]) == (406, "application/problem+json")
    assert "cannot be rendered" in answer.json()["detail"]


def test_pictures_are_for_those_who_may_see_them(place: Place, closed_api: httpx.Client) -> None:
    path = path_of("CT_small.dcm")
    place.keep_file(path)
    assert read_meta(path.read_bytes()).sop_class_uid == CTImageStorage
    url = url_of(path)

    assert closed_api.get(f"{url}/rendered").status_code == 401
    assert closed_api.get(f"{url}/thumbnail").status_code == 401
    assert closed_api.get(f"{url}/rendered", headers=bearer(place)).status_code == 200
