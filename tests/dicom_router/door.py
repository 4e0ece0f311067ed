"""The archive's door, kept in memory: honest about what it holds, and refusing on request."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

from storage.ingest import Incoming
from storage.objects import Bytes
from storage.origin import Origin
from storage.receipt import Outcome, Receipt


@dataclass
class MemoryDoor:
    """Keeps every whole data set; compares a UID that comes again byte for byte."""

    answers: list[Receipt | Exception] = field(default_factory=list)  # given before the first byte is read
    kept: dict[str, bytes] = field(default_factory=dict)
    arrivals: list[tuple[Incoming, Origin, Outcome, str]] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)  # every whole data set, in turn
    sizes: list[int] = field(default_factory=list)  # of the pieces of the last instance
    lock: threading.Lock = field(default_factory=threading.Lock)

    def accept(self, incoming: Incoming, chunks: Iterable[Bytes], origin: Origin) -> Receipt:
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        pieces = [bytes(chunk) for chunk in chunks]
        data, uid = b"".join(pieces), incoming.sop_instance_uid
        with self.lock:
            self.sizes = [len(piece) for piece in pieces]
            self.received.append(data)
            held = self.kept.setdefault(uid, data)
            if held is data:
                outcome = Outcome.KEPT
            else:
                outcome = Outcome.ALREADY_KEPT if held == data else Outcome.DIFFERENT
            self.arrivals.append((incoming, origin, outcome, ""))
        return Receipt(outcome, uid, "" if outcome.is_kept else "same UID, other content")

    def turn_away(self, incoming: Incoming, origin: Origin, outcome: Outcome, because: str) -> None:
        with self.lock:
            self.arrivals.append((incoming, origin, outcome, because))

    @property
    def outcomes(self) -> list[Outcome]:
        return [outcome for _incoming, _origin, outcome, _because in self.arrivals]
