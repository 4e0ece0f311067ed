"""In what frames leave (PS3.18 §8.7.3.3, §8.7.8)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.syntaxes import (
    EXPLICIT_LITTLE,
    HTJ2K_LOSSLESS,
    IMPLICIT_LITTLE,
    J2K_LOSSLESS,
    JPEG_LS_LOSSLESS,
    NATIVE,
    RLE,
)
from storage.transcoding import can_transcode
from viewer_api.frame_ways import frame_offers, frame_ways
from viewer_api.media import OCTETS, PIXEL_MEDIA_TYPES, parse_accept

JPEG = "1.2.840.10008.1.2.4.50"
MPEG4 = "1.2.840.10008.1.2.4.102"
RELATED = "multipart/related; type="


@pytest.mark.parametrize(
    ("accept", "stored", "media_type", "syntax", "is_multipart"),
    [
        ("*/*", EXPLICIT_LITTLE, OCTETS, EXPLICIT_LITTLE, True),
        ("*/*", IMPLICIT_LITTLE, OCTETS, EXPLICIT_LITTLE, True),
        ("*/*", JPEG, "image/jpeg", JPEG, True),
        ("*/*", RLE, OCTETS, EXPLICIT_LITTLE, True),
        ("*/*;transfer-syntax=*", RLE, "image/dicom-rle", RLE, True),
        ("*/*", MPEG4, "video/mp4", MPEG4, True),
        (OCTETS, JPEG, OCTETS, EXPLICIT_LITTLE, False),
        (f"{RELATED}{OCTETS}; transfer-syntax=*", JPEG, OCTETS, JPEG, True),
        ("image/jpeg", JPEG, "image/jpeg", JPEG, False),
        ("image/jp2", EXPLICIT_LITTLE, "image/jp2", J2K_LOSSLESS, False),
        ("image/jp2;transfer-syntax=*", EXPLICIT_LITTLE, "image/jp2", J2K_LOSSLESS, False),
        ("image/jphc", JPEG, "image/jphc", HTJ2K_LOSSLESS, False),
        (f'{RELATED}"image/dicom-rle"', EXPLICIT_LITTLE, "image/dicom-rle", RLE, True),
        (f"{RELATED}image/jls", JPEG_LS_LOSSLESS, "image/jls", JPEG_LS_LOSSLESS, True),
        (f"{RELATED}{OCTETS};transfer-syntax={J2K_LOSSLESS}", RLE, OCTETS, J2K_LOSSLESS, True),
        (f"image/jpeg, {OCTETS};q=0.5", EXPLICIT_LITTLE, OCTETS, EXPLICIT_LITTLE, False),
        (f"{OCTETS};q=0, */*", JPEG_LS_LOSSLESS, "image/jls", JPEG_LS_LOSSLESS, True),
        (f"{RELATED}image/jls, {RELATED}image/jp2, {RELATED}{OCTETS};transfer-syntax=*", JPEG, OCTETS, JPEG,
         True),
        ("image/jp2, image/jpeg;q=0.9", JPEG, "image/jp2", J2K_LOSSLESS, False),
        (f"image/jp2;transfer-syntax={JPEG};transfer-syntax={J2K_LOSSLESS}", RLE, "image/jp2", J2K_LOSSLESS,
         False),
    ],
)  # fmt: skip
def test_the_best_form(accept: str, stored: str, media_type: str, syntax: str, is_multipart: bool) -> None:
    best = next(frame_ways(parse_accept(accept), stored, 1))
    assert (best.media_type, best.transfer_syntax, best.is_multipart) == (media_type, syntax, is_multipart)


@pytest.mark.parametrize("accept", ["text/html", "image/jpeg", f"image/jp2;transfer-syntax={JPEG}"])
def test_nothing_accepted_can_be_had(accept: str) -> None:
    assert not list(frame_ways(parse_accept(accept), EXPLICIT_LITTLE, 1))


def test_several_frames_need_several_parts() -> None:
    assert not list(frame_ways(parse_accept(OCTETS), EXPLICIT_LITTLE, 2))
    assert next(frame_ways(parse_accept(f"{OCTETS}, */*;q=0.1"), EXPLICIT_LITTLE, 2)).is_multipart


_SYNTAXES = st.sampled_from(sorted({*NATIVE, *PIXEL_MEDIA_TYPES}))
_WISHES = st.sampled_from(["", "*", *sorted({EXPLICIT_LITTLE, *PIXEL_MEDIA_TYPES})])
_MEDIA_TYPES = st.sampled_from(["*/*", "image/*", OCTETS, *sorted(set(PIXEL_MEDIA_TYPES.values()))])


@given(st.lists(st.tuples(_MEDIA_TYPES, _WISHES, st.booleans()), max_size=4), _SYNTAXES, st.integers(1, 3))
def test_what_leaves_was_accepted_and_can_be_made(
    asked: list[tuple[str, str, bool]], stored: str, count: int
) -> None:
    texts = []
    for media_type, syntax, is_multipart in asked:
        text = f'multipart/related; type="{media_type}"' if is_multipart else media_type
        texts.append(f"{text}; transfer-syntax={syntax}" if syntax else text)
    ranges = parse_accept(", ".join(texts))
    for way in frame_ways(ranges, stored, count):
        assert can_transcode(stored, way.transfer_syntax)
        assert any(
            each.takes(way.media_type) and each.transfer_syntax in (None, "*", way.transfer_syntax, stored)
            for each in ranges
        )
        assert way.is_multipart or count == 1
        assert way.is_as_stored == (way.transfer_syntax == (EXPLICIT_LITTLE if stored in NATIVE else stored))


@given(_SYNTAXES)
def test_every_offer_is_given_to_who_accepts_it(stored: str) -> None:
    for offer in frame_offers(stored):
        way = next(frame_ways(parse_accept(offer), stored, 1))
        assert way.content_type == offer
