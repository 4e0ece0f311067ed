"""Messages as broken senders, and people who mean harm, send them: to the desk, with a real database."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection
from psycopg_pool import ConnectionPool
from structlog.testing import capture_logs

from exchange.hl7.desk import HANDLERS, Desk, Handler
from exchange.hl7.message import Message
from exchange.hl7.messages import PostgresMessages
from exchange.hl7.namespace import Namespace
from exchange.hl7.senders import PostgresSenders, Sender
from tests.exchange.hl7.material import PID, adt, answer_of, joined, omi, pid_of
from tests.exchange.hl7.reports_material import radiology
from tests.fuzz.hl7 import LONG, damaged

ADDRESS = "10.1.2.3"
OWN = "1^^^RBL^PI"


@pytest.fixture
def desk(pool: ConnectionPool) -> Desk:
    PostgresSenders(pool).add(Sender("10.1.2.0/24", "RBL"))
    return Desk(pool, HANDLERS)


def taken(desk: Desk, raw: bytes) -> tuple[str, str]:
    """What it is answered with, and where; never because of a fault of ours."""
    with capture_logs() as said:
        answer = desk.take(raw, ADDRESS)
    assert not [each for each in said if each["event"] in ("hl7.fault", "hl7.later")]
    code, _, place = answer_of(answer)
    return code, place


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**40))
def test_a_damaged_message_is_taken_or_refused_and_never_our_fault(desk: Desk, seed: int) -> None:
    assert taken(desk, damaged(seed))[0] in ("AA", "AE", "AR")


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (adt(pid=pid_of(OWN, {11: f"^^^^{LONG}"})), "PID^1^11^1"),
        (adt(pid=pid_of(OWN, {5: f"A^B^^{LONG}"})), "PID^1^5^1"),
        (adt(pid=pid_of(f"{OWN}~{LONG}^^^NHS^NH", {})), "PID^1^3^2"),
        (omi(pid=pid_of(f"1^^^{LONG}^PI", {})), "PID^1^3^1"),
        (radiology(pid=pid_of(f"{LONG}^^^RBL^PI", {})), "PID^1^3^1"),
        (radiology(number=f"R1^{LONG}"), "OBR^1^3^1"),
    ],
)
def test_what_is_longer_than_any_number_is_refused_by_its_place(desk: Desk, raw: bytes, place: str) -> None:
    assert taken(desk, raw) == ("AE", place)


def test_one_message_holds_up_nobody_with_thousands_of_numbers(desk: Desk) -> None:
    numbers = "~".join(f"{number}^^^RBL^PI" for number in range(3000))
    assert taken(desk, adt(pid=pid_of(numbers, {}))) == ("AE", "PID^1^3^1")
    merges = [f"MRG|{number}^^^RBL^PI" for number in range(3000)]
    assert taken(desk, adt("A40", more=merges))[0] == "AE"
    results = [f"OBR|{number}||1||||||||||||||||||||||F" for number in range(300)]
    header = radiology().decode().split("\r")[0]
    assert taken(desk, joined([header, pid_of("~".join(map(str, range(9000))), {}), *results]))[0] == "AA"


def broken(connection: Connection[object], message: Message, namespace: Namespace) -> None:
    raise KeyError(message.control_id)


def not_taken(connection: Connection[object], message: Message, namespace: Namespace) -> None:
    connection.execute("select %s::text", ("a\0b",))


@pytest.mark.parametrize("handler", [broken, not_taken])
def test_a_fault_of_ours_stops_no_feed_and_loses_no_message(pool: ConnectionPool, handler: Handler) -> None:
    PostgresSenders(pool).add(Sender("10.1.2.0/24", "RBL"))
    failing = Desk(pool, {**HANDLERS, "ADT^A08": handler})
    messages = PostgresMessages(pool)

    answers = [answer_of(failing.take(adt(), ADDRESS))[0] for _ in range(3)]

    assert answers == ["AR", "AE", "AE"], "its sender tries once more, then goes on"
    assert answer_of(failing.take(omi(), ADDRESS))[0] == "AA"
    (aside,) = messages.kept_aside()
    assert messages.raw(aside.id) == adt()
    assert answer_of(failing.take_again(aside.id, "ann"))[0] == "AE"
    assert answer_of(Desk(pool, HANDLERS).take_again(aside.id, "ann"))[0] == "AA"
    assert messages.kept_aside() == []
    with pool.connection() as connection:
        assert connection.execute("select value from person_record where issuer = 'RBL'").fetchall() == [
            ("123456",)
        ]


def test_what_came_over_tls_is_taken_again_without_its_certificate(pool: ConnectionPool) -> None:
    PostgresSenders(pool).add(Sender("10.1.2.0/24", "RBL", fingerprint="ab" * 32))
    desk = Desk(pool, HANDLERS)
    assert answer_of(desk.take(adt(pid=PID.replace("19500102", "never")), ADDRESS, "ab" * 32))[0] == "AE"
    (aside,) = PostgresMessages(pool).kept_aside()

    assert answer_of(desk.take_again(aside.id, "ann"))[2].startswith("PID^1^7")
