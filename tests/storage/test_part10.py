import io
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread

from storage.elements import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from storage.errors import Unreadable
from storage.origin import SAID_LIMIT, Origin
from storage.part10 import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    ORIGIN_CREATOR_UID,
    read_meta,
    write_meta,
)
from storage.uids import is_uid
from tests.storage.material import instance, samples
from tests.storage.strategies import explicit, write

ORIGIN = Origin("CT1", "RBN", "RBN", "10.0.0.1", "IMX", datetime(2026, 1, 2, 3, 4, 5, 6, UTC))
CT = "1.2.840.10008.5.1.4.1.1.2"


@st.composite
def origins(draw: st.DrawFn) -> Origin:
    text = st.text(max_size=20)
    filled = st.text(min_size=1, max_size=20)
    at = draw(st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
    return Origin(draw(text), draw(filled), draw(filled), draw(text), draw(text), at, draw(text))


@given(origins(), st.booleans())
def test_an_origin_comes_back(origin: Origin, may_replace: bool) -> None:
    meta = read_meta(write_meta(CT, "1.2.3", EXPLICIT_LITTLE, origin, may_replace=may_replace))

    assert meta.origin == origin
    assert meta.may_replace is may_replace


@pytest.mark.parametrize("origin", [None, ORIGIN])
@pytest.mark.parametrize("syntax", [EXPLICIT_LITTLE, IMPLICIT_LITTLE])
def test_pydicom_reads_what_we_write(origin: Origin | None, syntax: str) -> None:
    made = instance()
    head = write_meta(made.SOPClassUID, made.SOPInstanceUID, syntax, origin)
    read = dcmread(io.BytesIO(head + write(made, syntax).data))

    assert read == made
    assert read.file_meta.FileMetaInformationGroupLength == len(head) - 144
    assert read.file_meta.FileMetaInformationVersion == b"\0\1"
    assert read.file_meta.MediaStorageSOPClassUID == made.SOPClassUID
    assert read.file_meta.MediaStorageSOPInstanceUID == made.SOPInstanceUID
    assert read.file_meta.TransferSyntaxUID == syntax
    assert read.file_meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert read.file_meta.ImplementationVersionName == IMPLEMENTATION_VERSION_NAME
    assert read.file_meta.get("SourceApplicationEntityTitle") == (origin.peer if origin else None)
    assert read_meta(head).data_offset == len(head)


@pytest.mark.parametrize("uid", [IMPLEMENTATION_CLASS_UID, ORIGIN_CREATOR_UID])
def test_our_uids_are_made_from_random_uuids(uid: str) -> None:
    number = UUID(int=int(uid.removeprefix("2.25.")))

    assert number.version == 4
    assert uid == f"2.25.{number.int}"


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
@pytest.mark.parametrize("sample", samples(), ids=lambda sample: sample.name)
def test_foreign_files_are_read_as_pydicom_reads_them(sample: "object") -> None:
    from tests.storage.material import Sample

    assert isinstance(sample, Sample)
    meta = dcmread(sample.path, stop_before_pixels=True).file_meta

    assert sample.meta.origin is None
    assert sample.meta.sop_instance_uid == meta.get("MediaStorageSOPInstanceUID", "")
    assert sample.meta.transfer_syntax_uid == meta.get("TransferSyntaxUID", "")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x01\x02\x03", id="three bytes"),
        pytest.param(explicit(0x00020010, "UI", b"1.2\0"), id="group 0002 again"),
        pytest.param(explicit(0x00020002, "UI", b"", length=60000), id="group 0002 cut short"),
        pytest.param(b"\x02\x00", id="the beginning of group 0002"),
    ],
)
def test_our_meta_ends_where_we_ended_it_whatever_follows(data: bytes) -> None:
    head = write_meta(CT, "1.2.3", EXPLICIT_LITTLE, ORIGIN)
    meta = read_meta(head + data)

    assert meta.data_offset == len(head)
    assert meta.transfer_syntax_uid == EXPLICIT_LITTLE
    assert meta.origin == ORIGIN


@given(st.binary(max_size=300))
def test_any_bytes_are_meta_or_unreadable(data: bytes) -> None:
    for head in (data, bytes(128) + b"DICM" + data):
        try:
            assert 132 <= read_meta(head).data_offset <= max(132, len(head))
        except Unreadable:
            continue


@pytest.mark.parametrize("damage", [(b'"trust"', b'"tRust"'), (b"2026", b"20x6"), (b'{"peer', b'["peer')])
def test_a_damaged_origin_is_unreadable(damage: tuple[bytes, bytes]) -> None:
    head = write_meta(CT, "1.2.3", EXPLICIT_LITTLE, ORIGIN)
    assert damage[0] in head
    with pytest.raises(Unreadable):
        read_meta(head.replace(*damage))


def test_what_is_absurdly_long_is_cut_and_stays_readable() -> None:
    """But is not cut to a UID."""
    head = write_meta("1" * 70_000, "2" * 70_000, "3" * 70_000, replace(ORIGIN, called="C" * 2_000_000))
    meta = read_meta(head)

    assert len(head) < 4096
    assert meta.sop_instance_uid == "2" * SAID_LIMIT
    assert meta.origin == replace(ORIGIN, called="C" * SAID_LIMIT)
    assert not is_uid(meta.transfer_syntax_uid)
