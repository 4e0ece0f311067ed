"""What a reader accepts, and what leaves for it (PS3.18 §8.7)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import AllTransferSyntaxes
from starlette.requests import Request

from storage.elements import (
    DEFLATED,
    ENCAPSULATED_UNCOMPRESSED,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
)
from storage.syntaxes import DEFLATED_FRAMES, HTJ2K_LOSSLESS, LOSSLESS, NATIVE
from viewer_api.frame_ways import frame_ways
from viewer_api.instance_ways import syntax_for
from viewer_api.media import (
    DICOM_JSON,
    DICOM_XML,
    JSON,
    PIXEL_MEDIA_TYPES,
    Range,
    accepted,
    parse_accept,
    text_type,
)

JPEG = "1.2.840.10008.1.2.4.50"
RLE = "1.2.840.10008.1.2.5"
J2K = "1.2.840.10008.1.2.4.90"
VIDEO = "1.2.840.10008.1.2.4.102"


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("application/dicom", [Range("application/dicom", None, False, 1.0)]),
        (
            'multipart/related; type="application/dicom"; transfer-syntax=1.2',
            [Range("application/dicom", "1.2", True, 1.0)],
        ),
        (
            "multipart/related;type=image/jpeg;q=0.5, application/dicom+json ; q=0.9",
            [Range("application/dicom+json", None, False, 0.9), Range("image/jpeg", None, True, 0.5)],
        ),
        ("multipart/related", [Range("*/*", None, True, 1.0)]),
        ("text/html;q=0", []),
    ],
)
def test_accept(text: str, ranges: list[Range]) -> None:
    assert parse_accept(text) == ranges


@given(st.text(alphabet='ab/*;,="q.1 ', max_size=60))
def test_any_accept_header_is_read(text: str) -> None:
    for each in parse_accept(text):
        assert each.quality > 0


@pytest.mark.parametrize(
    ("stored", "wanted", "given"),
    [
        (EXPLICIT_LITTLE, None, EXPLICIT_LITTLE),
        (EXPLICIT_LITTLE, "*", EXPLICIT_LITTLE),
        (EXPLICIT_LITTLE, IMPLICIT_LITTLE, None),
        (EXPLICIT_LITTLE, HTJ2K_LOSSLESS, HTJ2K_LOSSLESS),
        (IMPLICIT_LITTLE, None, EXPLICIT_LITTLE),
        (IMPLICIT_LITTLE, "*", EXPLICIT_LITTLE),
        (IMPLICIT_LITTLE, IMPLICIT_LITTLE, IMPLICIT_LITTLE),
        (EXPLICIT_BIG, "*", EXPLICIT_LITTLE),
        (DEFLATED, "*", DEFLATED),
        (DEFLATED, None, EXPLICIT_LITTLE),
        (JPEG, None, JPEG),
        (JPEG, "*", JPEG),
        (JPEG, EXPLICIT_LITTLE, EXPLICIT_LITTLE),
        (JPEG, RLE, RLE),
        (RLE, None, EXPLICIT_LITTLE),
        (RLE, EXPLICIT_LITTLE, EXPLICIT_LITTLE),
        (RLE, RLE, RLE),
        (RLE, J2K, J2K),
        (RLE, JPEG, None),
        (VIDEO, None, VIDEO),
        (VIDEO, EXPLICIT_LITTLE, None),
        (J2K, None, EXPLICIT_LITTLE),
        (J2K, "*", J2K),
    ],
)
def test_syntaxes(stored: str, wanted: str | None, given: str | None) -> None:
    assert syntax_for(stored, wanted) == given


def test_what_is_too_long_without_compression_leaves_as_stored() -> None:
    assert syntax_for(J2K, None, is_too_long=True) == J2K
    assert syntax_for(J2K, EXPLICIT_LITTLE, is_too_long=True) is None
    assert syntax_for(J2K, RLE, is_too_long=True) == RLE


def test_every_syntax_of_pixels_can_be_had_by_its_name_and_by_any() -> None:
    for syntax in AllTransferSyntaxes:
        assert syntax_for(syntax, syntax) == syntax
        assert syntax_for(syntax, "*") is not None
        by_any = next(frame_ways(parse_accept("*/*;transfer-syntax=*"), syntax, 1))
        if syntax in PIXEL_MEDIA_TYPES:
            assert by_any.media_type.startswith(PIXEL_MEDIA_TYPES[syntax])


def test_the_tables_name_transfer_syntaxes() -> None:
    newer = {*(f"1.2.840.10008.1.2.4.{last}" for last in (110, 111, 112)), ENCAPSULATED_UNCOMPRESSED}
    newer.add(DEFLATED_FRAMES)
    known = {*AllTransferSyntaxes, *newer}  # pydicom's table lacks them
    assert set(PIXEL_MEDIA_TYPES) <= known
    assert set(LOSSLESS) <= known - NATIVE


@pytest.mark.parametrize(
    ("accept", "given"),
    [
        ("", DICOM_JSON),
        ("*/*", DICOM_JSON),
        ("application/*", DICOM_JSON),
        ("application/json", JSON),
        ("application/json, application/dicom+json", JSON),
        ("application/json;q=0.5, application/dicom+json", DICOM_JSON),
        ('multipart/related; type="application/dicom+xml"', DICOM_XML),
        ("multipart/related;type=application/dicom+xml, application/dicom+json;q=0.9", DICOM_XML),
        ("multipart/related", DICOM_XML),
        ("application/dicom+xml", None),
        ("image/png", None),
    ],
)
def test_data_sets_leave_as_json_or_xml(accept: str, given: str | None) -> None:
    assert text_type(parse_accept(accept) or parse_accept("*/*")) == given


@pytest.mark.parametrize(
    "text", ["nonsense", "a/b/c", "*/dicom", "application/", ";q=1", '"', "multipart/related;type=x"]
)
def test_what_is_malformed_counts_for_nothing(text: str) -> None:
    good = "application/dicom"
    assert [each.media_type for each in parse_accept(f"{text}, {good}") if each.quality] in ([good], [])
    assert parse_accept(text) == []


def test_what_is_refused_is_not_in_a_wildcard() -> None:
    (anything,) = parse_accept("image/jpeg;q=0, */*;q=0.5")
    assert anything.takes("image/png")
    assert not anything.takes("image/jpeg")


def test_a_range_may_name_several_syntaxes() -> None:
    ranges = parse_accept("application/dicom; transfer-syntax=1.2; transfer-syntax=1.2.1")
    assert [each.transfer_syntax for each in ranges] == ["1.2", "1.2.1"]


def test_the_query_parameter_counts_before_the_header() -> None:
    scope = {
        "type": "http",
        "query_string": b"accept=application/zip%3Bq%3D0.1,image/png",
        "headers": [(b"accept", b"*/*"), (b"accept", b"text/html")],
    }
    assert [each.media_type for each in accepted(Request(scope))] == [
        "image/png", "application/zip", "*/*", "text/html",
    ]  # fmt: skip
    assert [each.media_type for each in accepted(Request({**scope, "query_string": b"", "headers": []}))] == [
        "*/*"
    ]


@given(st.lists(st.tuples(st.sampled_from(["a/b", "c/*", "*/*", "e/f"]), st.integers(0, 10)), max_size=6))
def test_the_best_come_first_and_keep_their_order(asked: list[tuple[str, int]]) -> None:
    ranges = parse_accept(", ".join(f"{media_type};q={tenths / 10}" for media_type, tenths in asked))
    expected = sorted((each for each in asked if each[1]), key=lambda each: -each[1])
    assert [(each.media_type, round(each.quality * 10)) for each in ranges] == expected
