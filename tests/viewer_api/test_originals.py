"""Originals over HTTP: few may have one back, each look is written down, and no browser shows one."""

import os
from pathlib import Path

import httpx
import psycopg
import pytest

from exchange.policy import Role
from storage.originals import HeldOriginal, Originals
from tests.ologies.material import a_case, wrap_here
from tests.storage.shelf import origin
from tests.viewer_api.conftest import Place, bearer
from viewer_api.keeping import Given, Keeping

#: More than one piece of a body.
PDF = b"%PDF-1.4\n" + os.urandom(3_000_000) + b"\n%%EOF\n"
NAME = 'M\u00fcller "1950"; a.pdf'


@pytest.fixture
def held(place: Place, tmp_path: Path) -> HeldOriginal:
    """The original of a letter that a contributor of RBS sent."""
    file = tmp_path / "spooled"
    file.write_bytes(PDF)
    originals = Originals(place.objects, place.ingest.index.pool)
    wrapping = wrap_here(file, a_case())
    given = Given(file=file, name=NAME, case=a_case(), by="ann", origin=origin("RBS"))
    assert Keeping(place.ingest, originals).keep(wrapping, given).outcome.is_kept
    return originals.of_study(wrapping.study_uid)[0]


def audited(place: Place) -> list[tuple[str, ...]]:
    with psycopg.connect(place.database) as connection:
        return connection.execute(
            "select actor, action, purpose, coalesce(study_uid, ''), outcome from audit order by id"
        ).fetchall()


def test_a_contributor_of_its_trust_has_it_back_whole(
    place: Place, closed_api: httpx.Client, held: HeldOriginal
) -> None:
    ann = bearer(place, Role.CONTRIBUTOR, "ann")
    [listed] = closed_api.get("/originals", params={"study": held.study_uid}, headers=ann).json()
    answer = closed_api.get(f"/originals/{listed['number']}", headers=ann)

    assert (listed["name"], listed["size"], listed["sha256"]) == (NAME, len(PDF), held.digest.hex())
    assert answer.content == PDF
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == (
        "attachment; filename*=UTF-8''M%C3%BCller%20%221950%22%3B%20a.pdf"
    )
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert audited(place) == [
        ("ann", "have an original file back", "HOPERAT", held.study_uid, "allowed"),
        ("ann", "have an original file back", "HOPERAT", held.study_uid, "allowed"),
    ]


def test_what_broke_off_is_gone_on_with(place: Place, closed_api: httpx.Client, held: HeldOriginal) -> None:
    eve = bearer(place, Role.ADMINISTRATOR, "eve", trust="")
    path = f"/originals/{held.id}"
    rest = closed_api.get(
        path, headers={**eve, "Range": "bytes=2999000-", "If-Range": f'"{held.digest.hex()}"'}
    )

    assert (rest.status_code, rest.content) == (206, PDF[2_999_000:])
    assert closed_api.get(path, headers={**eve, "Range": f"bytes={len(PDF)}-"}).status_code == 416
    head = closed_api.head(path, headers=eve)
    assert (head.headers["content-length"], head.content) == (str(len(PDF)), b"")


@pytest.mark.parametrize("role", [Role.READER, Role.COORDINATOR, Role.AUDITOR])
def test_who_may_read_its_dicom_may_not_have_it(
    place: Place, closed_api: httpx.Client, held: HeldOriginal, role: Role
) -> None:
    somebody = bearer(place, role, "somebody", trust="")
    for path in (f"/originals?study={held.study_uid}", f"/originals/{held.id}"):
        assert closed_api.get(path, headers=somebody).status_code == 403
        assert closed_api.get(path).status_code == 401
    assert {row[4] for row in audited(place)} == {"refused"}


def test_another_trusts_contributor_finds_none(
    place: Place, closed_api: httpx.Client, held: HeldOriginal
) -> None:
    bob = bearer(place, Role.CONTRIBUTOR, "bob", trust="REM")
    assert closed_api.get(f"/originals/{held.id}", headers=bob).status_code == 404
    assert closed_api.get("/originals", params={"study": held.study_uid}, headers=bob).json() == []


def test_what_means_nothing_is_told_so(place: Place, closed_api: httpx.Client) -> None:
    ann = bearer(place, Role.CONTRIBUTOR, "ann")
    for path, status in (("/originals", 400), ("/originals?study=x", 400), (f"/originals/{2**63}", 404)):
        assert closed_api.get(path, headers=ann).status_code == status


def test_dicomweb_never_shows_one(place: Place, closed_api: httpx.Client, held: HeldOriginal) -> None:
    eve = bearer(place, Role.ADMINISTRATOR, "eve", trust="")
    found = closed_api.get(f"/dicom-web/studies/{held.study_uid}/instances", headers=eve).json()
    assert [each["00080018"]["Value"] for each in found] == [held.instance_uids]
    accept = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
    sent = closed_api.get(f"/dicom-web/studies/{held.study_uid}", headers={**eve, **accept})
    assert sent.content.count(b"DICM") == 1
