"""Photographs and clips that come as parts, made what DICOM takes in processes that a hostile one may end."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any, TypeVar

from ologies import errors
from ologies.clips.remade import remade
from ologies.codestreams import Picture
from ologies.confined import alone
from ologies.photographs.picture import upright
from storage.assembling import Value
from storage.errors import NoRoom
from storage.json_in import BadMetadata
from viewer_api.spool import Spool, mapped

_PIECE = 256 * 1024

Of = TypeVar("Of")


@dataclass(frozen=True, slots=True)
class Clip:
    """A video as it is kept."""

    value: Value
    picture: Picture
    timing: dict[str, Any]  # Cine and Multi-frame, as DICOM JSON
    is_changed: bool
    is_anew: bool  # encoded anew: perhaps because its camera turned it


class Turning:
    """So many at one time; more wait."""

    def __init__(self, count: int | None = None) -> None:
        """As many as there are processors, unless it is said how many."""
        self._places = BoundedSemaphore(count or os.cpu_count() or 1)

    def upright(self, spool: Spool, value: Value) -> Value:
        """The JPEG as JPEG 2000 lossless, in the spool. Blocking. Raises BadMetadata and Unavailable."""
        with self._made(spool, value, upright) as made:
            return spool.add(_pieces(made))

    def clip(self, spool: Spool, value: Value) -> Clip:
        """The MP4 file without what it says of place and person. As `upright`."""
        with self._made(spool, value, remade) as made:
            return Clip(
                spool.add(_pieces(made.file)), made.picture, made.timing, made.is_changed, made.is_anew
            )

    @contextmanager
    def _made(self, spool: Spool, value: Value, make: Callable[[Path, Path], Of]) -> Iterator[Of]:
        """What becomes of it, while its files are there."""
        with self._places, mapped(), tempfile.TemporaryDirectory(dir=spool.folder or None) as folder:
            path = Path(folder, "part")
            with path.open("wb") as file:
                file.writelines(value.read(0, value.size))
            made = alone(partial(make, path, Path(folder)), path)
            if isinstance(made, errors.NoRoom):
                raise NoRoom("no room for the bulk data of a request")
            if isinstance(made, errors.OlogyError):
                raise BadMetadata(str(made))
            yield made


@dataclass(frozen=True, slots=True)
class Making:
    """The same, for the spool of one request."""

    turning: Turning
    spool: Spool

    def upright(self, value: Value) -> Value:
        """Turning.upright."""
        return self.turning.upright(self.spool, value)

    def clip(self, value: Value) -> Clip:
        """Turning.clip."""
        return self.turning.clip(self.spool, value)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
