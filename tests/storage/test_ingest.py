import copy
import hashlib
import os
import random
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import psycopg
import pytest
from psycopg_pool import ConnectionPool
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from storage.arriving import IN_MEMORY_BYTES
from storage.elements import DEFLATED, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from storage.errors import IndexUnavailable, NoRoom, ObjectsUnavailable, TooLarge, Unavailable
from storage.files import FileObjects
from storage.index import PostgresIndex
from storage.ingest import Incoming, Ingest
from storage.objects import Bytes
from storage.part10 import read_meta
from storage.receipt import Outcome
from storage.staging import STAGED_BYTES, StagedObjects
from tests.storage.material import instance
from tests.storage.shelf import Shelf, origin
from tests.storage.strategies import write

CT = "1.2.840.10008.5.1.4.1.1.2"


def changed(dataset: Dataset, **attributes: object) -> Dataset:
    other = copy.deepcopy(dataset)
    for keyword, value in attributes.items():
        setattr(other, keyword, value)
    return other


# Kept -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", [IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED])
def test_when_it_is_kept_the_row_is_seen_and_the_bytes_are_as_received(shelf: Shelf, syntax: str) -> None:
    made = instance()
    data = write(made, syntax).data

    assert shelf.send(made, syntax).outcome is Outcome.KEPT
    ((key, size, offset, digest, kept_as),) = shelf.rows(
        "select o.key, o.size, o.data_offset, o.digest, o.transfer_syntax from instance i"
        " join object o on o.id = i.object_id where i.uid = %s",
        made.SOPInstanceUID,
    )
    whole = shelf.read(key)
    assert whole[offset:] == data
    assert (size, digest, kept_as) == (len(whole), hashlib.sha256(data).digest(), syntax)
    assert read_meta(whole).origin is not None
    assert shelf.outcomes() == ["kept"]
    assert shelf.keys() == {key}


@pytest.mark.parametrize("piece", [1, 7, 4096, 10**9])
def test_pieces_of_any_size_make_the_same_object(shelf: Shelf, piece: int) -> None:
    made = instance()
    data = write(made, EXPLICIT_LITTLE).data
    buffer = bytearray(piece if piece < len(data) else len(data))

    def pieces() -> Iterator[memoryview]:
        """One buffer for all, as an association reads."""
        for start in range(0, len(data), len(buffer)):
            part = data[start : start + len(buffer)]
            buffer[: len(part)] = part
            yield memoryview(buffer)[: len(part)]

    assert shelf.send(made, chunks=pieces()).outcome is Outcome.KEPT
    assert shelf.one("select digest from object") == hashlib.sha256(data).digest()


@pytest.mark.parametrize("syntax", [EXPLICIT_LITTLE, DEFLATED])
@pytest.mark.parametrize("piece", [65536, 300_000, 10**9])
@pytest.mark.parametrize("size", [STAGED_BYTES, 5 * STAGED_BYTES, 3 * IN_MEMORY_BYTES])
def test_staged_in_memory_or_streamed_it_is_the_same(
    shelf: Shelf, syntax: str, piece: int, size: int
) -> None:
    made = of_size(size)
    data = write(made, syntax).data
    pieces = [data[start : start + piece] for start in range(0, len(data), piece)]

    assert shelf.send(made, syntax, chunks=pieces).outcome is Outcome.KEPT
    ((key, offset, digest, form),) = shelf.rows(
        "select o.key, o.data_offset, o.digest, i.frame_form from object o"
        " join instance i on i.object_id = o.id"
    )
    assert shelf.read(key, offset) == data
    assert digest == hashlib.sha256(data).digest()
    assert form == (4 if syntax == DEFLATED else 1)
    assert shelf.send(made, IMPLICIT_LITTLE).outcome is Outcome.ALREADY_KEPT
    assert shelf.keys() == {key}


def of_size(size: int) -> Dataset:
    """An instance with about so many bytes of pixels that do not compress."""
    columns = 256
    rows = size // columns // 2
    return instance(Rows=rows, Columns=columns, PixelData=os.urandom(2 * rows * columns))


def test_rows_say_what_the_headers_said(shelf: Shelf) -> None:
    first = instance(Modality="CT")
    second = changed(first, SOPInstanceUID=generate_uid(), InstanceNumber="2")
    third = changed(first, SOPInstanceUID=generate_uid(), SeriesInstanceUID=generate_uid(), Modality="SR")
    for made in (first, second, third):
        shelf.send(made)

    assert shelf.rows("select modalities, series_count, inconsistent, contested from study") == [
        (["CT", "SR"], 2, False, False)
    ]
    assert shelf.rows("select modality, instances_in(id) from series order by id") == [("CT", 2), ("SR", 1)]
    assert shelf.one("select count(*) from patient") == 1
    assert shelf.one("select count(*) from identity") == 1
    assert shelf.rows("select kind, study_uid from change") == [("kept", first.StudyInstanceUID)] * 3


# Sent again -------------------------------------------------------------------------------------


def test_the_same_again_changes_nothing(shelf: Shelf) -> None:
    made = instance()
    shelf.send(made)
    keys = shelf.keys()

    assert shelf.send(made).outcome is Outcome.ALREADY_KEPT
    assert shelf.keys() == keys == shelf.keys_of_rows()
    assert shelf.outcomes() == ["kept", "already kept"]
    assert shelf.one("select count(*) from change") == 1


@pytest.mark.parametrize("syntax", [IMPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED])
def test_the_same_again_in_another_encoding_changes_nothing(shelf: Shelf, syntax: str) -> None:
    made = instance()
    shelf.send(made)
    keys = shelf.keys()

    assert shelf.send(made, syntax).outcome is Outcome.ALREADY_KEPT
    assert shelf.keys() == keys
    assert not shelf.one("select contested from study")


def test_other_content_is_kept_aside_and_the_study_is_contested(shelf: Shelf) -> None:
    made = instance()
    shelf.send(made)
    receipt = shelf.send(changed(made, PatientName="Secret^Other"))

    assert receipt.outcome is Outcome.DIFFERENT
    assert "00100010" in receipt.because
    assert "Secret" not in receipt.because
    assert shelf.one("select contested from study")
    assert shelf.rows("select outcome, diff, instance_id is not null from quarantine") == [
        ("different content", [{"tag": "00100010", "how": "changed"}], True)
    ]
    assert shelf.outcomes() == ["kept", "different content"]
    assert shelf.keys() == shelf.keys_of_rows()
    assert len(shelf.keys()) == 2
    held = shelf.one("select o.key from instance i join object o on o.id = i.object_id")
    assert "Müller".encode("latin1") in shelf.read(held)


def test_the_same_other_content_twice_adds_nothing_but_an_arrival(shelf: Shelf) -> None:
    made = instance()
    other = changed(made, PatientName="Other")
    outcomes = [shelf.send(each).outcome for each in (made, other, other)]

    assert outcomes == [Outcome.KEPT, Outcome.DIFFERENT, Outcome.DIFFERENT]
    assert shelf.one("select count(*) from quarantine") == 1
    assert len(shelf.keys()) == 2
    assert len(shelf.outcomes()) == 3


def test_a_data_set_that_breaks_off_does_not_pass_for_the_whole(shelf: Shelf) -> None:
    made = instance()
    data = write(made, EXPLICIT_LITTLE).data
    shelf.send(made)

    assert shelf.send(made, chunks=[data[:-5]]).outcome is Outcome.DIFFERENT
    assert shelf.keys() == shelf.keys_of_rows()


def test_a_peer_may_replace_its_own(shelf: Shelf) -> None:
    made = instance()
    other = changed(made, StudyDescription="Corrected", PatientID="654321", Rows=2)
    shelf.send(made, may_replace=True)

    assert shelf.send(other, may_replace=True).outcome is Outcome.REPLACED
    assert shelf.one("select count(*) from version") == 1
    assert shelf.one("select p.identifier from instance i join identity d on d.id = i.identity_id"
                     " join patient p on p.id = d.patient_id") == "654321"  # fmt: skip
    key = shelf.one("select o.key from instance i join object o on o.id = i.object_id")
    assert b"Corrected" in shelf.read(key)
    assert shelf.keys() == shelf.keys_of_rows()
    assert shelf.send(other, may_replace=True).outcome is Outcome.ALREADY_KEPT
    assert shelf.outcomes() == ["kept", "replaced", "already kept"]
    assert shelf.one("select instances_in(id) from series") == 1


def test_the_same_uid_in_another_series_is_misplaced(shelf: Shelf) -> None:
    made = instance()
    shelf.send(made)
    receipt = shelf.send(changed(made, SeriesInstanceUID=generate_uid()), may_replace=True)

    assert receipt.outcome is Outcome.MISPLACED
    assert shelf.rows("select outcome, diff from quarantine") == [
        ("other study", [{"tag": "0020000E", "how": "changed"}])
    ]
    assert shelf.one("select contested from study")


def test_a_series_in_another_study_is_misplaced(shelf: Shelf) -> None:
    made = instance()
    shelf.send(made)
    moved = changed(made, SOPInstanceUID=generate_uid(), StudyInstanceUID=generate_uid())

    assert shelf.send(moved).outcome is Outcome.MISPLACED
    assert shelf.rows("select uid, contested from study") == [(made.StudyInstanceUID, True)]


def test_kept_already_is_not_said_of_bytes_that_are_gone(shelf: Shelf) -> None:
    made = instance()
    shelf.send(made)
    shelf.objects.delete(shelf.one("select key from object"))

    with pytest.raises(ObjectsUnavailable):
        shelf.send(made)
    with pytest.raises(ObjectsUnavailable):
        shelf.send(made, IMPLICIT_LITTLE)
    assert shelf.outcomes() == ["kept", "try again", "try again"]


# Wrong content ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chunks", "outcome"),
    [
        pytest.param([write(instance(StudyInstanceUID=None), EXPLICIT_LITTLE).data], Outcome.WITHOUT_UIDS),
        pytest.param([write(instance(SOPInstanceUID=""), EXPLICIT_LITTLE).data], Outcome.WITHOUT_UIDS),
        pytest.param([write(instance(), EXPLICIT_LITTLE).data], Outcome.NOT_AS_SAID),
        pytest.param([b"\x08\x00\x05\x00"], Outcome.UNREADABLE),
        pytest.param([b"GIF89a, or so one thought" * 10], Outcome.UNREADABLE),
        pytest.param([], Outcome.WITHOUT_UIDS),
    ],
)
def test_what_is_wrong_is_kept_aside_whole(shelf: Shelf, chunks: list[bytes], outcome: Outcome) -> None:
    incoming = Incoming(CT, "1.2.3.4", EXPLICIT_LITTLE)

    assert shelf.send_bytes(incoming, chunks).outcome is outcome
    assert shelf.send_bytes(incoming, chunks).outcome is outcome
    ((key, offset, found),) = shelf.rows(
        "select o.key, o.data_offset, q.outcome from quarantine q join object o on o.id = q.object_id"
    )
    assert shelf.read(key, offset) == b"".join(chunks)
    assert found == outcome.value
    assert shelf.keys() == {key}
    assert shelf.one("select count(*) from study") == 0
    assert len(shelf.outcomes()) == 2


def test_another_sop_class_than_said_is_kept_aside(shelf: Shelf) -> None:
    made = instance()
    incoming = Incoming("1.2.840.10008.5.1.4.1.1.4", made.SOPInstanceUID, EXPLICIT_LITTLE)

    receipt = shelf.send_bytes(incoming, [write(made, EXPLICIT_LITTLE).data])
    assert receipt.outcome is Outcome.NOT_AS_SAID


def test_a_deflate_bomb_is_kept_aside(shelf: Shelf) -> None:
    compressor = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    head = write(instance(), EXPLICIT_LITTLE).data
    bomb = compressor.compress(head + b"\xe1\x7f\x10\x00OB\0\0" + (200 << 20).to_bytes(4, "little"))
    zeros = bytes(1 << 20)
    bomb += b"".join(compressor.compress(zeros) for _ in range(200)) + compressor.flush()

    assert shelf.send_bytes(Incoming(CT, "1.2.3", DEFLATED), [bomb]).outcome is Outcome.UNREADABLE


@pytest.mark.parametrize("uid", ["", "\0", "../../etc/passwd", "1" * 70_000, "a\ud800b", "’"])
def test_whatever_the_command_says_is_noted(shelf: Shelf, uid: str) -> None:
    receipt = shelf.send_bytes(
        Incoming(uid, uid, EXPLICIT_LITTLE), [b"\x01\x02\x03"], origin(peer="A\0\ud800")
    )

    assert receipt.outcome is Outcome.UNREADABLE
    assert shelf.outcomes() == ["unreadable"]
    shelf.ingest.turn_away(Incoming(uid, uid, uid), origin(), Outcome.REFUSED, "because\0")
    assert shelf.outcomes()[-1] == "refused"


@pytest.mark.parametrize(
    ("absurd", "outcome"),
    [
        ("sop_class_uid", Outcome.NOT_AS_SAID),
        ("sop_instance_uid", Outcome.NOT_AS_SAID),
        ("transfer_syntax_uid", Outcome.WITHOUT_UIDS),
    ],
)
def test_absurdly_long_uids_are_kept_aside(shelf: Shelf, absurd: str, outcome: Outcome) -> None:
    """Digits of chance: an index compresses others, and takes them."""
    digits = "".join(random.Random(0).choices("0123456789", k=20_000))
    made = instance()
    uids = {
        "sop_class_uid": CT,
        "sop_instance_uid": made.SOPInstanceUID,
        "transfer_syntax_uid": EXPLICIT_LITTLE,
    }
    said = Incoming(**{**uids, absurd: digits})
    data = write(made, EXPLICIT_LITTLE).data

    for _ in range(2):
        assert shelf.send_bytes(said, [data]).outcome is outcome
    shelf.ingest.turn_away(said, origin(peer=digits), Outcome.REFUSED, digits)
    assert shelf.outcomes() == [outcome.value] * 2 + ["refused"]
    (key,) = shelf.keys()
    assert shelf.read(key).endswith(data)
    assert shelf.send(made).outcome is Outcome.KEPT


def test_values_that_no_table_takes_still_come_in(shelf: Shelf) -> None:
    made = instance(
        PatientID="1\x002\x003",
        PatientName="A\0^\x1bB",
        StudyDescription="\0",
        AccessionNumber="z" * 3000,
        StudyDate="not a date",
        Modality="\0" * 4,
        StudyID="\U0001f9b4" * 300,
        SpecificCharacterSet="ISO_IR 192",
    )

    assert shelf.send(made).outcome is Outcome.KEPT
    assert shelf.one("select identifier from patient") == "123"
    assert "00080020: malformed" in shelf.one("select problems from instance")


def test_every_outcome_is_given_or_belongs_to_the_edge() -> None:
    given = {
        Outcome.KEPT, Outcome.ALREADY_KEPT, Outcome.DIFFERENT, Outcome.MISPLACED, Outcome.WITHOUT_UIDS,
        Outcome.NOT_AS_SAID, Outcome.UNREADABLE, Outcome.REPLACED, Outcome.TRY_AGAIN, Outcome.TOO_LARGE,
    }  # fmt: skip
    assert set(Outcome) - given == {Outcome.REFUSED}


# Patients ---------------------------------------------------------------------------------------


def test_two_trusts_identifiers_are_two_people(shelf: Shelf) -> None:
    shelf.send(instance(), origin=origin("RBN"))
    shelf.send(instance(), origin=origin("REM"))

    assert shelf.rows("select identifier, issuer from patient order by id") == [
        ("123456", "RBN"),
        ("123456", "REM"),
    ]
    assert shelf.one("select count(*) from study where inconsistent") == 0


def test_an_issuer_that_is_sent_counts_everywhere(shelf: Shelf) -> None:
    shelf.send(instance(IssuerOfPatientID="NHS"), origin=origin("RBN"))
    shelf.send(instance(IssuerOfPatientID="NHS"), origin=origin("REM"))

    assert shelf.rows("select identifier, issuer from patient") == [("123456", "NHS")]


def test_who_sends_nhs_numbers_still_numbers_its_orders_itself(shelf: Shelf) -> None:
    for trust in ("RBN", "REM"):
        of_nhs_numbers = replace(origin(trust), issuer="NHS", trust_issuer=trust)
        shelf.send(instance(PatientID="9434765919", AccessionNumber="A1"), origin=of_nhs_numbers)

    assert shelf.rows("select identifier, issuer from patient") == [("9434765919", "NHS")]
    assert shelf.rows("select accession, accession_issuer from study order by id") == [
        ("A1", "RBN"),
        ("A1", "REM"),
    ]


def test_a_placeholder_is_a_patient_of_one_study(shelf: Shelf) -> None:
    first = instance(PatientID="UNKNOWN")
    shelf.send(first)
    shelf.send(changed(first, SOPInstanceUID=generate_uid()))
    shelf.send(instance(PatientID=""))

    assert shelf.one("select count(*) from patient") == 2
    assert shelf.one("select count(*) from patient where only_study is not null and identifier = ''") == 2


@pytest.mark.parametrize(
    ("attributes", "trust", "is_inconsistent"),
    [
        ({"PatientID": "other"}, "RBN", True),
        ({"PatientBirthDate": "19710101"}, "RBN", True),
        ({"PatientBirthDate": ""}, "RBN", True),
        ({}, "REM", True),
        ({"PatientName": "Mueller^Zoe"}, "RBN", False),
        ({"PatientSex": "O"}, "RBN", False),
    ],
)
def test_one_study_under_two_identities_is_marked(
    shelf: Shelf, attributes: dict[str, str], trust: str, is_inconsistent: bool
) -> None:
    made = instance()
    shelf.send(made)
    shelf.send(changed(made, SOPInstanceUID=generate_uid(), **attributes), origin=origin(trust))

    assert shelf.one("select inconsistent from study") is is_inconsistent
    assert shelf.one("select count(*) from identity") == 2


# What fails claims nothing ----------------------------------------------------------------------


class HungUp(Exception):
    """The peer is gone."""


@pytest.mark.parametrize("size", [10, STAGED_BYTES * 2, IN_MEMORY_BYTES * 2])
def test_a_sender_that_breaks_off_leaves_nothing(shelf: Shelf, size: int) -> None:
    def pieces() -> Iterator[bytes]:
        yield bytes(size)
        raise HungUp

    with pytest.raises(HungUp):
        shelf.send(instance(), chunks=pieces())
    assert shelf.keys() == set()
    assert shelf.outcomes() == []


@pytest.mark.parametrize("limit", [100, STAGED_BYTES * 3, IN_MEMORY_BYTES * 2])
def test_what_is_too_large_is_noted_and_not_kept(shelf: Shelf, limit: int) -> None:
    ingest = Ingest(shelf.objects, shelf.ingest.index, object_limit_bytes=limit)
    chunks = (bytes(65536) for _ in range(64))

    with pytest.raises(TooLarge):
        ingest.accept(Incoming(CT, "1.2.3", EXPLICIT_LITTLE), chunks, origin())
    assert shelf.keys() == set()
    assert shelf.outcomes() == ["too large"]


SIZES = [512, 5 * STAGED_BYTES, 2 * IN_MEMORY_BYTES]


@pytest.mark.parametrize("size", SIZES)
def test_below_the_watermark_nothing_is_claimed(shelf: Shelf, tmp_path: Path, size: int) -> None:
    full = Shelf(shelf.pool, FileObjects(tmp_path / "full", watermark_bytes=2**60))

    with pytest.raises(NoRoom):
        full.send(of_size(size))
    assert shelf.one("select count(*) from instance") == 0
    assert shelf.outcomes() == ["try again"]
    shelf.send(instance())
    assert shelf.one("select count(*) from instance") == 1


@pytest.mark.parametrize("size", SIZES[1:])
def test_a_folder_that_takes_no_files_claims_nothing(shelf: Shelf, tmp_path: Path, size: int) -> None:
    folder = tmp_path / "blocked"
    blocked = Shelf(shelf.pool, FileObjects(folder, watermark_bytes=0))
    (folder / str(origin().received_at.year)).write_bytes(b"a file where a folder has to be")

    with pytest.raises(Unavailable):
        blocked.send(of_size(size))
    assert shelf.one("select count(*) from object") == 0
    assert shelf.outcomes() == ["try again"]
    assert shelf.send(instance()).outcome is Outcome.KEPT  # its connection is as good as new


@pytest.mark.parametrize("size", SIZES[1:])
def test_a_flush_that_fails_claims_nothing(shelf: Shelf, tmp_path: Path, size: int) -> None:
    """The rows were sent already: they must not be committed."""

    class Unflushable(FileObjects):
        def put(self, key: str, chunks: Iterable[Bytes]) -> int:
            super().put(key, chunks)
            raise ObjectsUnavailable("the files do not answer: EIO")

    failing = Shelf(shelf.pool, Unflushable(tmp_path / "objects", watermark_bytes=0))
    for _ in range(3):
        with pytest.raises(ObjectsUnavailable):
            failing.send(of_size(size))
    assert shelf.one("select count(*) from object") == 0
    assert shelf.one("select count(*) from change") == 0
    assert shelf.outcomes() == ["try again"] * 3
    assert shelf.send(of_size(size)).outcome is Outcome.KEPT


def test_a_database_that_is_away_is_unavailable(tmp_path: Path) -> None:
    pool = ConnectionPool(
        "host=127.0.0.1 port=1 connect_timeout=1", min_size=0, max_size=1, timeout=0.2, open=False
    )
    pool.open()
    try:
        objects = StagedObjects(FileObjects(tmp_path, watermark_bytes=0), pool)
        ingest = Ingest(objects, PostgresIndex(pool))
        made = instance()
        incoming = Incoming(CT, made.SOPInstanceUID, EXPLICIT_LITTLE)
        with pytest.raises(IndexUnavailable):
            ingest.accept(incoming, [write(made, EXPLICIT_LITTLE).data], origin())
    finally:
        pool.close()


def test_a_database_that_goes_away_in_mid_way_leaves_nothing_claimed(
    shelf: Shelf, database: str, tmp_path: Path
) -> None:
    """After the rows were sent, before they are committed."""

    class Cutting(FileObjects):
        def put(self, key: str, chunks: Iterable[Bytes]) -> int:
            size = super().put(key, chunks)
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where datname = current_database() and pid <> pg_backend_pid()"
                )
            return size

    cut = Shelf(shelf.pool, Cutting(tmp_path / "objects", watermark_bytes=0))
    made = of_size(5 * STAGED_BYTES)
    with pytest.raises(IndexUnavailable):
        cut.send(made)

    shelf.pool.check()  # lets go of the dead connections
    assert shelf.one("select count(*) from instance") == 0
    assert shelf.send(made).outcome is Outcome.KEPT
    assert shelf.outcomes() == ["kept"]


def test_ready_json_is_json(shelf: Shelf) -> None:
    shelf.send(instance())
    for table, column in (("study", "json"), ("series", "json"), ("identity", "json")):
        orjson.loads(b"{" + shelf.one(f"select {column} from {table}") + b"}")
