"""Our codec of command sets, held to pynetdicom's."""

import warnings
from contextlib import suppress
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom.dimse_messages import C_STORE_RQ as StoreRequestMessage
from pynetdicom.dimse_messages import C_STORE_RSP as StoreResponseMessage
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import encode

from dicom_router.commands import (
    BadCommand,
    Command,
    Originator,
    Priority,
    comment_text,
    read_command,
    split,
    write_response,
    write_store_request,
)

uids = st.lists(st.integers(0, 10**6).map(str), min_size=1, max_size=9).map(".".join)
shorts = st.integers(0, 0xFFFF)
comments = st.text(
    st.characters(codec="ascii", exclude_categories=["C"], exclude_characters="\\"), max_size=64
)


def primitive(sop_class_uid: str, sop_instance_uid: str) -> C_STORE:
    store = C_STORE()
    store.AffectedSOPClassUID = sop_class_uid
    store.AffectedSOPInstanceUID = sop_instance_uid
    return store


@given(uids, uids, shorts, st.none() | st.just("MOVER"))
def test_a_request_of_pynetdicom_is_understood(
    sop: str, instance: str, message_id: int, mover: str | None
) -> None:
    store = primitive(sop, instance)
    store.MessageID, store.Priority = message_id, 2
    store.DataSet = BytesIO(b"\x08\x00")
    if mover:
        store.MoveOriginatorApplicationEntityTitle, store.MoveOriginatorMessageID = mover, 7
    message = StoreRequestMessage()
    message.primitive_to_message(store)

    encoded = encode(message.command_set, True, True)

    assert encoded is not None
    assert read_command(encoded) == Command(0x0001, message_id, True, sop, instance, priority=Priority.LOW)


@given(uids, uids, st.integers(1, 0xFFFF), st.sampled_from(Priority), st.none() | st.just("MOVER"))
def test_our_request_is_the_one_pynetdicom_writes(
    sop: str, instance: str, message_id: int, priority: Priority, mover: str | None
) -> None:
    store = primitive(sop, instance)
    store.MessageID, store.Priority = message_id, int(priority)
    store.DataSet = BytesIO(b"\x08\x00")
    if mover:
        store.MoveOriginatorApplicationEntityTitle, store.MoveOriginatorMessageID = mover, 7
    message = StoreRequestMessage()
    message.primitive_to_message(store)

    ours = write_store_request(message_id, sop, instance, priority, Originator(mover, 7) if mover else None)

    assert ours == encode(message.command_set, True, True)


@given(uids, uids, shorts, st.sampled_from([0x0000, 0xA700, 0xB000, 0xC001]), comments)
def test_a_response_is_the_one_pynetdicom_writes(
    sop: str, instance: str, message_id: int, status: int, comment: str
) -> None:
    store = primitive(sop, instance)
    store.MessageIDBeingRespondedTo, store.Status = message_id, status
    message = StoreResponseMessage()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if comment.strip():
            store.ErrorComment = comment.strip()  # type: ignore[assignment]
        message.primitive_to_message(store)

    ours = write_response(Command(0x0001, message_id, True, sop, instance), status, comment.strip())

    assert ours == encode(message.command_set, True, True)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_command_or_a_bad_command(data: bytes) -> None:
    with suppress(BadCommand):
        assert read_command(data).field >= 0


@given(st.binary(max_size=40), st.integers(0, 60))
def test_a_cut_command_is_bad_or_has_fewer_elements(tail: bytes, cut: int) -> None:
    whole = write_response(Command(0x0001, 1, True, "1.2", "1.2.3"), 0) + tail
    try:
        elements = split(whole[:cut])
    except BadCommand:
        return
    assert sum(8 + len(value) for value in elements.values()) == min(cut, len(whole))


@pytest.mark.parametrize(
    ("said", "meant"),
    [(b"1.2.3\0", "1.2.3"), (b"1.2.3 ", "1.2.3"), (b"1.\x002", "1.?2"), (b"1.\xff2", "1.?2"), (b"", "")],
)
def test_a_uid_is_taken_as_sent_without_its_padding(said: bytes, meant: str) -> None:
    fields = b"".join(
        [
            b"\0\0\x00\x01\x02\0\0\0\x01\0",
            b"\0\0\x10\x01\x02\0\0\0\x01\0",
            b"\0\0\x00\x08\x02\0\0\0\x01\0",
            b"\0\0\x00\x10" + len(said).to_bytes(4, "little") + said,
        ]
    )

    assert read_command(fields).sop_instance_uid == meant


def test_a_cancel_names_the_request_it_is_about() -> None:
    cancel = b"\0\0\x00\x01\x02\0\0\0\xff\x0f\0\0\x20\x01\x02\0\0\0\x09\0\0\0\x00\x08\x02\0\0\0\x01\x01"

    assert read_command(cancel).message_id == 9


@given(st.text(max_size=200))
def test_an_error_comment_fits_its_element(text: str) -> None:
    value = comment_text(text)

    assert len(value) <= 64
    assert len(value) % 2 == 0
    assert all(32 <= byte < 127 and byte != ord("\\") for byte in value)
