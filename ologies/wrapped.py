"""An object on its way: where it lies, and what whoever keeps it has to know of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Wrapped:
    """One object as a Part 10 file, always in Explicit VR Little Endian."""

    sop_class_uid: str
    sop_instance_uid: str
    study_uid: str
    series_uid: str
    transfer_syntax_uid: str
    file: Path
    data_set_at: int  # what stands before it is file meta

    def data_set(self) -> Iterator[bytes]:
        """The data set, in pieces."""
        with self.file.open("rb") as file:
            file.seek(self.data_set_at)
            while piece := file.read(1024 * 1024):
                yield piece
