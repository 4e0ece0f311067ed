"""How an instance leaves: as it is stored, or written anew in a syntax that its reader takes.

Every read of a whole instance passes here, and so passes the corrections in force.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from storage.archive import Stored
from storage.corrections import Correction, correct_bytes
from storage.decoding import Recoder
from storage.elements import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from storage.objects import ObjectStore
from storage.recode import to_explicit_little, to_implicit_little


class Way(Enum):
    """How an instance leaves."""

    AS_STORED = "as stored"
    EXPLICIT = "native, written anew in Explicit VR Little Endian"
    IMPLICIT = "native, written anew in Implicit VR Little Endian"
    DECODED = "compressed, decoded to Explicit VR Little Endian"
    DECODED_IMPLICIT = "compressed, decoded to Implicit VR Little Endian"


#: The syntax of what leaves, where it is not the stored one.
_SYNTAXES: Mapping[Way, str] = {
    Way.EXPLICIT: EXPLICIT_LITTLE,
    Way.IMPLICIT: IMPLICIT_LITTLE,
    Way.DECODED: EXPLICIT_LITTLE,
    Way.DECODED_IMPLICIT: IMPLICIT_LITTLE,
}


@dataclass(frozen=True, slots=True)
class Leaving:
    """An instance and how it leaves."""

    stored: Stored
    corrections: tuple[Correction, ...] = ()  # those in force
    way: Way = Way.AS_STORED

    @property
    def transfer_syntax(self) -> str:
        """Of what leaves."""
        return _SYNTAXES.get(self.way, self.stored.transfer_syntax)

    @property
    def size(self) -> int | None:
        """Bytes of the data set that leaves, where that is known before."""
        if self.way is not Way.AS_STORED or self.corrections:
            return None
        return self.stored.size - self.stored.data_offset


def leaving_data_set(leaving: Leaving, objects: ObjectStore, recoder: Recoder) -> Iterator[bytes]:
    """The data set as it leaves, in pieces. Raises what reading, correcting and decoding raise."""
    stored = leaving.stored
    received = objects.read(stored.key, stored.data_offset)
    corrected = correct_bytes(received, stored.transfer_syntax, leaving.corrections)
    return _written(corrected, leaving, recoder)


def _written(corrected: Iterator[bytes], leaving: Leaving, recoder: Recoder) -> Iterator[bytes]:
    syntax = leaving.stored.transfer_syntax
    match leaving.way:
        case Way.AS_STORED:
            return corrected
        case Way.EXPLICIT:
            return to_explicit_little(corrected, syntax)
        case Way.IMPLICIT:
            return to_implicit_little(corrected, syntax)
        case Way.DECODED:
            return iter((recoder.decoded(corrected, syntax),))
        case Way.DECODED_IMPLICIT:
            decoded: Iterable[bytes] = (recoder.decoded(corrected, syntax),)
            return to_implicit_little(decoded, EXPLICIT_LITTLE)
