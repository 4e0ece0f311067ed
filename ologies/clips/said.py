"""What a clip file says of its making: when and with what; no place, no title, no owner."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from ologies.case import Device
from ologies.clips.movie import Movie, read_movie
from ologies.codestreams import Fetch
from ologies.recognition import Kind
from ologies.settled import Said

#: How files name what made them: QuickTime's keys, and its older and shorter ones.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "manufacturer": ("make", "mak"), "model": ("model", "mod"), "software": ("software", "swr"),
    "at": ("creationdate", "day"),
}  # fmt: skip


@contextmanager
def opened(path: Path) -> Iterator[tuple[Fetch, int]]:
    """A file to fetch from, and its size."""
    with path.open("rb") as file:
        number = file.fileno()

        def fetch(start: int, stop: int) -> bytes:
            return os.pread(number, max(0, stop - start), start)

        yield fetch, os.fstat(number).st_size


def said_by(path: Path, kind: Kind) -> Said:
    """Raises Damaged. AVI and MPEG say nothing that could be relied on."""
    if kind not in (Kind.MP4, Kind.MOV):
        return Said()
    with opened(path) as (fetch, size):
        return _said(read_movie(fetch, size))


def _said(movie: Movie) -> Said:
    words = {
        name: next((movie.said[key] for key in keys if key in movie.said), "") for name, keys in _KEYS.items()
    }
    device = Device(
        manufacturer=_plain(words["manufacturer"]), model=_plain(words["model"]),
        # Of the camera, where it names itself; an editor's name says nothing of the device.
        software=_plain(words["software"]) if words["model"] else None,
    )  # fmt: skip
    return Said(at=_moment(words["at"]) or movie.made_at, device=device)


def _moment(said: str) -> datetime | None:
    """With its zone, or not at all: mvhd has it in UTC."""
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def _plain(said: str) -> str | None:
    plain = "".join(each if each.isprintable() and each != "\\" else " " for each in said)
    return " ".join(plain.split())[:64] or None
