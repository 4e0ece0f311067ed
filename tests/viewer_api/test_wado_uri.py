import httpx
import pytest
from pydicom import dcmread
from pydicom.filebase import DicomBytesIO

from tests.viewer_api.conftest import Place, bearer
from tests.viewer_api.test_rendered import path_of, picture


def asked(name: str, **more: str) -> dict[str, str]:
    found = dcmread(path_of(name), stop_before_pixels=True)
    return {
        "requestType": "WADO", "studyUID": str(found.StudyInstanceUID),
        "seriesUID": str(found.SeriesInstanceUID), "objectUID": str(found.SOPInstanceUID), **more,
    }  # fmt: skip


def test_an_object_as_a_picture_and_as_dicom(place: Place, open_api: httpx.Client) -> None:
    place.keep_file(path_of("JPEG2000.dcm"))
    name = "JPEG2000.dcm"

    assert picture(open_api.get("/wado", params=asked(name))).format == "JPEG"
    small = picture(open_api.get("/wado", params=asked(name, contentType="image/png", rows="64")))
    assert (small.format, small.size[1]) == ("PNG", 64)
    plain = open_api.get("/wado", params=asked(name, contentType="application/dicom"))
    assert plain.headers["content-type"].startswith("application/dicom")
    as_stored = "1.2.840.10008.1.2.4.91"
    stored = open_api.get(
        "/wado", params=asked(name, contentType="application/dicom", transferSyntax=as_stored)
    )
    assert dcmread(DicomBytesIO(stored.content)).file_meta.TransferSyntaxUID == as_stored


def test_a_frame_is_named(place: Place, open_api: httpx.Client) -> None:
    name = "emri_small_RLE.dcm"
    place.keep_file(path_of(name))

    first, fifth = (open_api.get("/wado", params=asked(name, frameNumber=each)).content for each in "15")

    assert first != fifth
    assert open_api.get("/wado", params=asked(name, frameNumber="99")).status_code == 404


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"requestType": "RENDER"}, 400), ({"studyUID": ""}, 400), ({"objectUID": "x"}, 400),
        ({"windowCenter": "1"}, 400), ({"contentType": "video/mp4"}, 406), ({"objectUID": "1.2"}, 404),
    ],
)  # fmt: skip
def test_what_cannot_be_had_is_refused(
    place: Place, open_api: httpx.Client, more: dict[str, str], status: int
) -> None:
    place.keep_file(path_of("CT_small.dcm"))

    assert open_api.get("/wado", params=asked("CT_small.dcm", **more)).status_code == status


def test_only_readers_see(place: Place, closed_api: httpx.Client) -> None:
    place.keep_file(path_of("CT_small.dcm"))

    assert closed_api.get("/wado", params=asked("CT_small.dcm")).status_code == 401
    assert closed_api.get("/wado", params=asked("CT_small.dcm"), headers=bearer(place)).status_code == 200
