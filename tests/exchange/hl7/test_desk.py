"""Taking messages: durable before AA, replays change nothing, what is refused is kept aside."""

import pytest
from psycopg_pool import ConnectionPool

from exchange.hl7.desk import HANDLERS, Desk
from exchange.hl7.messages import PostgresMessages
from exchange.hl7.namespace import Namespace
from exchange.hl7.senders import BadSender, Known, PostgresSenders, Sender, known_sender
from exchange.order import Status
from exchange.orders import PostgresOrders
from storage.errors import NotHeld
from tests.exchange.hl7.material import PID, answer_of, header, joined, omi, orm
from tests.exchange.hl7.reports_material import PDF, histopathology, radiology

ADDRESS = "10.1.2.3"


@pytest.fixture
def desk(pool: ConnectionPool) -> Desk:
    PostgresSenders(pool).add(Sender("10.1.2.0/24", "RBL"))
    return Desk(pool, HANDLERS)


def rows(pool: ConnectionPool, query: str) -> list[tuple[object, ...]]:
    with pool.connection() as connection:
        return connection.execute(query).fetchall()


@pytest.mark.parametrize(("raw", "number"), [(omi(), "F1"), (orm(), "F2")])
def test_an_order_that_is_acknowledged_is_kept(desk: Desk, raw: bytes, number: str) -> None:
    assert answer_of(desk.take(raw, ADDRESS)) == ("AA", "1", "")

    found = PostgresOrders(desk.pool).order("RBL", number)
    assert (found.status, found.placed_by) == (Status.SCHEDULED, "HL7 CRIS")
    assert rows(desk.pool, "select trust, answer, raw from hl7_message") == [("RBL", "AA", None)]


def test_a_replay_changes_nothing(desk: Desk) -> None:
    for raw in (omi(), omi("CA", "2", at="20260302100000"), omi(), omi()):
        assert answer_of(desk.take(raw, ADDRESS))[0] == "AA"

    assert PostgresOrders(desk.pool).order("RBL", "F1").status is Status.CANCELLED
    assert len(rows(desk.pool, "select from hl7_message")) == 2


def test_what_comes_late_changes_nothing(desk: Desk) -> None:
    for raw in (omi("CA", "3", at="20260302120000"), omi("XO", "2", at="20260302110000"), omi()):
        assert answer_of(desk.take(raw, ADDRESS))[0] == "AA"

    found = PostgresOrders(desk.pool).order("RBL", "F1")
    assert found.status is Status.CANCELLED
    assert found.is_content


@pytest.mark.parametrize(
    ("raw", "answer", "place"),
    [
        (omi(accession="9" * 17), "AE", "IPC^1^1^1"),
        (omi(pid="PID|||"), "AE", "PID^1^3^1"),
        (b"not HL7", "AE", "MSH^1"),
        (omi(control_id=""), "AE", "MSH^1^10^1"),
        (joined([header("ADT^A99"), PID]), "AR", "MSH^1^9^1"),
        (joined([header("ORM^O02"), PID]), "AR", "MSH^1^9^1"),
        (omi().replace(b"|P|2.5.1", b"|T|2.5.1"), "AR", "MSH^1^11^1"),
    ],
)
def test_what_is_refused_is_named_and_kept_aside(desk: Desk, raw: bytes, answer: str, place: str) -> None:
    for _ in range(2):
        assert answer_of(desk.take(raw, ADDRESS))[::2] == (answer, place)

    messages = PostgresMessages(desk.pool)
    (aside,) = messages.kept_aside()
    assert (aside.answer, messages.raw(aside.id)) == (answer, raw)
    assert aside.because.startswith(place.split("^")[0])
    assert messages.settle(aside.id, "somebody")
    assert not messages.settle(aside.id, "somebody")
    assert messages.kept_aside() == []
    assert PostgresOrders(desk.pool).orders() == []


def test_a_message_of_which_one_order_is_wrong_changes_nothing(desk: Desk) -> None:
    wrong = omi() + b"ORC|NW|P9^ICE|F9^CRIS\rOBR|1|P9|F9|A^B\rIPC|A9|RP|not a UID|S|CT\r"

    assert answer_of(desk.take(wrong, ADDRESS)) == ("AE", "1", "IPC^1^3^1")
    assert PostgresOrders(desk.pool).orders() == []


def test_one_engine_speaks_for_two_trusts_by_facility(desk: Desk) -> None:
    PostgresSenders(desk.pool).add(Sender("10.9.9.9", "REM", facility="REM", aliases=("PAS",)))

    assert answer_of(desk.take(omi().replace(b"|RBL|IMX", b"|REM|IMX"), "10.9.9.9"))[0] == "AA"
    assert answer_of(desk.take(omi(control_id="2"), "10.9.9.9")) == ("AR", "2", "MSH^1^4^1")
    assert [each.order.trust for each in PostgresOrders(desk.pool).orders()] == ["REM"]


def test_who_is_known_by_a_certificate_shows_it(desk: Desk) -> None:
    PostgresSenders(desk.pool).add(Sender("10.1.2.3", "REM", "RBL", fingerprint="ab" * 32))

    for number, shown in enumerate(("", "cd" * 32), 1):
        answer = answer_of(desk.take(omi(control_id=str(number)), ADDRESS, shown))
        assert answer == ("AR", str(number), "MSH^1^4^1")
    assert PostgresOrders(desk.pool).orders() == []
    assert answer_of(desk.take(omi(control_id="3"), ADDRESS, "ab" * 32))[0] == "AA"
    assert [each.order.trust for each in PostgresOrders(desk.pool).orders()] == ["REM"]


def test_senders_come_back_as_they_went_in(pool: ConnectionPool) -> None:
    senders = PostgresSenders(pool)
    entries = [
        Sender("10.1.2.0/24", "RBL", "A", ("PAS", "CRIS"), "ab" * 32),
        Sender("10.1.2.3/32", "REM"),
    ]
    for sender in entries:
        senders.add(sender)
        senders.add(sender)
    assert senders.all() == entries
    assert (senders.knows("10.1.2.9"), senders.knows("10.1.3.1")) == (True, False)
    namespace = Namespace("RBL", "RBL", frozenset({"PAS", "CRIS"}))
    with pool.connection() as connection:
        assert known_sender(connection, "10.1.2.3", "A") == Known(namespace, "ab" * 32)
        assert known_sender(connection, "10.1.2.9", "B") is None
    assert senders.remove("10.1.2.3")
    assert not senders.remove("10.1.2.3")
    for wrong in (
        Sender("here", "RBL"),
        Sender("10.0.0.0/8", "XXX"),
        Sender("10.0.0.0/8", "RBL", fingerprint="AB:CD"),
    ):
        with pytest.raises(BadSender):
            senders.add(wrong)


def test_while_the_database_is_away_the_sender_is_told_to_try_again() -> None:
    nobody = "host=127.0.0.1 port=1 connect_timeout=1"
    with ConnectionPool(nobody, min_size=0, max_size=1, timeout=0.2) as away:
        assert answer_of(Desk(away, HANDLERS).take(omi(), ADDRESS)) == ("AR", "1", "MSH^1")


def test_only_what_was_kept_aside_has_bytes(desk: Desk) -> None:
    desk.take(omi(), ADDRESS)
    with pytest.raises(NotHeld):
        PostgresMessages(desk.pool).raw(1)


def test_a_report_that_is_acknowledged_is_kept_and_its_replay_changes_nothing(desk: Desk) -> None:
    for raw in (radiology("P", "1"), radiology("F", "2", at="20260302100000"), radiology("P", "1")):
        assert answer_of(desk.take(raw, ADDRESS))[0] == "AA"

    assert rows(desk.pool, "select number, status, version from report") == [("R77", "final", 2)]


def test_a_document_that_a_report_brings_is_durable_with_it(desk: Desk) -> None:
    assert answer_of(desk.take(histopathology(), ADDRESS))[0] == "AA"
    [(content,)] = rows(desk.pool, "select bytes from report_document")
    assert content == PDF


def test_a_report_that_cannot_be_is_kept_aside_whole(desk: Desk) -> None:
    good, bad = radiology(number="R1"), radiology("Q", number="R2").partition(b"ORC")[2]
    assert answer_of(desk.take(good + b"ORC" + bad, ADDRESS))[::2] == ("AE", "OBR^2^25^1")
    assert rows(desk.pool, "select from report") == []
    assert len(PostgresMessages(desk.pool).kept_aside()) == 1
