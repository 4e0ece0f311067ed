"""DIMSE-N messages, held to pynetdicom's codec, and small data sets, held to pydicom's."""

import struct
import warnings
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pynetdicom import dimse_messages as messages
from pynetdicom.dimse_primitives import N_ACTION, N_CREATE, N_EVENT_REPORT, N_SET
from pynetdicom.dsutils import encode

from dicom_router.commands import Command, read_command
from dicom_router.data_sets import NotReadable, encode_data_set, items_of, read_data_set, text_of
from dicom_router.normalized import (
    N_ACTION_RQ,
    N_CREATE_RQ,
    N_EVENT_REPORT_RQ,
    N_SET_RQ,
    Request,
    Response,
    write_answer,
)
from tests.dicom_router.test_commands import comments, shorts, uids

#: Ours, pynetdicom's primitive and message, whose UIDs are called what, and how the type's number is.
REQUESTS: dict[int, tuple[type[Any], type[Any], str, str]] = {
    N_EVENT_REPORT_RQ: (N_EVENT_REPORT, messages.N_EVENT_REPORT_RQ, "Affected", "EventTypeID"),
    N_SET_RQ: (N_SET, messages.N_SET_RQ, "Requested", ""),
    N_ACTION_RQ: (N_ACTION, messages.N_ACTION_RQ, "Requested", "ActionTypeID"),
    N_CREATE_RQ: (N_CREATE, messages.N_CREATE_RQ, "Affected", ""),
}
RESPONSES: dict[int, type[Any]] = {
    N_EVENT_REPORT_RQ: messages.N_EVENT_REPORT_RSP,
    N_SET_RQ: messages.N_SET_RSP,
    N_ACTION_RQ: messages.N_ACTION_RSP,
    N_CREATE_RQ: messages.N_CREATE_RSP,
}
SYNTAXES = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2")


@given(st.sampled_from(sorted(REQUESTS)), uids, uids, shorts, st.integers(1, 9))
def test_a_request_is_the_one_pynetdicom_writes(
    field: int, sop: str, instance: str, message_id: int, type_id: int
) -> None:
    make, message_of, called, numbered = REQUESTS[field]
    primitive, message = make(), message_of()
    primitive.MessageID = message_id
    setattr(primitive, f"{called}SOPClassUID", sop)
    setattr(primitive, f"{called}SOPInstanceUID", instance)
    if numbered:
        setattr(primitive, numbered, type_id)
    message.primitive_to_message(primitive)
    expected_type = type_id if numbered else None

    encoded = Request(field, sop, instance, expected_type).encode(message_id)

    assert encoded == encode(message.command_set, True, True)
    assert read_command(encoded) == Command(field, message_id, False, sop, instance, expected_type)


@given(st.sampled_from(sorted(RESPONSES)), uids, uids, shorts, comments, st.none() | shorts)
def test_a_response_is_the_one_pynetdicom_writes(
    field: int, sop: str, instance: str, message_id: int, comment: str, error_id: int | None
) -> None:
    make, _, _, numbered = REQUESTS[field]
    primitive, message = make(), RESPONSES[field]()
    primitive.MessageIDBeingRespondedTo, primitive.Status = message_id, 0x0110
    primitive.AffectedSOPClassUID, primitive.AffectedSOPInstanceUID = sop, instance
    if numbered:
        setattr(primitive, numbered, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if comment.strip():
            primitive.ErrorComment = comment.strip()
        primitive.ErrorID = error_id
        message.primitive_to_message(primitive)
    command = Command(field, message_id, True, sop, instance, 1 if numbered else None)

    ours = write_answer(command, Response(0x0110, comment.strip(), error_id))

    assert ours == encode(message.command_set, True, True)
    assert read_command(ours).status == 0x0110


def test_a_response_names_what_was_made() -> None:
    command = Command(N_CREATE_RQ, 7, True, "1.2", "")

    answer = read_command(write_answer(command, Response(sop_instance_uid="1.2.3", data_set=Dataset())))

    assert (answer.sop_instance_uid, answer.has_data_set, answer.message_id) == ("1.2.3", True, 7)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_data_set_is_read_as_it_was_written(syntax: str) -> None:
    item, data_set = Dataset(), Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = "1.2", "1.2.3"
    data_set.TransactionUID = "1.2.3.4"
    data_set.ReferencedSOPSequence = [item, item]

    members = read_data_set(encode_data_set(data_set, syntax), syntax)

    assert text_of(members, "00081195") == "1.2.3.4"
    assert [text_of(each, "00081155") for each in items_of(members, "00081199")] == ["1.2.3", "1.2.3"]


@given(st.binary(max_size=300), st.sampled_from(SYNTAXES))
def test_any_bytes_are_a_data_set_or_not_readable(data: bytes, syntax: str) -> None:
    with suppress(NotReadable):
        for tag in read_data_set(data, syntax):
            assert len(tag) == 8


def test_a_data_set_beyond_all_measure_is_not_read() -> None:
    items = struct.pack("<HHI", 0xFFFE, 0xE000, 0) * 1_100_000
    sequence = struct.pack("<HHI", 0x0008, 0x1199, len(items))

    with pytest.raises(NotReadable):
        read_data_set(sequence + items, SYNTAXES[0])
