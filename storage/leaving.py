"""How an instance leaves: as it is stored, or written anew in a syntax that its reader takes.

Every read of a whole instance passes here, and so passes the corrections in force.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from storage.corrections import Correction, correct_bytes
from storage.objects import Readable
from storage.stored import Stored
from storage.transcoding import Transcoder


@dataclass(frozen=True, slots=True)
class Leaving:
    """An instance and how it leaves."""

    stored: Stored
    corrections: tuple[Correction, ...] = ()  # those in force
    wanted: str | None = None  # the transfer syntax, where not as it is stored

    @property
    def transfer_syntax(self) -> str:
        """Of what leaves."""
        return self.wanted or self.stored.transfer_syntax

    @property
    def is_as_stored(self) -> bool:
        """Whether nothing is written anew."""
        return self.transfer_syntax == self.stored.transfer_syntax

    @property
    def size(self) -> int | None:
        """Bytes of the data set that leaves, where that is known before."""
        if not self.is_as_stored or self.corrections:
            return None
        return self.stored.size - self.stored.data_offset


def leaving_data_set(leaving: Leaving, objects: Readable, transcoder: Transcoder) -> Iterator[bytes]:
    """The data set as it leaves, in pieces. Raises what reading, correcting and transcoding raise."""
    stored = leaving.stored
    received = objects.read(stored.key, stored.data_offset)
    corrected = correct_bytes(received, stored.transfer_syntax, leaving.corrections)
    return transcoder.data_set(corrected, stored.transfer_syntax, leaving.transfer_syntax)
