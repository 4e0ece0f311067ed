"""Frames read from their objects, as they are stored; native ones little endian."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from storage.archive import FrameRanges
from storage.decoding import Recoder
from storage.elements import EXPLICIT_BIG
from storage.frames import Form
from storage.objects import ObjectStore
from storage.passing import joined_fragments


@dataclass(frozen=True, slots=True)
class FrameReader:
    """Reads frames by their places; goes through the whole object only where those are not known."""

    objects: ObjectStore
    recoder: Recoder

    def frames(self, found: FrameRanges, numbers: Sequence[int]) -> Iterator[Iterable[bytes]]:
        """Each frame in pieces: one may be as long as a video. Raises Unreadable, and what objects raise."""
        stored = found.stored
        if found.ranges is None or stored.transfer_syntax == EXPLICIT_BIG:
            data_set = self.objects.read(stored.key, stored.data_offset)
            for frame in self.recoder.frames(data_set, stored.transfer_syntax, numbers):
                yield (frame,)
            return
        for start, stop in found.ranges:
            if stored.frame_form == Form.FRAGMENTS:
                # The first fragment's length stands in the item header before it.
                yield joined_fragments(self.objects.read(stored.key, start - 8, stop))
            else:
                yield self.objects.read(stored.key, start, stop)
