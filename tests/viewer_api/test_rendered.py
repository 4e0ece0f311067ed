"""Rendered and thumbnail resources, from a real server over pydicom's own files."""

import io
import itertools
from pathlib import Path

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from storage.correcting import NewCorrection, Reason, record
from storage.part10 import read_meta
from storage.receipt import Outcome
from tests.storage.material import samples
from tests.viewer_api.conftest import Place, bearer
from tests.viewer_api.material import an_image, encoded, kept
from tests.viewer_api.rendering.phantoms import lut, overlaid

_NUMBERS = itertools.count(1000)
STORAGE = "1.2.840.10008.5.1.4.1.1."
ENCAPSULATED_PDF = f"{STORAGE}104.1"
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


def picture_of(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def parts_of(answer: httpx.Response) -> list[tuple[dict[str, str], bytes]]:
    """Headers and body of each part."""
    assert answer.status_code == 200, answer.text
    boundary = answer.headers["content-type"].rpartition("boundary=")[2].encode()
    found = []
    for part in answer.content.split(b"--" + boundary)[1:-1]:
        head, _, body = part.strip(b"\r\n").partition(b"\r\n\r\n")
        named = (line.partition(": ") for line in head.decode().split("\r\n"))
        found.append(({name.lower(): value for name, _, value in named}, body))
    return found


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
    assert "shorter than their frames" in answer.json()["detail"]


def test_pictures_are_for_those_who_may_see_them(place: Place, closed_api: httpx.Client) -> None:
    path = path_of("CT_small.dcm")
    place.keep_file(path)
    assert read_meta(path.read_bytes()).sop_class_uid == CTImageStorage
    url = url_of(path)

    assert closed_api.get(f"{url}/rendered").status_code == 401
    assert closed_api.get(f"{url}/thumbnail").status_code == 401
    assert closed_api.get(f"{url}/rendered", headers=bearer(place)).status_code == 200


def test_a_study_and_a_series_are_pictures_one_after_the_other(place: Place, open_api: httpx.Client) -> None:
    for number in (1, 2):
        kept(place, an_image(f"1.2.3.{number}"))
    document = an_image("1.2.4.1", SOPClassUID=ENCAPSULATED_PDF, EncapsulatedDocument=b"%PDF-1.7 x\0")
    del document.PixelData
    document.EncapsulatedDocumentLength = 10
    kept(place, document)

    answer = open_api.get("/dicom-web/studies/1.2/rendered")

    assert answer.headers["content-type"].startswith('multipart/related; type="image/jpeg"')
    found = parts_of(answer)
    assert [each["content-type"] for each, _ in found] == ["image/jpeg", "image/jpeg", "application/pdf"]
    assert found[1][0]["content-location"].endswith("/instances/1.2.3.2/frames/1/rendered")
    assert found[2][1] == b"%PDF-1.7 x"
    assert picture_of(found[0][1]).size == (2, 2)
    png = {"Accept": 'multipart/related; type="image/png"'}
    assert len(parts_of(open_api.get("/dicom-web/studies/1.2/series/1.2.3/rendered", headers=png))) == 2
    assert open_api.get("/dicom-web/studies/1.2/rendered", headers={"Accept": "image/png"}).status_code == 406
    assert open_api.get("/dicom-web/studies/1.9/rendered").status_code == 404


def test_frames_are_listed_and_a_cine_moves(place: Place, open_api: httpx.Client) -> None:
    path = path_of("emri_small_RLE.dcm")
    place.keep_file(path)
    url = url_of(path)

    two = parts_of(open_api.get(f"{url}/frames/3,1/rendered", headers={"Accept": "*/*"}))
    alone = open_api.get(f"{url}/frames/3/rendered").content
    moving = picture(open_api.get(f"{url}/rendered", headers={"Accept": "image/gif"}))

    assert two[0][1] == alone
    assert getattr(moving, "n_frames", 1) == int(dcmread(path, stop_before_pixels=True).NumberOfFrames)
    assert open_api.get(f"{url}/frames/1,99/rendered").status_code == 404
    assert open_api.get(f"{url}/frames/0/rendered").status_code == 404
    assert open_api.get(f"{url}/frames/x/rendered").status_code == 400


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png", "image/gif", "image/jp2", "image/webp"])
def test_each_format_says_what_it_is_for(place: Place, open_api: httpx.Client, media_type: str) -> None:
    path = path_of("color3d_jpeg_baseline.dcm")
    place.keep_file(path)

    answer = open_api.get(f"{url_of(path)}/frames/1/rendered", headers={"Accept": media_type})

    assert answer.headers["content-type"] == media_type
    assert "not for diagnosis" in answer.headers["warning"]
    assert "Lossy compression" in answer.headers["warning"]
    found = picture(answer)
    comment = found.info.get("comment") or found.info.get("Comment") or ""
    text = comment.decode() if isinstance(comment, bytes) else str(comment)
    assert media_type in ("image/jp2", "image/webp") or text.startswith("Not for diagnosis. Lossy")


def test_marks_are_on_the_picture_unless_it_is_too_small(place: Place, open_api: httpx.Client) -> None:
    made = an_image(
        "1.2.3.4", Rows=256, Columns=256, PixelData=bytes(2 * 256 * 256), WindowCenter=500, WindowWidth=2
    )
    kept(place, made)
    url = "/dicom-web/studies/1.2/series/1.2.3/instances/1.2.3.4"
    png = {"Accept": "image/png"}

    def level(path: str, **params: str) -> int:
        return int(np.asarray(picture(open_api.get(url + path, params=params, headers=png))).max())

    assert level("/rendered") == 255
    assert level("/rendered", viewport="128,128") == 0
    assert level("/thumbnail", annotation="patient") == 0
    assert level("/rendered", viewport="128,128", annotation="patient,technique") == 255
    tiny = {"viewport": "50,50", "annotation": "patient"}
    assert open_api.get(url + "/rendered", params=tiny).status_code == 400
    assert open_api.get(url + "/rendered", params={"annotation": "name"}).status_code == 400
    assert open_api.get(url + "/rendered", params={"iccprofile": "cmyk"}).status_code == 400


def test_a_picture_that_is_known_is_not_sent_again(place: Place, open_api: httpx.Client) -> None:
    kept(place, an_image("1.2.3.4"))
    url = "/dicom-web/studies/1.2/series/1.2.3/instances/1.2.3.4/"
    for path in ("rendered", "thumbnail"):
        tag = open_api.get(url + path).headers["etag"]
        known = {"If-None-Match": tag}
        assert open_api.get(url + path, headers=known).status_code == 304
        assert open_api.get(url + path, headers=known, params={"window": "1,2"}).status_code == 200
        assert open_api.get(url + path, headers=known | {"Accept": "image/png"}).status_code == 200


def test_an_ecg_is_squared_paper_and_a_report_a_page(place: Place, open_api: httpx.Client) -> None:
    path = path_of("waveform_ecg.dcm")
    place.keep_file(path)
    answer = open_api.get(f"{url_of(path)}/rendered")
    assert answer.headers["content-type"] == "image/svg+xml; charset=utf-8"
    assert answer.text.rstrip().endswith("</svg>")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert picture(open_api.get(f"{url_of(path)}/rendered", headers={"Accept": "image/png"})).width > 2000
    assert picture(open_api.get(f"{url_of(path)}/thumbnail")).width == 128

    report = an_image(
        "1.2.3.4", SOPClassUID=f"{STORAGE}88.11", SpecificCharacterSet="ISO_IR 100", PatientName="Höf"
    )
    del report.PixelData
    kept(place, report)
    url = "/dicom-web/studies/1.2/series/1.2.3/instances/1.2.3.4"
    page = open_api.get(f"{url}/rendered")
    assert (page.headers["content-type"], "HÖF" in page.text) == ("text/html; charset=utf-8", True)
    plain = open_api.get(f"{url}/rendered", headers={"Accept": "text/plain"})
    assert plain.text.startswith("Report\n\nHÖF\n")
    assert open_api.get(f"{url}/thumbnail").status_code == 200


def test_a_stored_video_leaves_as_it_is(place: Place, open_api: httpx.Client) -> None:
    film = b"\0\0\0\x18ftypmp42" + bytes(1000)
    for number, stream in ((1, film), (2, b"\0\0\0\1\x67" + bytes(99))):
        made = an_image(f"1.2.3.{number}", SOPClassUID=f"{STORAGE}77.1.4.1", NumberOfFrames=30)
        del made.PixelData
        item = b"\xfe\xff\x00\xe0" + len(stream).to_bytes(4, "little") + stream
        pixels = b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\0\0\0\0" + item
        data = encoded(made) + pixels + b"\xfe\xff\xdd\xe0\0\0\0\0"
        place.keep(made.SOPClassUID, made.SOPInstanceUID, "1.2.840.10008.1.2.4.102", data)
    url = "/dicom-web/studies/1.2/series/1.2.3/instances/1.2.3."

    answer = open_api.get(f"{url}1/rendered", headers={"Accept": "video/mp4"})

    assert (answer.headers["content-type"], answer.content) == ("video/mp4", film)
    bare = open_api.get(f"{url}2/rendered")
    assert (bare.status_code, "not transcoded" in bare.json()["detail"]) == (406, True)
    refused = open_api.get(f"{url}1/rendered", headers={"Accept": "image/jpeg"})
    assert (refused.status_code, refused.json()["offered"][0]) == (406, "video/mp4")
    [members] = open_api.get(f"{url}1/metadata").json()
    assert members["00083002"]["Value"] == ["1.2.840.10008.1.2.4.102"]  # so that it is played
    assert list(members) == sorted(members)
    assert picture(open_api.get(f"{url}1/thumbnail")).size == (128, 128)


def test_a_presentation_state_shows_its_picture(place: Place, open_api: httpx.Client) -> None:
    kept(place, an_image("1.2.3.4", Rows=1, Columns=2, PixelData=b"\0\0\x64\0"))
    state = an_image("1.2.5.6", SOPClassUID=f"{STORAGE}11.1", ImageHorizontalFlip="Y", ImageRotation=0)
    del state.PixelData, state.Rows, state.Columns, state.BitsAllocated
    voi, image, series = Dataset(), Dataset(), Dataset()
    voi.WindowCenter, voi.WindowWidth = "50", "101"
    image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = CTImageStorage, "1.2.3.4"
    series.SeriesInstanceUID, series.ReferencedImageSequence = "1.2.3", [image]
    state.SoftcopyVOILUTSequence, state.ReferencedSeriesSequence = [voi], [series]
    kept(place, state)
    image.ReferencedSOPInstanceUID = "1.2.3.99"
    state.SOPInstanceUID = "1.2.5.7"
    kept(place, state)
    url, png = "/dicom-web/studies/1.2/series/1.2.5/instances/1.2.5.", {"Accept": "image/png"}

    assert np.asarray(picture(open_api.get(f"{url}6/rendered", headers=png))).tolist() == [[255, 1]]
    away = open_api.get(f"{url}7/rendered", headers=png)
    assert (away.status_code, "not held here" in away.json()["detail"]) == (406, True)
    assert open_api.get(f"{url}6/rendered", params={"window": "1,2"}).status_code == 400


def test_pictures_show_who_it_is_as_corrected(place: Place, open_api: httpx.Client) -> None:
    report = an_image("1.2.3.4", SOPClassUID=f"{STORAGE}88.11")
    del report.PixelData
    kept(place, report)
    url = "/dicom-web/studies/1.2/series/1.2.3/instances/1.2.3.4/rendered"
    first = open_api.get(url)
    assert "SMITH, Jo" in first.text

    member = {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Brown^Jo"}]}}
    with place.ingest.index.pool.connection() as connection:
        record(connection, NewCorrection("1.2", member, Reason.CORRECT, "somebody"))

    answer = open_api.get(url, headers={"If-None-Match": first.headers["etag"]})
    assert answer.status_code == 200
    assert "BROWN, Jo" in answer.text
    assert "SMITH" not in answer.text


@given(damage=st.binary(min_size=1, max_size=40), place_of=st.floats(0, 1))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.filterwarnings("ignore")  # pydicom finds fault with what is damaged
def test_damaged_headers_are_refused_and_never_a_fault_of_ours(
    place: Place, open_api: httpx.Client, damage: bytes, place_of: float
) -> None:
    number = next(_NUMBERS)
    made = an_image(f"1.2.3.{number}", KVP="120", WindowCenter="1", WindowWidth="2", RescaleSlope="1")
    made.VOILUTSequence, made.ShutterShape = [lut([0, 1], 0, 8)], "CIRCULAR"
    data = bytearray(encoded(overlaid(made, np.ones((2, 2)))))
    first = data.index(b"\x28\0\x02\0")  # Samples per Pixel: what is before says which instance it is
    start = first + int(place_of * (len(data) - first))
    data[start : start + len(damage)] = damage
    receipt = place.keep(CTImageStorage, f"1.2.3.{number}", "1.2.840.10008.1.2.1", bytes(data))
    if receipt.outcome is Outcome.KEPT:
        url = f"/dicom-web/studies/1.2/series/1.2.3/instances/1.2.3.{number}"
        assert open_api.get(f"{url}/rendered").status_code in (200, 400, 406)
        assert open_api.get(f"{url}/thumbnail").status_code == 200
