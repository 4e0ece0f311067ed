"""Descriptions of pixels against what the codestream says."""

import pytest

from ologies.codestreams import Picture
from viewer_api.picturing import Contradiction, pictured, syntax_of

PHOTO = Picture("1.2.840.10008.1.2.4.50", 20, 30, 3, 8, "YBR_FULL_422", is_lossy=True)


def test_what_is_left_out_is_filled_in() -> None:
    shown = pictured({}, PHOTO, 1, 90)

    values = {tag: member["Value"][0] for tag, member in shown.members.items()}
    assert values == {
        "00280002": 3, "00280004": "YBR_FULL_422", "00280006": 0, "00280010": 20, "00280011": 30,
        "00280100": 8, "00280101": 8, "00280102": 7, "00280103": 0, "00282110": "01", "00282112": "20.00",
        "00282114": "ISO_10918_1",
    }  # fmt: skip
    assert shown.is_added_to  # lossy was not said
    assert not pictured(shown.members, PHOTO, 1, 90).is_added_to


@pytest.mark.parametrize(
    ("tag", "vr", "value"),
    [
        ("00280010", "US", 21), ("00280011", "US", 29), ("00280002", "US", 1),
        ("00280004", "CS", "MONOCHROME2"),
        ("00280100", "US", 4), ("00282110", "CS", "00"), ("00280008", "IS", 2),
    ],
)  # fmt: skip
def test_what_is_said_and_is_not_so_is_refused(tag: str, vr: str, value: object) -> None:
    with pytest.raises(Contradiction):
        pictured({tag: {"vr": vr, "Value": [value]}}, PHOTO, 1, 90)


def test_a_named_syntax_is_one_that_the_codestream_is_in() -> None:
    assert syntax_of(PHOTO, "1.2.840.10008.1.2.4.51").endswith(".51")
    with pytest.raises(Contradiction):
        syntax_of(PHOTO, "1.2.840.10008.1.2.4.90")


def test_frames_that_nobody_counted_are_wanted() -> None:
    video = Picture("1.2.840.10008.1.2.4.100", 576, 720, 3, 8, "YBR_PARTIAL_420", is_lossy=True, frames=0)
    with pytest.raises(Contradiction, match="wanted"):
        pictured({}, video, 1, 90)
