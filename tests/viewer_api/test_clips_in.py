"""A telephone's film as metadata and an MP4 file (IHE WIC), by the rules that files are wrapped by."""

import struct
from pathlib import Path

import httpx
import pytest
from psycopg import connect
from pydicom.encaps import generate_fragments

from tests.ologies.clips.material import UPRIGHT, a_clip, packets_of
from tests.viewer_api.conftest import Place
from tests.viewer_api.test_describing import bulk, metadata, photograph, send, why
from tests.viewer_api.test_photographs_in import kept

SAYS = {
    "title": "ZoeTitle", "artist": "ZoeOwner", "location": "+51.5072-000.1276/", "comment": "ZoeWord",
    "com.apple.quicktime.location.ISO6709": "+51.5072-000.1276+010/", "encoder": "ZoeEncoder SN12345",
}  # fmt: skip
VIDEO = {"00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.77.1.4.1"]}}


def test_nothing_of_who_and_where_is_kept_or_leaves(
    place: Place, open_api: httpx.Client, tmp_path: Path
) -> None:
    film = a_clip(
        tmp_path / "film.mp4", says=SAYS, count=10, container_options={"movflags": "use_metadata_tags"}
    )
    assert b"ZoeOwner" in film.read_bytes()

    answer = send(open_api, metadata(photograph(**VIDEO)), bulk("video/mp4", film.read_bytes()))

    assert (answer.status_code, why(answer)) == (202, [])
    url, file, dataset = kept(open_api, answer)
    rendered = open_api.get(f"{url}/rendered", headers={"Accept": "video/mp4"}).content
    with connect(place.database) as connection:
        keys = connection.execute(
            "select o.key from object o join instance n on n.object_id = o.id"
        ).fetchall()
    stored = [b"".join(place.objects.read(key)) for (key,) in keys]
    assert len(stored) == 1
    for each in (file, rendered, *stored):
        assert each
        for planted in (b"Zoe", b"51.5072", b"SN12345", b"udta", b"ISO6709"):
            assert planted not in each
    assert dataset.file_meta.TransferSyntaxUID.endswith(".102")
    assert (dataset.NumberOfFrames, dataset.FrameTime, dataset.CineRate) == (10, 40, 25)
    assert dataset.FrameIncrementPointer == 0x00181063
    study = answer.json()["00081190"]["Value"][0].rpartition("/")[2]
    [original] = open_api.get("/originals", params={"study": study}).json()
    assert original["kind"].startswith("clip in MP4")
    assert open_api.get(f"/originals/{original['number']}").content == film.read_bytes()
    tmp_path.joinpath("kept.mp4").write_bytes(next(generate_fragments(dataset.PixelData[8:])))
    assert packets_of(tmp_path / "kept.mp4") == packets_of(film), "the stream is the one that was sent"


def test_what_says_nothing_else_is_kept_as_it_is(open_api: httpx.Client, tmp_path: Path) -> None:
    film = a_clip(tmp_path / "film.mp4", says=SAYS, count=5)
    first = send(open_api, metadata(photograph(**VIDEO)), bulk("video/mp4", film.read_bytes()))
    clean = next(generate_fragments(kept(open_api, first)[2].PixelData[8:]))

    again = send(open_api, metadata(photograph(**VIDEO)), bulk("video/mp4", clean))

    assert next(generate_fragments(kept(open_api, again)[2].PixelData[8:])) == clean


@pytest.mark.parametrize("cut", [0.4, 0.97])
def test_a_film_that_is_cut_off_is_refused(cut: float, open_api: httpx.Client, tmp_path: Path) -> None:
    film = a_clip(tmp_path / "film.mp4", count=10).read_bytes()

    answer = send(open_api, metadata(photograph(**VIDEO)), bulk("video/mp4", film[: int(len(film) * cut)]))

    assert answer.status_code == 409
    assert why(answer)[0]


@pytest.mark.parametrize("size", [(96, 48), (48, 96)])
def test_a_film_that_its_camera_turned_is_described_either_way(
    size: tuple[int, int], open_api: httpx.Client, tmp_path: Path
) -> None:
    film = a_clip(tmp_path / "film.mp4", size=(96, 48), count=5).read_bytes()
    at = film.index(UPRIGHT, film.index(b"tkhd"))
    turned = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    columns, rows = ({"vr": "US", "Value": [each]} for each in size)
    described = photograph(**VIDEO, **{"00280010": rows, "00280011": columns})

    answer = send(open_api, metadata(described), bulk("video/mp4", film[:at] + turned + film[at + 36 :]))

    assert (answer.status_code, why(answer)) == (202, [])
    dataset = kept(open_api, answer)[2]
    assert (dataset.Columns, dataset.Rows) == (48, 96)
