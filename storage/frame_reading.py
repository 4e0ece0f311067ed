"""Frames read from their objects, as they are stored; native ones little endian."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from storage.archive import FrameRanges
from storage.frames import Form
from storage.inflated_copies import InflatedCopies
from storage.objects import Readable
from storage.passing import joined_fragments
from storage.syntaxes import DEFLATED, EXPLICIT_BIG
from storage.transcoding import frames_as_stored


@dataclass(frozen=True, slots=True)
class FrameReader:
    """Reads frames by their places; goes through what lies before them only where those are not known."""

    objects: Readable
    inflated: InflatedCopies = field(default_factory=InflatedCopies)

    def frames(self, found: FrameRanges, numbers: Sequence[int]) -> Iterator[Iterable[bytes]]:
        """Each frame in pieces: one may be as long as a video. Raises Unreadable, and what objects raise."""
        stored, syntax = found.stored, found.stored.transfer_syntax
        if found.ranges is None or syntax == EXPLICIT_BIG:
            data_set = partial(self.objects.read, stored.key, stored.data_offset)
            if syntax == DEFLATED:
                frames = self.inflated.frames(stored.key, data_set, numbers)
            else:
                frames = frames_as_stored(data_set(), syntax, numbers)
            for frame in frames:
                yield (frame,)
            return
        for start, stop in found.ranges:
            if stored.frame_form == Form.FRAGMENTS:
                # The first fragment's length stands in the item header before it.
                yield joined_fragments(self.objects.read(stored.key, start - 8, stop))
            else:
                yield self.objects.read(stored.key, start, stop)
