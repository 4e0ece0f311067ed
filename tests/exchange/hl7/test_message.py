"""One message: its fields, its character set, and what is said where it is wrong."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.hl7.answers import accepted, refused
from exchange.hl7.errors import BadField, BadMessage
from exchange.hl7.message import SEPARATOR_LIMIT, read_message, time_of
from tests.exchange.hl7.material import PID, answer_of, header, joined, omi, orm


@pytest.mark.parametrize(
    ("charset", "encoding"),
    [("UNICODE UTF-8", "utf-8"), ("8859/1", "latin-1"), ("8859/15", "iso8859-15"),
     ("GB 18030-2000", "gb18030"), ("", "utf-8"), ("", "latin-1"), ("ASCII", "latin-1")],
)  # fmt: skip
def test_the_declared_character_set_is_read(charset: str, encoding: str) -> None:
    message = read_message(joined([header(charset=charset), PID], encoding))

    [pid] = message.all("PID")
    assert pid.text(5, 2) == "Zoë"


@pytest.mark.parametrize(("charset", "encoding"), [("UNICODE UTF-8", "latin-1"), ("ISO IR87", "utf-8")])
def test_a_character_set_that_cannot_be_is_named(charset: str, encoding: str) -> None:
    with pytest.raises(BadField, match="MSH-18"):
        read_message(joined([header(charset=charset), PID], encoding))


def test_repetitions_components_and_escapes() -> None:
    line = r"PID|||1^^^A&1.2&ISO~2||Sm\T\ith\S\x^\X41\\.br\b\Zq\|" + '""|'
    [pid] = read_message(joined([header(), line])).all("PID")

    first, second = pid.repetitions(3)
    assert (first.text(), first.text(4, 1), first.text(4, 2), second.text()) == ("1", "A", "1.2", "2")
    assert (pid.text(5), pid.text(5, 2)) == ("Sm&ith^x", "A b")
    assert (pid.text(6), pid.text(99), pid.text(3, 9, 9)) == ("", "", "")


@pytest.mark.parametrize(
    ("text", "at"),
    [("20260102030405.25+0100", datetime(2026, 1, 2, 2, 4, 5, 250000, tzinfo=UTC)), ("", None)],
)
def test_time_stamps(text: str, at: datetime | None) -> None:
    assert time_of(read_message(joined([header(at=text)])).header.field(7)) == at


@pytest.mark.parametrize("text", ["yesterday", "20261301", "00000000", "2026010203040", "20260230"])
def test_what_is_no_time_stamp_is_named(text: str) -> None:
    with pytest.raises(BadField, match="MSH-7"):
        time_of(read_message(joined([header(at=text)])).header.field(7))


@pytest.mark.parametrize("raw", [b"", b"MSH", b"PID|1", b"MSH|^~", b"MSH|#~\\&|", b"MSH||||||", b"\xff" * 20])
def test_what_is_no_message_is_answered(raw: bytes) -> None:
    with pytest.raises(BadField) as caught:
        read_message(raw)
    assert answer_of(refused(None, caught.value))[0] == "AE"


def test_a_message_of_separators_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(BadField, match="too many fields"):
        read_message(header().encode() + b"|" * SEPARATOR_LIMIT)


def test_answers_name_the_place_and_echo_the_control_id() -> None:
    message = read_message(joined([header(control_id="A|B"[:1] + "^7")]))
    with pytest.raises(BadField) as caught:
        message.header.required(20, 2)

    assert accepted(message).decode().split("\r")[1] == "MSA|AA|A^7"
    assert answer_of(refused(message, caught.value)) == ("AE", "A^7", "MSH^1^20^1^2")


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_read_or_refused(raw: bytes) -> None:
    _read_all(raw)


@given(
    raw=st.sampled_from([omi(), orm()]),
    edits=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 5), st.binary(max_size=8)), max_size=6),
)
def test_damaged_messages_are_read_or_refused(raw: bytes, edits: list[tuple[int, int, bytes]]) -> None:
    for at, gone, new in edits:
        at %= len(raw) + 1
        raw = raw[:at] + new + raw[at + gone :]
    _read_all(raw)


def _read_all(raw: bytes) -> None:
    try:
        message = read_message(raw)
        for segment in message.segments:
            for number in range(1, 30):
                for field in segment.repetitions(number):
                    assert all(part.isprintable() for part in field.components)
        answer = accepted(message)
    except BadMessage as error:
        answer = refused(None, error)
    assert answer.startswith(b"MSH|^~\\&|")
    assert b"\rMSA|A" in answer


def test_prose_keeps_its_lines_and_what_nobody_escaped() -> None:
    raw = b"MSH|^~\\&|A\rOBX|1|TX|R||A&E saw ^ him~two\\.br\\three \\T\\ \\H\\4\\N\\\\X0D0A\\5\\.sp2\\6\r"
    obx = next(read_message(raw).all("OBX"))
    assert [each.prose for each in obx.repetitions(5)] == ["A&E saw ^ him", "two\nthree & 4\n5\n6"]
    assert obx.field(5).part(1) == "A&E saw "
