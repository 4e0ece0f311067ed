"""C-FIND on the wire: cancelled, cut short, in small PDUs, without a database (PS3.7 §9.1.2, §9.3.2.3)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from dicom_router.commands import OFFENDING_ELEMENT, STATUS, split
from dicom_router.contexts import STUDY_ROOT_FIND
from dicom_router.pdus import IS_COMMAND, IS_LAST, PduType
from dicom_router.services import finding
from dicom_router.services.identifier import read_identifier, to_identifier
from dicom_router.services.responses import BATCH_BYTES
from exchange.registry import Peer
from storage.columns import SERIES_UID, STUDY_UID
from storage.elements import IMPLICIT_LITTLE
from storage.query import AnyOf, Anything, Exactly, Level, Match, Path, Query
from tests.dicom_router.conftest import TRUST, Running, Serve
from tests.dicom_router.holdings import Holdings
from tests.dicom_router.raw_peer import (
    RELEASE,
    RawPeer,
    command,
    element,
    last_command,
    last_data,
    p_data,
)
from tests.storage.material import instance

CONTEXTS = ((STUDY_ROOT_FIND, (IMPLICIT_LITTLE,)),)
FIND = command(0x0020, 7, data=True, sop=STUDY_ROOT_FIND)
CANCEL = element(0x0100, b"\xff\x0f") + element(0x0120, b"\7\0") + element(0x0800, b"\1\1")
SERIES = 2_500


@pytest.fixture
def running(serve: Serve, holdings: Holdings) -> Running:
    return serve(peers=(Peer("MODALITY", TRUST, may_read=True),), services=finding.services(holdings.reading))


@pytest.fixture
def many(holdings: Holdings) -> None:
    """One study of so many series that its answer comes in pages. Rows are enough here."""
    holdings.keep(instance(StudyInstanceUID="1.1", SeriesInstanceUID="1.1.1"))
    with holdings.shelf.pool.connection() as connection:
        connection.execute(
            "insert into series (study_id, uid, modality, series_number, json)"
            " select study_id, '1.1.' || n, modality, n, json from series, generate_series(2, %s) n",
            (SERIES,),
        )
        connection.execute(
            "insert into series_tally (series_id, part, instances)"
            " select id, 0, 1 from series on conflict do nothing"
        )


def asking(matches: dict[Path, Match], level: Level = Level.SERIES) -> bytes:
    """A C-FIND, as bytes on the wire."""
    identifier = to_identifier(Query(level, matches), IMPLICIT_LITTLE)
    return p_data(last_command(FIND)) + p_data(last_data(identifier))


EVERY_SERIES = asking({STUDY_UID: AnyOf(("1.1",)), SERIES_UID: Anything()})


@dataclass
class Response:
    elements: dict[int, bytes]
    data_set: bytes

    @property
    def status(self) -> int:
        (status,) = struct.unpack("<H", self.elements[STATUS])
        return int(status)


def responses(peer: RawPeer) -> Iterator[Response]:
    """Until the final one."""
    while True:
        parts = {True: b"", False: b""}
        is_pending = True
        for is_command in (True, False):
            while is_pending or is_command:
                kind, body = peer.read()
                assert kind == PduType.P_DATA_TF, (kind, body)
                length, _context, control = struct.unpack_from(">IBB", body)
                assert (length, bool(control & IS_COMMAND)) == (len(body) - 4, is_command)
                parts[is_command] += body[6:]
                if control & IS_LAST:
                    break
            if is_command:
                elements = dict(split(parts[True]))
                is_pending = elements[STATUS] in (b"\0\xff", b"\1\xff")
        yield Response(elements, parts[False])
        if not is_pending:
            return


@pytest.mark.usefixtures("many")
def test_a_long_answer_comes_whole_and_in_order(running: Running) -> None:
    with running.call() as peer:
        peer.associate(contexts=CONTEXTS, max_pdu=0)
        peer.send(EVERY_SERIES)
        *pending, final = responses(peer)
        peer.release()

    assert final.status == 0x0000
    uids = [read_identifier(each.data_set, IMPLICIT_LITTLE).matches[SERIES_UID] for each in pending]
    assert len(set(uids)) == SERIES
    assert sum(len(each.data_set) for each in pending) > 2 * BATCH_BYTES


@pytest.mark.parametrize("max_pdu", [40, 128, 4096])
def test_answers_fit_what_the_peer_takes(running: Running, holdings: Holdings, max_pdu: int) -> None:
    holdings.keep(instance(StudyInstanceUID="1.1"))
    with running.call() as peer:
        peer.associate(contexts=CONTEXTS, max_pdu=max_pdu)
        peer.send(asking({STUDY_UID: AnyOf(("1.1",)), (0x00100010,): Anything()}, Level.STUDY))
        found, final = responses(peer)
        peer.release()

    assert final.status == 0x0000
    identifier = read_identifier(found.data_set, IMPLICIT_LITTLE)
    assert identifier.matches[(0x00100010,)] == Exactly("Müller^Zoë")
    assert identifier.character_set == "ISO_IR 100"


@pytest.mark.usefixtures("many")
def test_a_cancel_ends_it_and_the_association_goes_on(running: Running) -> None:
    with running.call() as peer:
        peer.associate(contexts=CONTEXTS)
        peer.send(EVERY_SERIES, p_data(last_command(CANCEL)))
        assert [each.status for each in responses(peer)] == [0xFE00]
        peer.send(EVERY_SERIES)
        assert len(list(responses(peer))) == SERIES + 1
        peer.send(p_data(last_command(CANCEL)))  # too late: of nothing that runs
        peer.send(EVERY_SERIES)
        assert len(list(responses(peer))) == SERIES + 1
        peer.release()


@pytest.mark.usefixtures("many")
def test_a_cancel_that_comes_while_answers_leave(running: Running) -> None:
    with running.call() as peer:
        peer.associate(contexts=CONTEXTS)
        peer.send(EVERY_SERIES)
        answers = responses(peer)
        assert next(answers).status == 0xFF00
        peer.send(p_data(last_command(CANCEL)))
        *pending, final = answers
        assert final.status in (0xFE00, 0x0000)  # it may come after the last
        assert len(pending) < SERIES or final.status == 0x0000
        peer.release()


@pytest.mark.usefixtures("many")
def test_a_release_waits_for_the_answer_and_another_request_breaks_the_protocol(running: Running) -> None:
    with running.call() as peer:
        peer.associate(contexts=CONTEXTS)
        peer.send(EVERY_SERIES, RELEASE)
        assert len(list(responses(peer))) == SERIES + 1
        assert peer.read()[0] == PduType.RELEASE_RP
    with running.call() as peer:
        peer.associate(contexts=CONTEXTS)
        peer.send(EVERY_SERIES, EVERY_SERIES)
        assert peer.read()[0] == PduType.ABORT


def test_a_database_that_is_away_is_no_empty_answer(running: Running, holdings: Holdings) -> None:
    with holdings.shelf.pool.connection() as connection:
        connection.execute("alter table study rename to gone")
    with running.call() as peer:
        peer.associate(contexts=CONTEXTS)
        peer.send(EVERY_SERIES)
        (final,) = responses(peer)
        peer.release()

    assert final.status == 0xA700
    assert final.elements[0x0902].startswith(b"try again later")


@pytest.mark.parametrize(
    ("identifier", "status", "offending"),
    [
        (b"\x08\0\x52\0\xff\xff\xff\x7f", 0xC001, struct.pack("<HH", 0x0008, 0x0052)),
        (bytes(3 * 1024 * 1024), 0xC001, b""),
        (b"", 0xA900, struct.pack("<HH", 0x0008, 0x0052)),
        (b"\x08\0\x20\0" + struct.pack("<I", 8) + b"notadate", 0xC001, struct.pack("<HH", 0x0008, 0x0020)),
    ],
)
def test_an_identifier_that_is_none_is_refused(
    running: Running, identifier: bytes, status: int, offending: bytes
) -> None:
    with running.call() as peer:
        peer.associate(contexts=CONTEXTS)
        pieces = [identifier[start : start + 65536] for start in range(0, len(identifier) or 1, 65536)]
        peer.send(p_data(last_command(FIND)))
        for number, piece in enumerate(pieces):
            control = IS_LAST if number == len(pieces) - 1 else 0
            peer.send(p_data(struct.pack(">IBB", len(piece) + 2, 1, control) + piece))
        (final,) = responses(peer)
        peer.release()

    assert final.status == status
    assert final.elements.get(OFFENDING_ELEMENT, b"") == offending


def test_a_request_without_an_identifier_is_refused(running: Running) -> None:
    with running.call() as peer:
        peer.associate(contexts=CONTEXTS)
        peer.send(p_data(last_command(command(0x0020, 7, sop=STUDY_ROOT_FIND))))
        (final,) = responses(peer)
        peer.release()
    assert final.status == 0xC001
