"""MLLP: the same messages however the stream is divided, and never more held than one."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.hl7.framing import Deframer, NotMllp, framed

MESSAGES = st.lists(st.binary(max_size=60).map(lambda raw: raw.translate(None, b"\x0b\x1c")), max_size=5)


def divided(stream: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [stream[start:stop] for start, stop in pairwise(places)]


@given(messages=MESSAGES, cuts=st.lists(st.integers(0, 1000), max_size=20))
def test_what_is_framed_comes_out_however_it_is_divided(messages: list[bytes], cuts: list[int]) -> None:
    deframer = Deframer(1000)

    found = [
        each for piece in divided(b"".join(map(framed, messages)), cuts) for each in deframer.feed(piece)
    ]

    assert found == messages
    assert not deframer.is_within


@given(st.lists(st.binary(max_size=50)))
def test_arbitrary_bytes_give_messages_or_an_end(pieces: list[bytes]) -> None:
    deframer = Deframer(100)
    try:
        for piece in pieces:
            assert all(len(message) <= 100 for message in deframer.feed(piece))
    except NotMllp:
        pass


def test_senders_that_are_not_quite_right_are_understood() -> None:
    deframer = Deframer(1000)

    assert deframer.feed(b"\r\n\x0bA\x1c\x0bB\x1c\r\n\x0bbroken off\x0bC\x1c\r") == [b"A", b"B", b"C"]


@pytest.mark.parametrize("stream", [b"GET / HTTP/1.1\r\n", b"\x16\x03\x01", b"\x0bA\x1c\rMSH|", b"\r" * 65])
def test_what_is_no_mllp_is_closed(stream: bytes) -> None:
    with pytest.raises(NotMllp):
        Deframer(1000).feed(stream)


def test_a_message_without_end_is_closed() -> None:
    deframer = Deframer(1000)
    deframer.feed(b"\x0b" + b"a" * 1000)
    with pytest.raises(NotMllp):
        deframer.feed(b"a")
