"""What is encoded here is what went in, bit for bit, by our decoders and by others'."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from openjpeg.utils import decode, get_parameters

from storage.codecs.decoding import decoded
from storage.codecs.encoding import ENCODED, encodable, encoded
from storage.codecs.frame import Frame, ImagePixel
from storage.elements import ENCAPSULATED_UNCOMPRESSED
from storage.errors import Unencodable, Unreadable
from storage.syntaxes import DEFLATED_FRAMES, HTJ2K_LOSSLESS, HTJ2K_LOSSLESS_RPCL, J2K_LOSSLESS, LOSSLESS, RLE
from tests.storage.codecs.strategies import by_pixel, native_frames

JPEG_2000S = [J2K_LOSSLESS, HTJ2K_LOSSLESS, HTJ2K_LOSSLESS_RPCL]


def test_nothing_is_encoded_with_loss() -> None:
    assert ENCODED <= LOSSLESS


@pytest.mark.parametrize("syntax", sorted(ENCODED))
@settings(max_examples=40, deadline=None)
@given(frame=native_frames())
def test_a_frame_comes_back_as_it_went_in(syntax: str, frame: Frame) -> None:
    made = encoded(frame.data, frame.pixel, syntax)

    back = decoded(made.data, made.pixel, syntax)

    assert np.array_equal(by_pixel(back), by_pixel(frame))
    assert back.pixel.photometric == frame.pixel.photometric
    assert len(made.data) % 2 == 0 or syntax == ENCAPSULATED_UNCOMPRESSED


@pytest.mark.parametrize("syntax", JPEG_2000S)
@settings(max_examples=25, deadline=None)
@given(frame=native_frames())
def test_openjpeg_reads_the_same_and_the_true_precision(syntax: str, frame: Frame) -> None:
    made = encoded(frame.data, frame.pixel, syntax)

    other = decode(made.data)
    said = get_parameters(made.data)

    assert np.array_equal(np.asarray(other).reshape(-1, frame.pixel.samples), by_pixel(frame))
    assert said["precision"] == frame.pixel.bits_stored
    assert said["is_signed"] == frame.pixel.is_signed


@settings(max_examples=20, deadline=None)
@given(frame=native_frames(depths=(32,)))
def test_rle_takes_32_bits(frame: Frame) -> None:
    made = encoded(frame.data, frame.pixel, RLE)

    assert np.array_equal(by_pixel(decoded(made.data, made.pixel, RLE)), by_pixel(frame))


@pytest.mark.parametrize("bits", [1, 32, 64])
@pytest.mark.parametrize("syntax", [DEFLATED_FRAMES, ENCAPSULATED_UNCOMPRESSED])
def test_whatever_is_native_can_be_deflated_and_encapsulated(syntax: str, bits: int) -> None:
    pixel = ImagePixel(3, 5, 1, bits, bits, bits - 1)
    data = bytes(range(pixel.frame_bytes))

    made = encoded(data, pixel, syntax)

    assert decoded(made.data, made.pixel, syntax) == (data, pixel)


def test_rpcl_has_its_order_its_table_of_lengths_and_a_small_lowest_resolution() -> None:
    """PS3.5 §8.2.14: RPCL, TLM, and at most 64 pixels on either side at the lowest resolution."""
    pixel = ImagePixel(3000, 2500, bits_stored=12, high_bit=11)

    made = encoded(bytes(pixel.frame_bytes), pixel, HTJ2K_LOSSLESS_RPCL).data

    cod = made.index(b"\xff\x52")
    assert made[cod + 5] == 2  # RPCL
    assert 3000 / 2 ** made[cod + 9] <= 64
    assert b"\xff\x55" in made[:200]


def test_colours_are_named_as_each_syntax_has_them() -> None:
    colour = ImagePixel(2, 2, 3, 8, 8, 7, photometric="RGB", is_planar=True)
    halved = replace(colour, photometric="YBR_FULL_422", is_planar=False)

    assert encodable(colour, J2K_LOSSLESS).photometric == "YBR_RCT"
    assert encodable(colour, HTJ2K_LOSSLESS).is_planar is False
    assert (encodable(colour, RLE).photometric, encodable(colour, RLE).is_planar) == ("RGB", True)
    assert encodable(halved, J2K_LOSSLESS).photometric == "YBR_FULL"
    assert encodable(halved, DEFLATED_FRAMES) == halved


def test_shared_chroma_is_repeated() -> None:
    halved = ImagePixel(1, 4, 3, 8, 8, 7, photometric="YBR_FULL_422")

    made = encoded(bytes([1, 2, 30, 40, 5, 6, 70, 80]), halved, J2K_LOSSLESS)

    assert decoded(made.data, made.pixel, J2K_LOSSLESS).data == bytes(
        [1, 30, 40, 2, 30, 40, 5, 70, 80, 6, 70, 80]
    )


@pytest.mark.parametrize("syntax", JPEG_2000S)
def test_bits_above_those_stored_are_not_lost_but_refused(syntax: str) -> None:
    pixel = ImagePixel(1, 2, bits_stored=12, high_bit=11)

    with pytest.raises(Unencodable, match="above Bits Stored"):
        encoded(b"\x01\x00\x00\x10", pixel, syntax)
    assert decoded(encoded(b"\x01\x00\x00\x10", pixel, RLE).data, pixel, RLE).data == b"\x01\x00\x00\x10"


@pytest.mark.parametrize("syntax", [*JPEG_2000S, RLE])
@pytest.mark.parametrize(
    "pixel",
    [
        ImagePixel(4, 4, 1, 32, 32, 31, is_float=True),
        ImagePixel(4, 4, 1, 64, 64, 63),
        ImagePixel(4, 4, 1, 1, 1, 0),
    ],
)
def test_what_has_no_room_is_refused(pixel: ImagePixel, syntax: str) -> None:
    with pytest.raises(Unencodable):
        encoded(bytes(pixel.frame_bytes), pixel, syntax)


def test_lossy_syntaxes_are_no_target() -> None:
    with pytest.raises(Unencodable, match="no encoder"):
        encodable(ImagePixel(4, 4), "1.2.840.10008.1.2.4.50")


def test_a_frame_of_another_length_is_refused() -> None:
    with pytest.raises(Unreadable, match="31 bytes"):
        encoded(bytes(31), ImagePixel(4, 4), RLE)


def test_a_frame_beyond_all_size_is_refused_before_it_is_looked_at() -> None:
    with pytest.raises(Unreadable, match="more than"):
        encoded(b"", ImagePixel(65535, 65535), RLE)
