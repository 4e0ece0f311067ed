"""A slide's label and the overview that shows it: for those whose role includes them, and nobody else."""

import httpx
import psycopg
import pytest
from pydicom import dcmread

from exchange.policy import Role
from tests.ologies.material import sample, wrap_here
from tests.ologies.slides.material import a_slide_case
from tests.viewer_api.conftest import Place, bearer

WAYS = ["", "/metadata", "/frames/1", "/rendered", "/thumbnail", "/bulkdata"]


@pytest.fixture
def slide(place: Place) -> dict[str, str]:
    """The paths of a real slide's pictures, by what each is."""
    paths: dict[str, str] = {}
    for wrapped in wrap_here(sample("slide/CMU-1-Small-Region.svs"), a_slide_case()).objects:
        assert place.keep_file(wrapped.file).outcome.is_kept
        kind = dcmread(wrapped.file, stop_before_pixels=True).ImageType[2]
        series = f"/dicom-web/studies/{wrapped.study_uid}/series/{wrapped.series_uid}"
        paths.setdefault(kind, f"{series}/instances/{wrapped.sop_instance_uid}")
    return paths


@pytest.mark.parametrize("way", WAYS)
def test_a_reader_has_no_label(
    place: Place, closed_api: httpx.Client, slide: dict[str, str], way: str
) -> None:
    reader = bearer(place, Role.READER, "ann")
    for kind in ("LABEL", "OVERVIEW"):
        assert closed_api.get(slide[kind] + way, headers=reader).status_code == 403
    assert closed_api.get(slide["THUMBNAIL"] + way, headers=reader).status_code == 200
    contributor = bearer(place, Role.CONTRIBUTOR, "bob")
    assert closed_api.get(slide["LABEL"] + way, headers=contributor).status_code == 200
    with psycopg.connect(place.database) as connection:
        refused = connection.execute("select count(*) from audit where outcome = 'refused'").fetchone()
    assert refused == (1,)  # one row for a reader, a study and ten minutes (ADR 0032)


def test_what_is_left_out_is_said(place: Place, closed_api: httpx.Client, slide: dict[str, str]) -> None:
    series = slide["VOLUME"].partition("/instances")[0]
    for role, number in ((Role.READER, 3), (Role.CONTRIBUTOR, 5)):
        answer = closed_api.get(f"{series}/metadata", headers=bearer(place, role, role.value))
        assert len(answer.json()) == number
        assert ("labels are left out" in answer.headers.get("warning", "")) == (number == 3)


def test_the_first_tile_is_the_source_s(
    place: Place, closed_api: httpx.Client, slide: dict[str, str]
) -> None:
    accept = {"Accept": 'multipart/related; type="image/jpeg"; transfer-syntax=*'}
    answer = closed_api.get(f"{slide['VOLUME']}/frames/1", headers=bearer(place) | accept)
    assert answer.status_code == 200
    source = sample("slide/CMU-1-Small-Region.svs").read_bytes()
    scan = answer.content[answer.content.index(b"\xff\xda") : answer.content.rindex(b"\xff\xd9")]
    assert scan in source
