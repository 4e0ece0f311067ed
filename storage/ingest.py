"""The one door in: C-STORE, STOW and every conversion come through here."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from storage.objects import Bytes
from storage.origin import Origin
from storage.receipt import Receipt


@dataclass(frozen=True, slots=True)
class Incoming:
    """What the sender says it is sending, before the first byte (PS3.7 §9.1.1.1)."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str


class Door(Protocol):
    """What an edge needs of `Ingest`."""

    def accept(self, incoming: Incoming, chunks: Iterable[Bytes], origin: Origin) -> Receipt:
        """Keep one instance; see Ingest.accept."""

    def room_for(self, size_hint: int) -> None:
        """Raise Unavailable when nothing could be kept now."""
