"""A receiver of HL7 v2 is told of studies by messages that it acknowledges."""

import socket
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread

import pytest

from exchange.hl7.answers import accepted
from exchange.hl7.listener import Limits, Listener, Secure
from exchange.hl7.message import Message, read_message
from exchange.telling import mllp
from exchange.telling.outbox import Because
from exchange.telling.subscriber import Kind, Manner, Subscriber
from exchange.telling.subscriber import Message as By
from tests.exchange.telling.region import IVY, RUTH, Region

ODD = "O'Neill|^~\\&"


@dataclass
class Receiver:
    """Takes messages as an integration engine does, and answers as it is told to."""

    port: int = 0
    took: list[Message] = field(default_factory=list)
    answers: deque[str | None] = field(default_factory=deque)  # None: nothing, for long

    def knows(self, address: str) -> bool:
        return True

    def take(self, raw: bytes, address: str, fingerprint: str = "") -> bytes:
        message = read_message(raw)
        answer = self.answers.popleft() if self.answers else "AA"
        if answer is None:
            raise OSError("hangs up")
        if answer != "AA":
            said = f"MSA|{answer}|{message.control_id}|{RUTH} is unknown"
            error = f"ERR||PID^1^3|204^Unknown key^HL70357|E||||no patient {RUTH}"
            return f"MSH|^~\\&|||||20260101||ACK|1|P|2.5.1\r{said}\r{error}\r".encode()
        self.took.append(message)
        return accepted(message)

    @contextmanager
    def listening(self, secure: Secure | None = None) -> Iterator["Receiver"]:
        with socket.create_server(("127.0.0.1", 0)) as door:
            self.port = door.getsockname()[1]
            listener = Listener(self, {door: secure}, lambda _: None, Limits())
            thread = Thread(target=listener.serve, daemon=True)
            thread.start()
            yield self
            listener.drain()
            thread.join()

    @property
    def last(self) -> dict[tuple[str, str], bool]:
        """Of each study and person whether the last message tells of it."""
        found = {}
        for each in self.took:
            [number] = texts(each, "PID", (3, 1))
            is_result = each.first("OBR") is not None
            [uid] = texts(each, "OBR", (3, 1)) if is_result else texts(each, "TXA", (12, 1))
            [status] = texts(each, "OBR", (25, 1)) if is_result else texts(each, "TXA", (19, 1))
            found[uid, number] = status in ("F", "C", "AV")
        return found

    @property
    def types(self) -> list[str]:
        return [each.type for each in self.took]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().listening() as found:
        yield found


def subscriber(receiver: Receiver, message: By = By.ORU) -> Subscriber:
    manner = Manner(message=message, application="XCHANGE", facility="QYG")
    return Subscriber(
        name="engine", kind=Kind.HL7, address=f"mllp://127.0.0.1:{receiver.port}", manner=manner
    )


def texts(message: Message, segment: str, *fields: tuple[int, int]) -> list[str]:
    found = message.first(segment)
    assert found is not None
    return [found.text(*each) for each in fields]


def test_a_study_is_a_result_with_its_link(region: Region, receiver: Receiver) -> None:
    region.subscribe(subscriber(receiver))
    region.study()
    region.link("1.2.1", RUTH)
    region.tell()

    [message] = receiver.took
    assert message.type == "ORU^R01"
    assert texts(message, "MSH", (3, 1), (4, 1), (5, 1), (6, 1)) == ["IMX", "RBL", "XCHANGE", "QYG"]
    assert texts(message, "PID", (3, 1), (3, 4), (3, 5), (5, 1), (5, 2), (7, 1), (8, 1), (32, 1)) == [
        RUTH, "NHS", "NH", "O'Neill", "Ruth", "19710304", "F", "01",
    ]  # fmt: skip
    assert texts(message, "OBR", (3, 1), (4, 1), (4, 3), (18, 1), (24, 1), (25, 1)) == [
        "1.2.1", "CCHES", "NICIP", "A1", "CT", "F",
    ]  # fmt: skip
    link = "https://images.example/IHEInvokeImageDisplay?requestType=STUDY&studyUID=1.2.1"
    assert texts(message, "OBX", (2, 1), (5, 1), (5, 3), (11, 1)) == ["RP", link, "TEXT", "F"]


def test_what_changes_is_corrected_and_what_was_wrong_is_said_to_be(
    region: Region, receiver: Receiver
) -> None:
    region.subscribe(subscriber(receiver))
    region.study()
    region.link("1.2.1", RUTH)
    region.tell()
    region.study(instances=2)
    region.tell()
    assert receiver.types == ["ORU^R01"], "its link shows what there is"
    region.person(RUTH, given="Ruthie")
    region.note("1.2.1", Because.PERSON)
    region.tell()
    region.link("1.2.1", IVY)
    region.tell()

    said = [
        (
            *texts(each, "PID", (3, 1)),
            *texts(each, "OBR", (3, 1), (25, 1)),
            *texts(each, "OBX", (5, 1), (11, 1)),
        )
        for each in receiver.took
    ]
    link = said[0][3]
    assert said == [
        (RUTH, "1.2.1", "F", link, "F"),
        (RUTH, "1.2.1", "C", link, "C"),
        (RUTH, "1.2.1", "X", "", "W"),  # before the new person hears of it
        (IVY, "1.2.1", "F", link, "F"),
    ]


def test_a_study_is_a_document(region: Region, receiver: Receiver) -> None:
    region.subscribe(subscriber(receiver, By.MDM))
    region.study()
    region.link("1.2.1", RUTH)
    region.tell()
    region.person(RUTH, given="Ruthie")
    region.note("1.2.1", Because.PERSON)
    region.tell()
    region.link("1.2.1")
    region.tell()

    assert receiver.types == ["MDM^T02", "MDM^T10", "MDM^T11"]
    said = [texts(each, "TXA", (12, 1), (13, 1), (15, 1), (17, 1), (19, 1)) for each in receiver.took]
    assert said == [
        ["1.2.1", "", "A1", "AU", "AV"],
        ["1.2.1", "1.2.1", "A1", "AU", "AV"],
        ["1.2.1", "", "A1", "AU", "CA"],
    ]
    assert [texts(each, "PID", (3, 1)) for each in receiver.took] == [[RUTH]] * 3
    assert [each.first("OBX") is None for each in receiver.took] == [False, False, True]


@pytest.mark.parametrize("code", ["AE", "AR"])
def test_what_is_refused_is_a_dead_letter_that_names_nobody(
    region: Region, receiver: Receiver, code: str
) -> None:
    region.subscribe(subscriber(receiver))
    region.study()
    region.link("1.2.1", RUTH)
    receiver.answers.append(code)
    region.tell()
    assert region.states == [("1.2.1", "dead", f"{code} (204 at PID-3)")]

    region.note("1.2.1", Because.PERSON)
    region.tell()
    assert receiver.types == ["ORU^R01"]
    assert region.states == [("1.2.1", "told", "")]


def test_silence_is_asked_again(region: Region, receiver: Receiver) -> None:
    region.subscribe(subscriber(receiver))
    region.study()
    region.link("1.2.1", RUTH)
    receiver.answers.append(None)
    region.tell()
    [(_, state, why)] = region.states
    assert (state, why) == ("waiting", "no answer from its address (ConnectionResetError)")

    region.rows("update telling set due_at = now() returning id")
    region.tell()
    assert receiver.types == ["ORU^R01"]
    assert region.states == [("1.2.1", "told", "")]


def test_an_answer_to_another_message_is_none(region: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mllp, "ANSWER_S", 5.0)
    with socket.create_server(("127.0.0.1", 0)) as door:
        region.subscribe(
            Subscriber(name="engine", kind=Kind.HL7, address=f"mllp://127.0.0.1:{door.getsockname()[1]}")
        )
        region.study()
        region.link("1.2.1", RUTH)

        def answer() -> None:
            connection, _ = door.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"\x0bMSH|^~\\&|||||1||ACK|1|P|2.5.1\rMSA|AA|other\r\x1c\r")
                connection.recv(1)

        thread = Thread(target=answer, daemon=True)
        thread.start()
        region.tell()
        thread.join()
    assert region.states == [("1.2.1", "waiting", "it answers another message than was sent")]
