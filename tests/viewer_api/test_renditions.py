"""What leaves for whom: decided without a store."""

from dataclasses import replace

import pytest

from storage.errors import NotHeld
from storage.frames import Form
from storage.stored import Stored
from viewer_api.media import parse_accept
from viewer_api.problems import NotAcceptable
from viewer_api.renditions import PARTS_LIMIT, Kind, divided, kind_of, offered, representative

CLASS = "1.2.840.10008.5.1.4.1.1."
PICTURE = Stored(
    1, 1, 1, "1", "1.1", "1.1.1", CLASS + "2", "key", 10, 0, "1.2.840.10008.1.2.1", 1, Form.NATIVE, 0,
    is_contested=False, digest=bytes(32), corrected_by=[],
)  # fmt: skip
CINE = replace(PICTURE, id=2, uid="1.1.2", frame_count=3)
PDF = replace(
    PICTURE,
    id=3,
    uid="1.2.1",
    series_uid="1.2",
    sop_class=CLASS + "104.1",
    frame_form=Form.NONE,
    frame_count=0,
)
ECG = replace(PDF, id=4, uid="1.3.1", series_uid="1.3", sop_class=CLASS + "9.1.1")
REPORT = replace(PDF, id=5, uid="1.4.1", series_uid="1.4", sop_class=CLASS + "88.33")
VIDEO = replace(CINE, id=6, uid="1.5.1", transfer_syntax="1.2.840.10008.1.2.4.102")
PLAN = replace(PDF, id=7, uid="1.6.1", series_uid="1.6", sop_class=CLASS + "481.5")
SEGMENTS = replace(CINE, id=8, uid="1.0.1", series_uid="1.0", sop_class=CLASS + "66.4")


def parts(
    accept: str, *stored: Stored, frames: list[int] | None = None
) -> tuple[list[tuple[str, int | None]], bool]:
    pieces, is_multipart = divided(stored, frames, parse_accept(accept))
    return [(each.media_type, each.number) for each in pieces], is_multipart


@pytest.mark.parametrize(
    ("stored", "kind", "default"),
    [
        (PICTURE, Kind.PICTURE, "image/jpeg"), (PDF, Kind.DOCUMENT, "application/pdf"),
        (ECG, Kind.WAVEFORM, "image/svg+xml"), (REPORT, Kind.REPORT, "text/html"),
        (VIDEO, Kind.VIDEO, "video/mp4"), (SEGMENTS, Kind.PICTURE, "image/jpeg"),
        (replace(PDF, sop_class=CLASS + "104.2"), Kind.DOCUMENT, "text/xml"),
        (replace(PDF, sop_class=CLASS + "104.3"), Kind.DOCUMENT, "model/stl"),
        (replace(PDF, sop_class=CLASS + "11.1"), Kind.PRESENTATION, "image/jpeg"),
    ],
)  # fmt: skip
def test_each_kind_has_a_default(stored: Stored, kind: Kind, default: str) -> None:
    assert kind_of(stored) is kind
    assert offered(stored)[0] == default
    assert parts("*/*", stored)[0][0][0] == default


def test_one_part_or_many_as_accepted() -> None:
    assert parts("image/png", PICTURE) == ([("image/png", 1)], False)
    assert parts("image/png", CINE) == ([("image/png", 1)], False)
    assert parts("image/gif", CINE) == ([("image/gif", None)], False)
    assert parts("image/gif", CINE, frames=[2]) == ([("image/gif", 2)], False)
    many = 'multipart/related; type="image/png"'
    assert parts(many, CINE) == ([("image/png", 1), ("image/png", 2), ("image/png", 3)], True)
    assert parts(many, CINE, frames=[3, 1]) == ([("image/png", 3), ("image/png", 1)], True)
    assert parts("*/*", CINE, frames=[3, 1]) == ([("image/jpeg", 3), ("image/jpeg", 1)], True)
    assert parts("*/*", PICTURE, PDF, PLAN) == ([("image/jpeg", 1), ("application/pdf", None)], True)
    assert parts('multipart/related; type="application/pdf"', PICTURE, PDF) == (
        [("application/pdf", None)],
        True,
    )


def test_frames_that_are_not_there_are_not_held() -> None:
    with pytest.raises(NotHeld):
        parts("*/*", CINE, frames=[1, 4])


def test_what_cannot_be_had_is_refused_with_what_can() -> None:
    with pytest.raises(NotAcceptable) as refused:
        parts("image/png", PICTURE, CINE)  # two pictures in one part
    assert 'multipart/related; type="image/png"' in refused.value.offered
    assert "image/png" not in refused.value.offered
    with pytest.raises(NotAcceptable) as refused:
        parts("image/jpeg", VIDEO)
    assert "video/mp4" in refused.value.offered
    with pytest.raises(NotAcceptable) as refused:
        parts("*/*", PLAN)
    assert refused.value.offered == ["application/dicom"]
    with pytest.raises(NotAcceptable, match="more than"):
        parts("multipart/related", replace(CINE, frame_count=PARTS_LIMIT + 1))


def test_a_study_is_stood_for_by_a_picture_of_its_own() -> None:
    slices = [replace(PICTURE, id=10 + each, uid=f"1.1.{each}") for each in range(5)]
    assert representative([SEGMENTS, PDF, *slices]).uid == "1.1.2"
    assert representative([PDF, SEGMENTS]) is SEGMENTS
    assert representative([PDF, ECG]) is ECG
    assert representative([PDF]) is PDF
