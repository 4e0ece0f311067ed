"""Photographs that come as parts, made upright in processes that a hostile one may end."""

import os
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from threading import BoundedSemaphore

from ologies import errors
from ologies.confined import alone
from ologies.photographs.picture import upright
from storage.assembling import Value
from storage.errors import NoRoom
from storage.json_in import BadMetadata
from viewer_api.spool import Spool, mapped

_PIECE = 256 * 1024


class Turning:
    """So many at one time; more wait."""

    def __init__(self, count: int | None = None) -> None:
        """As many as there are processors, unless it is said how many."""
        self._places = BoundedSemaphore(count or os.cpu_count() or 1)

    def upright(self, spool: Spool, value: Value) -> Value:
        """The JPEG as JPEG 2000 lossless, in the spool. Blocking. Raises BadMetadata and Unavailable."""
        with self._places, mapped(), tempfile.TemporaryDirectory(dir=spool.folder or None) as folder:
            path = Path(folder, "photograph")
            with path.open("wb") as file:
                file.writelines(value.read(0, value.size))
            made = alone(partial(upright, path, Path(folder)), path)
            if isinstance(made, errors.NoRoom):
                raise NoRoom("no room for the bulk data of a request")
            if isinstance(made, errors.OlogyError):
                raise BadMetadata(str(made))
            return spool.add(_pieces(made))


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
